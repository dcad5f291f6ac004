//! Holds `deploy/Dockerfile` to the recipes, for no machine of ours has Docker to build it.

use super::oci::{Image, Platform};
use super::product::{Facts, RECIPES, Recipe};

const DOCKERFILE: &str = include_str!("../../../deploy/Dockerfile");
const TOOLCHAIN: &str = include_str!("../../../rust-toolchain.toml");

/// Labels that only a build knows; `docker build --label` can give them.
const OF_A_BUILD: [&str; 3] = ["created", "revision", "version"];

/// The instructions of each stage, without comments and with continued lines made one.
fn stages(text: &str) -> Vec<Vec<String>> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let text = lines.collect::<Vec<_>>().join("\n").replace("\\\n", "");
    let mut stages: Vec<Vec<String>> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let words = line.split_whitespace().collect::<Vec<_>>().join(" ");
        match stages.last_mut() {
            Some(stage) if !words.starts_with("FROM ") => stage.push(words),
            _ => stages.push(vec![words]),
        }
    }
    stages
}

/// The image that we make ourselves.
fn image(recipe: &Recipe) -> Image {
    let facts = Facts {
        version: "1.2.3".to_owned(),
        revision: "abc".to_owned(),
        created: "2024-02-29T12:00:00Z".to_owned(),
    };
    let platform = Platform::of("x86_64-unknown-linux-gnu").unwrap();
    recipe.image(b"program".to_vec(), platform, &facts)
}

/// The stage that makes the same image.
fn stage(recipe: &Recipe) -> Vec<String> {
    let (config, (name, _)) = (image(recipe).config, recipe.program);
    let mut stage = vec![
        format!("FROM scratch AS {name}"),
        format!(
            "COPY --from=build /checkout/target/dist/{name} {}",
            recipe.command
        ),
    ];
    for (label, value) in &config.labels {
        let end = label.rsplit('.').next().unwrap_or_default();
        if !OF_A_BUILD.contains(&end) {
            stage.push(format!("LABEL {label}={value:?}"));
        }
    }
    stage.push(format!("USER {}", config.user));
    stage.push(format!("ENTRYPOINT {:?}", config.entrypoint));
    stage
}

#[test]
fn the_dockerfile_makes_the_images_of_the_recipes() {
    let [_, images @ ..] = &stages(DOCKERFILE)[..] else {
        panic!("it has no stage");
    };
    assert_eq!(images, RECIPES.each_ref().map(stage));
}

#[test]
fn the_dockerfile_builds_as_we_do_with_our_toolchain() {
    let mut lines = TOOLCHAIN.lines();
    let channel = lines.find_map(|line| line.strip_prefix("channel = "));
    let channel = channel.unwrap().trim_matches('"');
    let packages = RECIPES.map(|recipe| format!(" --package {}", recipe.program.0));
    assert_eq!(
        stages(DOCKERFILE)[0],
        [
            format!("FROM rust:{channel} AS build"),
            format!("ENV RUSTUP_TOOLCHAIN={channel}"),
            "WORKDIR /checkout".to_owned(),
            "COPY . .".to_owned(),
            format!("RUN cargo xtask dist{}", packages.concat()),
        ]
    );
}

#[test]
fn a_dockerfile_is_read_as_docker_reads_it() {
    let text = "# a\nFROM a AS b\n\nRUN c \\\n# d\n    e\nFROM f\n";
    assert_eq!(
        stages(text),
        [vec!["FROM a AS b", "RUN c e"], vec!["FROM f"]]
    );
}

//! What is in the two images that we ship, and what is written on them.

use std::collections::BTreeMap;
use std::path::Path;

use gtoken_contract::{AGENT_COMMAND, AGENT_IMAGE, WEBHOOK_IMAGE};

use super::oci::{Config, Image, Platform};
use super::rootfs::Rootfs;
use crate::dist::{AGENT, Program, WEBHOOK};
use crate::{process, workspace};

/// A user that is not root and owns nothing; the webhook runs the agents that it injects as the same.
pub(super) const USER: &str = "65532:65532";

const TITLE: &str = "org.opencontainers.image.title";
const DESCRIPTION: &str = "org.opencontainers.image.description";
const LICENSES: &str = "org.opencontainers.image.licenses";
const VERSION: &str = "org.opencontainers.image.version";
const REVISION: &str = "org.opencontainers.image.revision";
const CREATED: &str = "org.opencontainers.image.created";

/// One of our images, without what only a build knows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recipe {
    /// The program that it holds; its name is the layout's too.
    pub(super) program: Program,
    /// What a pod calls the image.
    pub(super) name: &'static str,
    /// Where the program stands.
    pub(super) command: &'static str,
    description: &'static str,
}

/// The images that we ship.
pub(super) const RECIPES: [Recipe; 2] = [
    Recipe {
        program: AGENT,
        name: AGENT_IMAGE,
        command: AGENT_COMMAND,
        description: "Keeps a file with a Google-signed ID token fresh, for the AWS SDK to exchange",
    },
    Recipe {
        program: WEBHOOK,
        name: WEBHOOK_IMAGE,
        command: "/gtoken-webhook",
        description: "Gives pods on GKE AWS credentials: injects the gtoken agent into them",
    },
];

/// What only a build knows.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) version: String,
    pub(super) revision: String,
    pub(super) created: String,
}

impl Facts {
    /// Asks git about HEAD; its date, not today's, is what makes the same image of it tomorrow.
    pub(super) fn ask(checkout: &Path) -> anyhow::Result<Self> {
        let git = |arguments: &[&str]| {
            let mut git = workspace::git(checkout);
            let said = process::output(git.args(arguments).env("TZ", "UTC0"))?;
            anyhow::Ok(said.trim().to_owned())
        };
        Ok(Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            // No tag fits `--exclude=*`, so it is the hash, with a mark if a file was changed since.
            revision: git(&[
                "describe",
                "--always",
                "--dirty",
                "--abbrev=40",
                "--exclude=*",
            ])?,
            created: git(&[
                "log",
                "-1",
                "--format=%cd",
                "--date=format-local:%Y-%m-%dT%H:%M:%SZ",
            ])?,
        })
    }
}

impl Recipe {
    /// The image: the program and nothing else, for it is static and asks for no file of its own.
    pub(super) fn image(&self, program: Vec<u8>, platform: Platform, facts: &Facts) -> Image {
        Image {
            name: self.name.to_owned(),
            platform,
            created: facts.created.clone(),
            config: Config {
                user: USER.to_owned(),
                entrypoint: vec![self.command.to_owned()],
                labels: self.labels(facts),
                ..Config::default()
            },
            rootfs: Rootfs::default().program(self.command, program),
        }
    }

    fn labels(&self, facts: &Facts) -> BTreeMap<String, String> {
        let labels = [
            (TITLE, self.program.0),
            (DESCRIPTION, self.description),
            (LICENSES, env!("CARGO_PKG_LICENSE")),
            (VERSION, &facts.version),
            (REVISION, &facts.revision),
            (CREATED, &facts.created),
        ];
        labels
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images() -> [Image; 2] {
        let facts = Facts {
            version: "1.2.3".to_owned(),
            revision: "abc".to_owned(),
            created: "2024-02-29T12:00:00Z".to_owned(),
        };
        let platform = Platform::of("x86_64-unknown-linux-gnu").unwrap();
        RECIPES.map(|recipe| recipe.image(b"program".to_vec(), platform, &facts))
    }

    #[test]
    fn no_image_runs_as_root_by_itself() {
        for image in images() {
            let ids = image.config.user.split(':').map(str::parse::<u32>);
            assert!(ids.clone().count() == 2 && ids.flatten().all(|id| id > 0));
        }
    }

    #[test]
    fn an_image_holds_the_program_that_it_runs_and_nothing_else() {
        for image in images() {
            let command = &image.config.entrypoint[0];
            let wanted = Rootfs::default().program(command, b"program".to_vec());
            assert_eq!(image.rootfs, wanted);
        }
    }

    #[test]
    fn the_webhook_finds_the_agent_where_the_image_has_it() {
        let [agent, _] = images();
        assert_eq!(
            (agent.name.as_str(), agent.config.entrypoint[0].as_str()),
            (AGENT_IMAGE, AGENT_COMMAND)
        );
    }

    #[test]
    fn an_image_says_of_which_version_and_commit_it_is() {
        for image in images() {
            let label = |name: &str| image.config.labels[name].as_str();
            assert_eq!((label(VERSION), label(REVISION)), ("1.2.3", "abc"));
            assert_eq!(label(CREATED), image.created);
        }
    }

    #[test]
    fn git_tells_the_commit_and_its_date() {
        let facts = Facts::ask(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        let hash = facts.revision.trim_end_matches("-dirty");
        assert!(hash.len() >= 40 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let shape: String = facts
            .created
            .chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect();
        assert_eq!(shape, "0000-00-00T00:00:00Z");
    }
}

//! Where a program is built, and what makes it fit to ship.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context as _, bail, ensure};

use super::flags::Places;
use super::{Program, elf};
use crate::process;
use crate::workspace::{self, Workspace};

/// Where a build happens and what has to be known about it.
pub(crate) struct Site {
    places: Places,
    triple: String,
    date: String,
}

impl Site {
    /// The checkout as it is, with its own target folder.
    pub(crate) fn here(workspace: &Workspace) -> anyhow::Result<Self> {
        Self::new(workspace.root.clone(), workspace.target.clone())
    }

    /// A checkout that is built in a folder of its own.
    pub(crate) fn new(checkout: PathBuf, target: PathBuf) -> anyhow::Result<Self> {
        let compiler = Compiler::ask(&checkout)?;
        let date = process::output(workspace::git(&checkout).args(["log", "-1", "--format=%ct"]))?;
        let places = Places {
            sources: compiler.sources,
            commit: compiler.commit,
            cargo_home: cargo_home()?,
            checkout,
            target,
        };
        Ok(Self {
            places,
            triple: compiler.triple,
            date: date.trim().to_owned(),
        })
    }

    /// The root of the checkout.
    pub(crate) fn checkout(&self) -> &Path {
        &self.places.checkout
    }

    /// What is built for, as rustc names it.
    pub(crate) fn triple(&self) -> &str {
        &self.triple
    }

    /// Where cargo leaves a program.
    pub(super) fn built(&self, (name, profile): Program) -> PathBuf {
        self.places
            .target
            .join(&self.triple)
            .join(profile)
            .join(name)
    }

    /// Builds one program, makes sure that it is what we promise, and gives its bytes.
    pub(crate) fn build(&self, program: Program) -> anyhow::Result<Vec<u8>> {
        let (name, _) = program;
        self.cargo_build(program, &["--bin", name])?;
        let path = self.built(program);
        let bytes =
            fs::read(&path).with_context(|| format!("could not read {}", path.display()))?;
        self.judge(&bytes)
            .with_context(|| format!("{} is not fit to ship", path.display()))?;
        Ok(bytes)
    }

    /// Builds an example of a program's package just as the program is built, and gives its path.
    pub(crate) fn build_example(&self, program: Program, example: &str) -> anyhow::Result<PathBuf> {
        self.cargo_build(program, &["--example", example])?;
        let program = self.built(program);
        Ok(program.with_file_name("examples").join(example))
    }

    fn cargo_build(&self, program: Program, chosen: &[&str]) -> anyhow::Result<()> {
        let (name, profile) = program;
        let wanted = chosen.last().unwrap_or(&name);
        let shown = self.places.checkout.display();
        eprintln!("building {wanted} ({profile}) in {shown}");
        let mut cargo = workspace::cargo(&self.places.checkout);
        cargo
            // A target of its own keeps the flags away from build scripts, which need not be static.
            .args(["build", "--locked", "--package", name])
            .args(chosen)
            .args(["--profile", profile, "--target", &self.triple])
            .env("CARGO_TARGET_DIR", &self.places.target)
            .env("CARGO_INCREMENTAL", "0")
            .env("SOURCE_DATE_EPOCH", &self.date)
            .env(
                "CARGO_ENCODED_RUSTFLAGS",
                self.places.rust(&self.triple, program),
            )
            .env(
                format!("CFLAGS_{}", self.triple.replace('-', "_")),
                self.places.c(),
            );
        for name in ["CFLAGS", "TARGET_CFLAGS", "RUSTFLAGS"] {
            cargo.env_remove(name);
        }
        ensure!(process::shown(&mut cargo)?, "{wanted} could not be built");
        Ok(())
    }

    fn judge(&self, bytes: &[u8]) -> anyhow::Result<()> {
        if let Some(interpreter) = elf::interpreter(bytes)? {
            bail!("it is not static, it asks for {interpreter}");
        }
        for path in [
            &self.places.checkout,
            &self.places.cargo_home,
            &self.places.target,
        ] {
            ensure!(
                !contains(bytes, path),
                "it holds the path {} of this machine",
                path.display()
            );
        }
        Ok(())
    }
}

/// What rustc says about itself.
struct Compiler {
    triple: String,
    commit: String,
    /// Where the sources of the standard library are, if they are installed.
    sources: PathBuf,
}

impl Compiler {
    /// Asks in the checkout, where the toolchain is pinned.
    fn ask(checkout: &Path) -> anyhow::Result<Self> {
        let rustc = |arguments: &[&str]| {
            process::output(Command::new("rustc").args(arguments).current_dir(checkout))
        };
        let version = rustc(&["--version", "--verbose"])?;
        let triple = field(&version, "host")?;
        ensure!(
            triple.ends_with("-linux-gnu"),
            "the programs are built on Linux with glibc, and this is {triple}"
        );
        Ok(Self {
            triple: triple.to_owned(),
            commit: field(&version, "commit-hash")?.to_owned(),
            sources: PathBuf::from(rustc(&["--print", "sysroot"])?.trim())
                .join("lib/rustlib/src/rust"),
        })
    }
}

/// The value of a line `name: value`.
fn field<'a>(text: &'a str, name: &str) -> anyhow::Result<&'a str> {
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    value.with_context(|| format!("rustc --version does not say its {name}"))
}

fn cargo_home() -> anyhow::Result<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    home.or_else(|| Some(env::home_dir()?.join(".cargo")))
        .context("neither CARGO_HOME nor HOME says where cargo keeps its sources")
}

fn contains(bytes: &[u8], path: &Path) -> bool {
    let wanted = path.as_os_str().as_encoded_bytes();
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_found_anywhere_in_a_program() {
        assert!(contains(
            b"\0\0/root/.cargo/registry",
            Path::new("/root/.cargo")
        ));
        assert!(!contains(b"\0\0/cargo/registry", Path::new("/root/.cargo")));
    }
}

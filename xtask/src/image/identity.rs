//! The images that hold one program of ours for tests: those with an AWS SDK that ask who they are, in Rust and in Go,
//! which are any application as far as gtoken can tell, and one that reads metrics as Prometheus does.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use super::kept;
use super::oci::{Config, Image, Platform};
use super::product::USER;
use super::rootfs::Rootfs;
use crate::dist::{Program, Site};
use crate::go;
use crate::hash::Hasher;
use crate::process;
use crate::workspace::Workspace;

/// The program in Rust, with a profile that does not optimise: it waits for AWS most of the time.
const RUST: Program = ("caller-identity", "e2e");

/// What besides its sources the program in Rust is made from.
const RUST_INPUTS: [&str; 3] = ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml"];

/// The program in Go that asks.
const GO: &str = "caller-identity-go";

/// The program in Go that reads metrics.
const SCRAPE: &str = "scrape";

/// Without symbols and debugging information.
const GO_FLAGS: &str = "-ldflags=-s -w";

/// The archive of the program in Rust.
pub(super) fn rust(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let (name, profile) = RUST;
    let mut made_from = sources(workspace, name)?;
    made_from.text(profile);
    for input in RUST_INPUTS {
        made_from.file(&workspace.root, &workspace.root.join(input))?;
    }
    kept::archive(name, &made_from, || {
        let site = Site::here(workspace)?;
        Ok(image(name, Platform::of(site.triple())?, site.build(RUST)?))
    })
}

/// The archive of the program in Go that asks.
pub(super) fn golang(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    built_by_go(workspace, GO)
}

/// The archive of the program that reads metrics.
pub(super) fn scrape(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    built_by_go(workspace, SCRAPE)
}

fn built_by_go(workspace: &Workspace, name: &str) -> anyhow::Result<PathBuf> {
    let mut made_from = sources(workspace, name)?;
    made_from.text(GO_FLAGS);
    kept::archive(name, &made_from, || {
        let platform = Platform::of(Site::here(workspace)?.triple())?;
        let program = compile(name, &folder(workspace, name))?;
        Ok(image(name, platform, program))
    })
}

fn folder(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.root.join("e2e").join(name)
}

fn sources(workspace: &Workspace, name: &str) -> anyhow::Result<Hasher> {
    let mut hasher = Hasher::default();
    hasher.folder(&workspace.root, &folder(workspace, name))?;
    Ok(hasher)
}

/// The program and nothing else; both are static.
fn image(name: &str, platform: Platform, program: Vec<u8>) -> Image {
    let command = format!("/{name}");
    Image {
        name: format!("e2e.local/{name}:1"),
        platform,
        created: kept::CREATED.to_owned(),
        rootfs: Rootfs::default().program(&command, program),
        config: Config {
            user: USER.to_owned(),
            entrypoint: vec![command],
            ..Config::default()
        },
    }
}

fn compile(name: &str, module: &Path) -> anyhow::Result<Vec<u8>> {
    println!("building {name} in {}", module.display());
    let folder = tempfile::tempdir()?;
    let program = folder.path().join(name);
    let mut go = go::command(module)?;
    go.args(["build", GO_FLAGS, "-o"]).arg(&program).arg(".");
    ensure!(
        process::shown(&mut go)?,
        "{name} could not be built, Go says why above; it needs the Go module proxy within reach"
    );
    fs::read(&program).with_context(|| format!("could not read {}", program.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_called_as_the_program_in_it() {
        let platform = Platform::of("x86_64-unknown-linux-gnu").unwrap();
        let image = image("asks", platform, b"program".to_vec());
        assert_eq!(image.name, "e2e.local/asks:1");
        assert_eq!(image.config.entrypoint, ["/asks"]);
        assert_eq!(
            image.rootfs,
            Rootfs::default().program("/asks", b"program".to_vec())
        );
    }
}

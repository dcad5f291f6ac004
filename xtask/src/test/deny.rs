//! `cargo deny`, which is installed once for this user, outside of the checkout.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, ensure};

use super::{Outcome, judged};
use crate::workspace::Workspace;
use crate::{cache, process};

const VERSION: &str = "0.20.2";

/// Licences, banned and doubled packages, and where packages come from; all of it is known offline.
pub(super) fn rules(workspace: &Workspace) -> anyhow::Result<Outcome> {
    let mut deny = deny(workspace)?;
    judged(
        deny.args(["check", "bans", "licenses", "sources"]),
        "change the dependency, or deny.toml with a reason",
    )
}

/// Known vulnerabilities, where their database can be fetched; it lives on GitHub.
pub(super) fn advisories(workspace: &Workspace) -> anyhow::Result<Outcome> {
    let fetched = process::captured(deny(workspace)?.args(["fetch", "db"]))?;
    if !fetched.status.success() {
        let said = String::from_utf8_lossy(&fetched.stderr);
        return Ok(Outcome::Skipped(format!(
            "the advisory database cannot be had: {}",
            last(&said)
        )));
    }
    judged(
        deny(workspace)?.args(["check", "--disable-fetch", "advisories"]),
        "update the package that the advisory names",
    )
}

/// The last line that says something; tools end with the cause.
fn last(text: &str) -> &str {
    text.lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or("no reason was given")
}

/// The tool, ready to take its subcommand.
fn deny(workspace: &Workspace) -> anyhow::Result<Command> {
    let root = cache::folder("tools")?.join(format!("cargo-deny-{VERSION}"));
    let program = root.join("bin/cargo-deny");
    if !program.exists() {
        install(workspace, &root)?;
    }
    let mut deny = Command::new(program);
    deny.current_dir(&workspace.root).arg("--locked");
    Ok(deny)
}

/// Builds the tool; it takes some minutes, and no run after this one does it again.
fn install(workspace: &Workspace, root: &PathBuf) -> anyhow::Result<()> {
    println!(
        "installing cargo-deny {VERSION} in {}, once",
        root.display()
    );
    fs::create_dir_all(root).with_context(|| format!("could not create {}", root.display()))?;
    // A folder of ours is gone even if this is interrupted; cargo's own would stay behind.
    let build = tempfile::tempdir()?;
    let mut cargo = workspace.cargo();
    cargo
        .args(["install", "--locked", "--root"])
        .arg(root)
        .arg("--target-dir")
        .arg(build.path())
        .arg(format!("cargo-deny@{VERSION}"));
    let installed = process::shown(&mut cargo)?;
    ensure!(
        installed,
        "cargo-deny could not be installed; is the package registry within reach?"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_a_skip_is_the_last_thing_said() {
        assert_eq!(
            last("trying\n  could not resolve host\n\n"),
            "could not resolve host"
        );
        assert_eq!(last(""), "no reason was given");
    }
}

//! `cargo deny`, which is installed once for this user, outside of the checkout.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use anyhow::{Context as _, ensure};

use super::{Outcome, judged};
use crate::process;
use crate::workspace::Workspace;

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
    let root = tools(env::var_os("XDG_CACHE_HOME"), env::home_dir())?
        .join(format!("cargo-deny-{VERSION}"));
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

/// Where tools are kept between runs (<https://specifications.freedesktop.org/basedir-spec/latest/>).
fn tools(cache: Option<OsString>, home: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let given = cache.map(PathBuf::from).filter(|path| path.is_absolute());
    given
        .or_else(|| Some(home?.join(".cache")))
        .map(|cache| cache.join("gtoken/tools"))
        .context("neither XDG_CACHE_HOME nor HOME says where tools can be kept")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_kept_where_the_user_keeps_caches() {
        let home = Some(PathBuf::from("/home/me"));
        let path = |cache: Option<&str>| tools(cache.map(OsString::from), home.clone()).unwrap();
        assert_eq!(path(None), PathBuf::from("/home/me/.cache/gtoken/tools"));
        assert_eq!(
            path(Some("/var/cache")),
            PathBuf::from("/var/cache/gtoken/tools")
        );
        assert_eq!(path(Some("")), path(None));
        assert!(tools(None, None).is_err());
    }

    #[test]
    fn the_reason_of_a_skip_is_the_last_thing_said() {
        assert_eq!(
            last("trying\n  could not resolve host\n\n"),
            "could not resolve host"
        );
        assert_eq!(last(""), "no reason was given");
    }
}

//! Go, which builds what others wrote in it for our tests.

mod toolchain;

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::process;
use crate::workspace::Workspace;

/// Where the module with everything in Go is in a checkout.
pub(crate) const MODULE: &str = "e2e/cluster";

/// Inlining and debugging information would take a third of a build's time; programs that are built with the same
/// flags share their packages.
pub(crate) const FLAGS: &str = "-gcflags=all=-l -dwarf=false";

/// Where Go's own archive is unpacked, which is in no PATH by itself.
const USUAL: &str = "/usr/local/go/bin/go";

/// The oldest that takes the modules, as major and minor; their `go` lines name it too.
const OLDEST: (u32, u32) = (1, 26);

/// `go build` in a module, without what takes the time of a large one.
pub(crate) fn build(module: &Path) -> anyhow::Result<Command> {
    let mut go = command(module)?;
    go.args(["build", FLAGS]);
    Ok(go)
}

/// Go in a module, so that the result is the same everywhere and the module stays as it is.
pub(crate) fn command(module: &Path) -> anyhow::Result<Command> {
    let program = program()?;
    let mut go = Command::new(program);
    go.current_dir(module)
        .env("CGO_ENABLED", "0")
        .env("GOFLAGS", "-mod=readonly -buildvcs=false -trimpath");
    Ok(go)
}

/// The folder that Go unpacks a module of somebody else's into, once it is seen to be what it was by `go.sum`'s measure.
pub(crate) fn downloaded(
    workspace: &Workspace,
    module: &str,
    sum: &str,
) -> anyhow::Result<PathBuf> {
    let mut download = command(&workspace.root.join(MODULE))?;
    download.args(["mod", "download", "-json", module]);
    let told = process::output(&mut download)?;
    let told: Value = serde_json::from_str(&told).context("go mod download wrote no JSON")?;
    ensure!(
        told["Sum"] == sum,
        "{module} has changed: its sum is {} and not {sum}",
        told["Sum"]
    );
    let folder = told["Dir"]
        .as_str()
        .context("go mod download names no folder")?;
    Ok(PathBuf::from(folder))
}

/// The program itself: this machine's, if it is new enough, or one that is fetched once.
fn program() -> anyhow::Result<PathBuf> {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    if let Some(found) = FOUND.get() {
        return Ok(found.clone());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let found = find(&path).map_or_else(toolchain::go, Ok)?;
    Ok(FOUND.get_or_init(|| found).clone())
}

fn find(path: &OsStr) -> Option<PathBuf> {
    env::split_paths(path)
        .map(|folder| folder.join("go"))
        .chain([PathBuf::from(USUAL)])
        .find(|program| is_new_enough(program))
}

/// False too where there is none.
fn is_new_enough(program: &Path) -> bool {
    let mut version = Command::new(program);
    // It must not answer for another that it would fetch.
    let output = version
        .args(["env", "GOVERSION"])
        .env("GOTOOLCHAIN", "local")
        .output();
    output.is_ok_and(|output| {
        release(&String::from_utf8_lossy(&output.stdout)).is_some_and(|found| found >= OLDEST)
    })
}

/// Major and minor of `go1.26.8`.
fn release(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version
        .trim()
        .strip_prefix("go")?
        .split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn says(folder: &Path, version: &str) {
        let program = folder.join("go");
        fs::write(&program, format!("#!/bin/sh\necho {version}\n")).unwrap();
        fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn the_go_of_the_path_goes_first_if_it_is_new_enough() {
        let folder = tempfile::tempdir().unwrap();
        let found = || find(folder.path().as_os_str());
        says(folder.path(), "go1.26.0");
        assert_eq!(found(), Some(folder.path().join("go")));
        says(folder.path(), "go1.19.8");
        assert!(found().is_none_or(|path| path == Path::new(USUAL)));
    }

    #[test]
    fn a_version_is_read_in_all_its_forms() {
        assert_eq!(release("go1.26.8\n"), Some((1, 26)));
        assert_eq!(release("go1.27rc1"), Some((1, 27)));
        assert_eq!(release("devel"), None);
    }

    #[test]
    fn the_modules_ask_for_the_oldest_that_is_taken() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for module in [MODULE, "e2e/caller-identity-go", "e2e/scrape"] {
            let text = fs::read_to_string(root.join(module).join("go.mod")).unwrap();
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix("go "))
                .unwrap();
            assert!(release(&format!("go{line}")).unwrap() <= OLDEST, "{module}");
        }
    }
}

//! Go, which builds what others wrote in it for our tests.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

/// Where the module with everything in Go is in a checkout.
pub(crate) const MODULE: &str = "e2e/cluster";

/// Inlining and debugging information would take a third of a build's time; programs that are built with the same
/// flags share their packages.
pub(crate) const FLAGS: &str = "-gcflags=all=-l -dwarf=false";

/// Where Go's own archive is unpacked, which is in no PATH by itself.
const USUAL: &str = "/usr/local/go/bin/go";

/// `go build` in a module, without what takes the time of a large one.
pub(crate) fn build(module: &Path) -> anyhow::Result<Command> {
    let mut go = command(module)?;
    go.args(["build", FLAGS]);
    Ok(go)
}

/// Go in a module, so that the result is the same everywhere and the module stays as it is.
pub(crate) fn command(module: &Path) -> anyhow::Result<Command> {
    let program = program().context(
        "Go is missing, and Debian's own is too old; install Go 1.26 or newer (https://go.dev/doc/install)",
    )?;
    let mut go = Command::new(program);
    go.current_dir(module)
        .env("CGO_ENABLED", "0")
        .env("GOFLAGS", "-mod=readonly -buildvcs=false -trimpath");
    Ok(go)
}

/// The program itself, where this machine has it.
pub(crate) fn program() -> Option<PathBuf> {
    find(env::var_os("PATH").unwrap_or_default().as_os_str())
}

fn find(path: &std::ffi::OsStr) -> Option<PathBuf> {
    env::split_paths(path)
        .map(|folder| folder.join("go"))
        .chain([PathBuf::from(USUAL)])
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_go_of_the_path_goes_first() {
        let folder = tempfile::tempdir().unwrap();
        let go = folder.path().join("go");
        fs::write(&go, "").unwrap();
        assert_eq!(find(folder.path().as_os_str()), Some(go));
        let elsewhere = find("/no/such/folder".as_ref());
        assert!(elsewhere.is_none_or(|path| path == Path::new(USUAL)));
    }
}

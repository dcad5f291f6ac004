//! Debian's packages: what this machine must have of them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

use anyhow::{Context as _, bail, ensure};

use crate::process;

/// The file by which Debian lets an administrator forbid that installing a service starts it.
/// <https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt>
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Installs these packages, of which a name may come twice.
pub(crate) fn install(mut missing: Vec<&str>) -> anyhow::Result<()> {
    missing.sort_unstable();
    missing.dedup();
    if missing.is_empty() {
        return Ok(());
    }
    println!("installing {}, by apt-get", missing.join(", "));
    ensure!(
        find("apt-get").is_some(),
        "{} are missing and there is no apt-get; install them",
        missing.join(", ")
    );
    let _policy = NoServices::declare()?;
    update()?;
    let mut install = apt_get(&["install", "--yes", "--no-install-recommends"]);
    process::output(install.args(&missing))?;
    Ok(())
}

/// Downloads packages with all that they depend on, as for a machine that has nothing yet, and gives their files.
pub(crate) fn download(names: &[&str], folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let (files, nothing) = (folder.join("files"), folder.join("status"));
    fs::create_dir_all(files.join("partial"))
        .and_then(|()| fs::write(&nothing, ""))
        .with_context(|| format!("could not write to {}", folder.display()))?;
    update()?;
    let mut install = apt_get(&["install", "--yes", "--no-install-recommends"]);
    install.arg("--download-only").args(names);
    for option in [
        format!("Dir::State::status={}", nothing.display()),
        format!("Dir::Cache::archives={}", files.display()),
        // The user that apt becomes by itself may not write to a folder of ours.
        "APT::Sandbox::User=root".to_owned(),
    ] {
        install.arg("--option").arg(option);
    }
    process::output(&mut install)?;
    let entries = fs::read_dir(&files)?.map(|entry| entry.map(|entry| entry.path()));
    let mut packages: Vec<_> = entries.collect::<Result<_, _>>()?;
    packages.retain(|path| path.extension().is_some_and(|end| end == "deb"));
    packages.sort();
    Ok(packages)
}

/// Where a program is, as a shell would find it.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    let mut candidates = env::split_paths(&path)
        .chain(system)
        .map(|folder| folder.join(program));
    candidates.find(|file| file.is_file())
}

/// Fetches what Debian has now; a machine may be new, or its lists too old to be true.
fn update() -> anyhow::Result<()> {
    process::output(&mut apt_get(&["update"]))?;
    Ok(())
}

fn apt_get(arguments: &[&str]) -> Command {
    let mut apt = Command::new("apt-get");
    apt.args(arguments)
        .arg("--quiet")
        .env("DEBIAN_FRONTEND", "noninteractive");
    apt
}

/// While it lives, nothing that is installed is started as a service of the machine.
struct NoServices {
    is_ours: bool,
}

impl NoServices {
    fn declare() -> anyhow::Result<Self> {
        let mut options = fs::OpenOptions::new();
        let is_ours = match options.write(true).create_new(true).open(POLICY) {
            Ok(mut file) => {
                io::Write::write_all(&mut file, b"#!/bin/sh\nexit 101\n")?;
                file.set_permissions(fs::Permissions::from_mode(0o755))?;
                true
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
            Err(error) => bail!("could not write {POLICY}: {error}"),
        };
        Ok(Self { is_ours })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.is_ours {
            // What cannot be removed by its owner a moment later is past mending here.
            let _ = fs::remove_file(POLICY);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_as_a_shell_finds_it() {
        assert!(find("sh").is_some());
        assert_eq!(find("no-such-program"), None);
    }
}

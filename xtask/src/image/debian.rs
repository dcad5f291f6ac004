//! Debian's packages as a root file system, for what an image needs of them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use crate::{packages, process};

/// The folders that Debian has merged into `/usr`; packages of Debian 12 do not know it yet
/// (<https://wiki.debian.org/UsrMerge>).
const MERGED: [&str; 4] = ["bin", "lib", "lib64", "sbin"];

/// Puts the files of packages, and of all that they depend on, below `root`. None of their scripts is run.
pub(super) fn unpack(names: &[&str], root: &Path) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    for package in packages::download(names, folder.path())? {
        let mut dpkg = Command::new("dpkg-deb");
        process::output(dpkg.arg("--extract").arg(package).arg(root))?;
    }
    for name in MERGED {
        merge(root, name)
            .with_context(|| format!("could not move {name} of {} into its usr", root.display()))?;
    }
    Ok(())
}

/// A command that sees `root` as its root, and nothing of our environment.
pub(super) fn inside(root: &Path, user: &str, command: &[&str]) -> Command {
    let mut chroot = Command::new("chroot");
    chroot
        .arg(format!("--userspec={user}"))
        .arg(root)
        .args(command)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", "/");
    chroot
}

fn merge(root: &Path, name: &str) -> anyhow::Result<()> {
    let (from, to) = (root.join(name), root.join("usr").join(name));
    fs::create_dir_all(&to)?;
    if from.is_symlink() {
        return Ok(());
    }
    if from.exists() {
        let mut cp = Command::new("cp");
        process::output(cp.arg("--archive").arg(from.join(".")).arg(&to))?;
        fs::remove_dir_all(&from)?;
    }
    symlink(format!("usr/{name}"), &from)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_beside_usr_is_found_at_both_its_places() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for (path, content) in [("lib/x/loader", "l"), ("usr/lib/x/other", "o")] {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        fs::create_dir(root.join("lib64")).unwrap();
        symlink("../lib/x/loader", root.join("lib64/loader")).unwrap();
        for name in MERGED.into_iter().chain(MERGED) {
            merge(root, name).unwrap();
        }
        let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
        assert_eq!(read("lib/x/other"), "o");
        assert_eq!(
            ["lib/x/loader", "usr/lib/x/loader", "lib64/loader"].map(read),
            ["l", "l", "l"]
        );
        assert_eq!(
            fs::read_link(root.join("sbin")).unwrap(),
            Path::new("usr/sbin")
        );
    }
}

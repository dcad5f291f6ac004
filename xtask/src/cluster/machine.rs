//! What the machine must have: root on Linux, a few of Debian's packages, and room on its disk.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, io};

use anyhow::{Context as _, bail, ensure};

use crate::process;

/// What the node needs besides Kubernetes, and Debian's package for each.
const PROGRAMS: [(&str, &str); 10] = [
    ("containerd", "containerd"),
    ("ctr", "containerd"),
    ("ip", "iproute2"),
    ("iptables", "iptables"),
    ("mount", "mount"),
    ("nft", "nftables"),
    ("nsenter", "util-linux"),
    ("runc", "runc"),
    ("setsid", "util-linux"),
    ("unshare", "util-linux"),
];

/// Where Debian puts the CNI plugins, which are in no PATH.
pub(super) const CNI_PLUGINS: &str = "/usr/lib/cni";

/// The package that puts them there.
const CNI_PACKAGE: &str = "containernetworking-plugins";

/// What a first build and one run of the suite write, in bytes, with a third to spare.
const ROOM: u64 = 6 << 30;

/// The file by which Debian lets an administrator forbid that installing a service starts it.
/// <https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt>
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Only root can make namespaces, mounts and devices, and only Linux has them.
pub(super) fn check() -> anyhow::Result<()> {
    ensure!(
        cfg!(target_os = "linux") && rustix::process::geteuid().is_root(),
        "the cluster needs root on Linux"
    );
    Ok(())
}

/// Installs what is missing of Debian's packages.
pub(super) fn install_packages() -> anyhow::Result<()> {
    let mut missing: Vec<&str> = PROGRAMS
        .into_iter()
        .filter(|(program, _)| find(program).is_none())
        .map(|(_, package)| package)
        .collect();
    if !Path::new(CNI_PLUGINS).join("bridge").exists() {
        missing.push(CNI_PACKAGE);
    }
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
    for arguments in [&["update", "--quiet"][..], &["install", "--yes", "--quiet"]] {
        let mut apt = Command::new("apt-get");
        apt.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        if arguments[0] == "install" {
            apt.arg("--no-install-recommends").args(&missing);
        }
        let output = process::captured(&mut apt)?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "`{}` failed: {}",
            process::describe(&apt),
            said.trim()
        );
    }
    Ok(())
}

/// Makes sure that there is room for what a build and a run write below `folder`.
pub(super) fn check_room(folder: &Path) -> anyhow::Result<()> {
    let usage = rustix::fs::statvfs(folder)
        .with_context(|| format!("could not ask how full the disk of {} is", folder.display()))?;
    let free = usage.f_bavail * usage.f_frsize;
    ensure!(
        free >= ROOM,
        "the disk of {} has {} MiB left, and the cluster needs {}; make room, or set XDG_CACHE_HOME to another disk",
        folder.display(),
        free >> 20,
        ROOM >> 20
    );
    Ok(())
}

/// Where a program is, as a shell would find it.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    let mut candidates = env::split_paths(&path)
        .chain(system)
        .map(|folder| folder.join(program));
    candidates.find(|file| file.is_file())
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

    #[test]
    fn a_disk_that_cannot_be_asked_about_is_named() {
        let error = check_room(Path::new("/no/such/folder")).unwrap_err();
        assert!(error.to_string().contains("/no/such/folder"), "{error}");
    }
}

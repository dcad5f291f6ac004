//! What the machine must have: root on Linux, a few of Debian's packages, and room on its disk.

use std::path::Path;

use anyhow::{Context as _, ensure};

use crate::packages;

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

/// Only root can make namespaces, mounts and devices, and only Linux has them.
pub(super) fn check() -> anyhow::Result<()> {
    ensure!(
        cfg!(target_os = "linux") && rustix::process::geteuid().is_root(),
        "the cluster needs root on Linux; to test in a cluster of yours, say `cargo xtask e2e --existing`"
    );
    Ok(())
}

/// Installs what is missing of Debian's packages.
pub(super) fn install_packages() -> anyhow::Result<()> {
    let mut missing: Vec<&str> = PROGRAMS
        .into_iter()
        .filter(|(program, _)| packages::find(program).is_none())
        .map(|(_, package)| package)
        .collect();
    if !Path::new(CNI_PLUGINS).join("bridge").exists() {
        missing.push(CNI_PACKAGE);
    }
    packages::install(missing)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_cannot_be_asked_about_is_named() {
        let error = check_room(Path::new("/no/such/folder")).unwrap_err();
        assert!(error.to_string().contains("/no/such/folder"), "{error}");
    }
}

//! What a bed changes of the machine that does not vanish with its processes: kernel settings, control groups, folders.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::bed::Bed;

/// Where something is mounted inside; the folders have to be there outside too.
pub(super) const MOUNT_POINTS: [&str; 3] = ["/var/lib/cni", "/var/log/containers", "/var/log/pods"];

/// The settings of the whole machine that the kubelet changes.
const SETTINGS: [&str; 3] = [
    "kernel/panic",
    "kernel/panic_on_oops",
    "vm/overcommit_memory",
];

/// The control group that all pods are in, as the kubelet's configuration names it.
const GROUP: &str = "gtoken-bed";

/// The root of the control groups.
const GROUPS: &str = "/sys/fs/cgroup";

/// What the machine was like before, as it is put back.
#[derive(Default, serde::Serialize, serde::Deserialize)]
struct Before {
    settings: BTreeMap<String, String>,
    made: Vec<PathBuf>,
}

/// Writes down what will change and makes what has to be there.
pub(super) fn prepare(bed: &Bed) -> anyhow::Result<()> {
    let mut before = Before::default();
    for name in SETTINGS {
        let value = fs::read_to_string(setting(name))
            .with_context(|| format!("could not read {}", setting(name).display()))?;
        before
            .settings
            .insert(name.to_owned(), value.trim().to_owned());
    }
    let missing = MOUNT_POINTS
        .iter()
        .map(PathBuf::from)
        .filter(|path| !path.exists());
    before.made = missing.collect();
    fs::write(record(bed), serde_json::to_vec(&before)?)?;
    for folder in &before.made {
        fs::create_dir_all(folder)
            .with_context(|| format!("could not create {}", folder.display()))?;
    }
    for folder in hierarchies(Path::new(GROUPS)) {
        let group = folder.join(GROUP);
        fs::create_dir_all(&group)
            .with_context(|| format!("could not make the control group {}", group.display()))?;
        inherit(&folder, &group);
    }
    Ok(())
}

/// Puts everything back; what was never changed stays as it is.
pub(super) fn remove(bed: &Bed) -> anyhow::Result<()> {
    for folder in hierarchies(Path::new(GROUPS)) {
        remove_group(&folder.join(GROUP))?;
    }
    let before: Before = match fs::read(record(bed)) {
        Ok(text) => serde_json::from_slice(&text).unwrap_or_default(),
        Err(_) => Before::default(),
    };
    for (name, value) in &before.settings {
        fs::write(setting(name), value)
            .with_context(|| format!("could not put {} back", setting(name).display()))?;
    }
    for folder in &before.made {
        // One that is in use by now is somebody else's.
        let _ = fs::remove_dir(folder);
    }
    Ok(())
}

fn record(bed: &Bed) -> PathBuf {
    bed.file("before.json")
}

fn setting(name: &str) -> PathBuf {
    Path::new("/proc/sys").join(name)
}

/// The roots under which groups are made: one for all controllers, or one for each (version 1).
fn hierarchies(root: &Path) -> Vec<PathBuf> {
    if root.join("cgroup.controllers").exists() {
        return vec![root.to_owned()];
    }
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    let is_hierarchy = |path: &PathBuf| path.join("cgroup.procs").exists() && !path.is_symlink();
    entries
        .map(|entry| entry.path())
        .filter(is_hierarchy)
        .collect()
}

/// In version 1, a group of CPUs holds none until it is told which; a hierarchy without these files needs nothing.
fn inherit(parent: &Path, group: &Path) {
    for name in ["cpuset.cpus", "cpuset.mems"] {
        if let Ok(value) = fs::read_to_string(parent.join(name)) {
            let _ = fs::write(group.join(name), value.trim());
        }
    }
}

/// Groups are removed from the leaves up; their files are the kernel's.
fn remove_group(group: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(group) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            remove_group(&path)?;
        }
    }
    fs::remove_dir(group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_of_control_groups_are_found() {
        let root = tempfile::tempdir().unwrap();
        for name in ["memory", "cpu,cpuacct"] {
            fs::create_dir(root.path().join(name)).unwrap();
            fs::write(root.path().join(name).join("cgroup.procs"), "").unwrap();
        }
        fs::create_dir(root.path().join("no-hierarchy")).unwrap();
        std::os::unix::fs::symlink("cpu,cpuacct", root.path().join("cpu")).unwrap();
        let mut found = hierarchies(root.path());
        found.sort();
        assert_eq!(
            found,
            ["cpu,cpuacct", "memory"].map(|name| root.path().join(name))
        );
        fs::write(root.path().join("cgroup.controllers"), "").unwrap();
        assert_eq!(hierarchies(root.path()), [root.path()]);
    }

    #[test]
    fn groups_are_removed_with_all_below_them() {
        let root = tempfile::tempdir().unwrap();
        let group = root.path().join(GROUP);
        fs::create_dir_all(group.join("kubepods/burstable/pod")).unwrap();
        remove_group(&group).unwrap();
        assert!(!group.exists());
        remove_group(&group).unwrap();
    }
}

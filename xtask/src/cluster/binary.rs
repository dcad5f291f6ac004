//! All components of Kubernetes in one program, built from the Go module in `e2e/cluster` and kept by its hash.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, ensure};

use super::bed::KUBERNETES;
use super::machine;
use crate::hash::Hasher;
use crate::process::Group;
use crate::workspace::Workspace;
use crate::{cache, go};

/// The program, built if it is not there yet; `kubectl` is beside it.
pub(super) fn build(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let module = workspace.root.join(go::MODULE);
    let folder = cache::folder("cluster")?.join(hash(&module)?);
    let program = folder.join("bed");
    if program.exists() {
        return Ok(program);
    }
    fs::create_dir_all(&folder)
        .with_context(|| format!("could not create {}", folder.display()))?;
    machine::check_room(&folder)?;
    let log = folder.join("build.log");
    println!(
        "building Kubernetes {KUBERNETES}, once; it takes about six minutes on two cores (log: {})",
        log.display()
    );
    let begun = Instant::now();
    let part = folder.join("bed.part");
    compile(&module, &part, &log)?;
    // Called by that name, it is what it says; the link is there first, so that whoever finds one finds both.
    let kubectl = folder.join("kubectl");
    if !kubectl.is_symlink() {
        symlink("bed", &kubectl)?;
    }
    fs::rename(&part, &program)
        .with_context(|| format!("could not write {}", program.display()))?;
    println!("built it in {} s", begun.elapsed().as_secs());
    Ok(program)
}

fn compile(module: &Path, program: &Path, log: &Path) -> anyhow::Result<()> {
    let file =
        fs::File::create(log).with_context(|| format!("could not write {}", log.display()))?;
    let mut go = go::build(module)?;
    go.arg(format!("-ldflags={}", linker_flags()))
        .arg("-o")
        .arg(program)
        .arg(".")
        .stdout(file.try_clone()?)
        .stderr(file);
    let status = Group::spawn(&mut go)?.wait()?;
    ensure!(
        status.success(),
        "Kubernetes could not be built; {} says why",
        log.display()
    );
    Ok(())
}

/// Kubernetes knows its version by these variables alone.
fn linker_flags() -> String {
    let mut parts = KUBERNETES.split('.');
    let mut part = || parts.next().unwrap_or_default();
    let values = [
        ("gitVersion", format!("v{KUBERNETES}")),
        ("gitMajor", part().to_owned()),
        ("gitMinor", part().to_owned()),
        ("gitTreeState", "clean".to_owned()),
    ];
    let set = |(name, value)| format!(" -X k8s.io/component-base/version.{name}={value}");
    "-s -w".to_owned() + &values.map(set).concat()
}

/// A hash of what the program is built from.
fn hash(module: &Path) -> anyhow::Result<String> {
    let mut hasher = Hasher::default();
    let mut files: Vec<_> = fs::read_dir(module)
        .with_context(|| format!("could not read {}", module.display()))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|file| file.is_file());
    files.sort();
    for file in files {
        hasher.file(module, &file)?;
    }
    hasher.text(go::FLAGS).text(&linker_flags());
    Ok(hasher.short())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_told_to_the_linker_in_parts() {
        let flags = linker_flags();
        assert!(
            flags.contains(&format!("gitVersion=v{KUBERNETES}")),
            "{flags}"
        );
        assert!(
            flags.contains("gitMajor=1 ") && flags.contains("gitMinor=34 "),
            "{flags}"
        );
    }

    #[test]
    fn the_module_is_of_the_version_that_is_told() {
        let module = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("..")
            .join(go::MODULE);
        let text = fs::read_to_string(module.join("go.mod")).unwrap();
        assert!(text.contains(&format!("k8s.io/kubernetes v{KUBERNETES}\n")));
    }

    #[test]
    fn what_changes_a_source_changes_the_hash() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("main.go"), "package main").unwrap();
        let before = hash(folder.path()).unwrap();
        assert_eq!(before, hash(folder.path()).unwrap());
        fs::write(folder.path().join("main.go"), "package other").unwrap();
        assert_ne!(before, hash(folder.path()).unwrap());
    }
}

//! Ending the bed, whoever started it and however far that came.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rustix::process::{Signal, kill_process};

use super::bed::Bed;
use super::{leftovers, network};

/// How long the kernel may take to end what was killed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Ends it and removes all that is left; says in a sentence whether there was something.
pub(super) fn down(bed: &Bed) -> anyhow::Result<&'static str> {
    if !is_there(bed) {
        return Ok("no cluster ran here");
    }
    end(bed)?;
    remove(bed.state())?;
    Ok("the cluster is down, and nothing is left of it")
}

/// Whether there is something of it, a start that was killed included.
pub(super) fn is_there(bed: &Bed) -> bool {
    bed.state().exists() || !bed.processes().is_empty()
}

/// Ends it but keeps its files, for its logs say why.
pub(super) fn end(bed: &Bed) -> anyhow::Result<()> {
    kill(bed)?;
    network::unlink()?;
    // The groups of processes that were killed are busy for a moment longer.
    eventually(|| leftovers::remove(bed))?;
    remove(&bed.file("ready"))
}

/// Returns when the kernel has taken the namespaces apart, which it does before their first process is a zombie.
fn kill(bed: &Bed) -> anyhow::Result<()> {
    let mut killed = BTreeSet::new();
    let deadline = Instant::now() + PATIENCE;
    loop {
        for (pid, _) in bed.processes() {
            killed.insert(pid.as_raw_nonzero());
            // One that is gone by now is what was wanted.
            let _ = kill_process(pid, Signal::KILL);
        }
        if killed.iter().all(|pid| has_ended(pid.get())) {
            return Ok(());
        }
        ensure!(
            Instant::now() < deadline,
            "the cluster's processes do not end, although they were killed"
        );
        thread::sleep(Duration::from_millis(20));
    }
}

/// Whether the process is gone, or a zombie whose parent is slow.
fn has_ended(pid: i32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return true;
    };
    // The state is the field after the name, which may hold spaces and brackets itself (proc_pid_stat(5)).
    stat.rsplit_once(')')
        .is_some_and(|(_, fields)| fields.trim_start().starts_with('Z'))
}

fn eventually(mut attempt: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt() {
            Err(_) if Instant::now() < deadline => thread::sleep(Duration::from_millis(50)),
            done => return done,
        }
    }
}

fn remove(path: &std::path::Path) -> anyhow::Result<()> {
    let removed = if path.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.with_context(|| format!("could not remove {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_zombie_has_ended_and_a_sleeper_has_not() {
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        assert!(!has_ended(pid));
        child.kill().unwrap();
        eventually(|| {
            ensure!(has_ended(pid), "it does not end");
            Ok(())
        })
        .unwrap();
        child.wait().unwrap();
        assert!(has_ended(pid));
    }

    #[test]
    fn where_nothing_is_nothing_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let bed = Bed::in_folder(folder.path().join("none"));
        assert_eq!(down(&bed).unwrap(), "no cluster ran here");
    }
}

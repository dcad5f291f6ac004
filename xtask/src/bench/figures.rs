//! What the kernel says about a process, in `/proc`.

use std::fs;
use std::ops::Add;
use std::path::Path;

use anyhow::Context as _;

/// The memory of one process, in KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Memory {
    /// All of it that is in memory, the pages of the program's file that it shares with others included.
    pub(super) resident: u32,
    /// What it wrote and shares with nobody: what one more pod costs a node.
    pub(super) private_dirty: u32,
}

impl Add for Memory {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            resident: self.resident + other.resident,
            private_dirty: self.private_dirty + other.private_dirty,
        }
    }
}

/// Reads `/proc/PID/smaps_rollup`.
pub(super) fn memory(process: u32) -> anyhow::Result<Memory> {
    let path = format!("/proc/{process}/smaps_rollup");
    let text = fs::read_to_string(&path).with_context(|| format!("could not read {path}"))?;
    in_smaps(&text).with_context(|| format!("{path} does not say what memory it is"))
}

/// How often a process has been given a processor and taken from it so far, all threads together.
pub(super) fn switches(process: u32) -> anyhow::Result<u32> {
    let path = format!("/proc/{process}/task");
    let threads = fs::read_dir(&path).with_context(|| format!("could not read {path}"))?;
    threads
        .map(|thread| of_thread(&thread?.path().join("status")))
        .sum()
}

/// How long a process has been run by processors so far, in microseconds, all threads together that are there still.
pub(super) fn cpu(process: u32) -> anyhow::Result<f64> {
    let path = format!("/proc/{process}/task");
    let threads = fs::read_dir(&path).with_context(|| format!("could not read {path}"))?;
    threads
        .map(|thread| ran(&thread?.path().join("schedstat")))
        .sum()
}

/// The first number of a `schedstat`, in nanoseconds there (<https://docs.kernel.org/scheduler/sched-stats.html>).
fn ran(path: &Path) -> anyhow::Result<f64> {
    let shown = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("could not read {shown}"))?;
    let nanoseconds = text.split_whitespace().next();
    let nanoseconds = nanoseconds.and_then(|number| number.parse::<f64>().ok());
    let nanoseconds =
        nanoseconds.with_context(|| format!("{shown} does not say how long it ran"))?;
    Ok(nanoseconds / 1000.0)
}

fn of_thread(path: &Path) -> anyhow::Result<u32> {
    let shown = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("could not read {shown}"))?;
    in_status(&text).with_context(|| format!("{shown} does not count context switches"))
}

fn in_smaps(text: &str) -> Option<Memory> {
    Some(Memory {
        resident: field(text, "Rss")?,
        private_dirty: field(text, "Private_Dirty")?,
    })
}

fn in_status(text: &str) -> Option<u32> {
    Some(field(text, "voluntary_ctxt_switches")? + field(text, "nonvoluntary_ctxt_switches")?)
}

/// The number on the line `name: number`, whatever its unit.
fn field(text: &str, name: &str) -> Option<u32> {
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    value.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_smaps_rollup() {
        let text = "\
00400000-7ffc1a3c1000 ---p 00000000 00:00 0                              [rollup]
Rss:                1404 kB
Pss:                 125 kB
Pss_Dirty:            61 kB
Shared_Clean:       1324 kB
Private_Clean:        21 kB
Private_Dirty:        59 kB
";
        let memory = Memory {
            resident: 1404,
            private_dirty: 59,
        };
        assert_eq!(in_smaps(text), Some(memory));
        assert_eq!(in_smaps("Rss: 1404 kB\n"), None);
    }

    #[test]
    fn both_kinds_of_switches_are_counted() {
        let text = "\
Name:\tgtoken
State:\tS (sleeping)
voluntary_ctxt_switches:\t7
nonvoluntary_ctxt_switches:\t2
";
        assert_eq!(in_status(text), Some(9));
        assert_eq!(in_status("voluntary_ctxt_switches:\t7\n"), None);
    }

    #[test]
    fn the_kernel_of_this_machine_says_what_is_asked() {
        let us = std::process::id();
        let memory = memory(us).unwrap();
        assert!(memory.resident > memory.private_dirty && memory.private_dirty > 0);
        assert!(switches(us).unwrap() > 0);
        assert!(cpu(us).unwrap() > 0.0);
    }
}

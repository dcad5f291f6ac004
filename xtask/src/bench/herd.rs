//! Many agents of one kind, as on a node, each of which holds its token and waits.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::candidate::{self, Candidate, Source};
use super::figures::{self, Memory};
use crate::process::{self, Group};

/// As many pods as a node may well have.
pub(super) const SIZE: u8 = 20;

/// How long all of them may take until they hold a token.
const PATIENCE: Duration = Duration::from_secs(30);
/// Who has not run for this long waits.
const AT_REST: Duration = Duration::from_millis(500);
/// Who does not come to rest within this long never does, and is measured as it is.
const UNREST: Duration = Duration::from_secs(5);

/// Running agents; dropping it ends them.
pub(super) struct Herd(Vec<Member>);

struct Member {
    group: Group,
    folder: PathBuf,
}

impl Herd {
    /// Starts them in folders of their own below `folder`, and returns when they have their tokens and wait.
    pub(super) fn start(
        candidate: &Candidate,
        source: Source,
        folder: &Path,
        cloud: &BTreeMap<String, String>,
    ) -> anyhow::Result<Self> {
        let member = |number| {
            let folder = folder.join(format!("{}-{source:?}-{number}", candidate.name));
            fs::create_dir(&folder)
                .with_context(|| format!("could not make {}", folder.display()))?;
            let group = candidate.start(source, &folder, cloud)?;
            Ok(Member { group, folder })
        };
        let members: anyhow::Result<Vec<_>> = (0..SIZE).map(member).collect();
        let mut herd = Self(members?);
        herd.await_tokens(&candidate.name)?;
        herd.settle()?;
        Ok(herd)
    }

    /// The memory of one of them, in the mean, in KiB: resident and private dirty.
    pub(super) fn memory(&mut self) -> anyhow::Result<(f64, f64)> {
        let mut all = Memory::default();
        for process in self.processes() {
            all = all + figures::memory(process)?;
        }
        let mean = |all: u32| f64::from(all) / f64::from(SIZE);
        Ok((mean(all.resident), mean(all.private_dirty)))
    }

    /// How often any of them has run so far.
    pub(super) fn switches(&mut self) -> anyhow::Result<u32> {
        self.processes().into_iter().map(figures::switches).sum()
    }

    fn processes(&mut self) -> Vec<u32> {
        let members = self.0.iter_mut();
        members.map(|member| member.group.child().id()).collect()
    }

    fn await_tokens(&mut self, name: &str) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        for member in &mut self.0 {
            while !member.has_token() {
                let ended = member.group.child().try_wait()?;
                if ended.is_some() || Instant::now() > deadline {
                    let said = fs::read_to_string(candidate::said(&member.folder))?;
                    bail!("{name} got no token to measure it with; it said:\n{said}");
                }
                pause(Duration::from_millis(10))?;
            }
        }
        Ok(())
    }

    /// Waits until none of them runs any more.
    fn settle(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + UNREST;
        let mut before = self.switches()?;
        while Instant::now() < deadline {
            pause(AT_REST)?;
            let now = self.switches()?;
            if now == before {
                break;
            }
            before = now;
        }
        Ok(())
    }
}

impl Member {
    fn has_token(&self) -> bool {
        let file = fs::metadata(candidate::token(&self.folder));
        file.is_ok_and(|file| file.len() > 0)
    }
}

/// Does nothing for a while, or until somebody wants us to end.
pub(super) fn pause(duration: Duration) -> anyhow::Result<()> {
    let end = Instant::now() + duration;
    loop {
        if process::interrupted() {
            bail!("interrupted");
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        thread::sleep(left.min(Duration::from_millis(100)));
    }
}

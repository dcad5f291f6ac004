//! How long an agent takes from its start until readers have a token, beside a program that does nothing.

use std::collections::BTreeMap;
use std::ffi::{CStr, OsStr};
use std::fs;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::io::Errno;

use super::candidate::{self, Candidate, Source};
use crate::process::Group;

/// The program that does nothing: what any start costs on this machine.
const NOTHING: &str = "/bin/true";

/// How often each is started.
const ROUNDS: usize = 50;

/// How long one start may take.
const PATIENCE: Timespec = Timespec {
    tv_sec: 10,
    tv_nsec: 0,
};

/// How much longer than [`NOTHING`] a candidate takes, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Extra {
    pub(super) median: f64,
    pub(super) least: f64,
}

/// Starts all in turns, each round with another one first and each after [`NOTHING`], so that none follows on another's
/// end; medians are compared with medians, and the least with the least.
pub(super) fn measure(
    candidates: &[Candidate],
    folder: &Path,
    cloud: &BTreeMap<String, String>,
) -> anyhow::Result<Vec<Extra>> {
    let mut nothing = Vec::new();
    let mut times = vec![Vec::new(); candidates.len()];
    for round in 0..ROUNDS {
        for turn in 0..candidates.len() {
            let turn = (round + turn) % candidates.len();
            nothing.push(start_nothing()?);
            times[turn].push(until_token(&candidates[turn], folder, cloud)?);
        }
    }
    Ok(times.iter().map(|times| extra(times, &nothing)).collect())
}

fn extra(times: &[Duration], nothing: &[Duration]) -> Extra {
    let beyond =
        |of: fn(&[Duration]) -> Duration| milliseconds(of(times)) - milliseconds(of(nothing));
    Extra {
        median: beyond(median),
        least: beyond(least),
    }
}

fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

fn least(times: &[Duration]) -> Duration {
    times.iter().min().copied().unwrap_or_default()
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn start_nothing() -> anyhow::Result<Duration> {
    let begun = Instant::now();
    let status = Group::spawn(&mut Command::new(NOTHING))?.wait()?;
    let took = begun.elapsed();
    ensure!(status.success(), "{NOTHING} failed");
    Ok(took)
}

/// Starts an agent from the metadata server in an empty folder and ends it as soon as its token file is whole.
fn until_token(
    candidate: &Candidate,
    folder: &Path,
    cloud: &BTreeMap<String, String>,
) -> anyhow::Result<Duration> {
    let folder = tempfile::tempdir_in(folder)?;
    let watch = Watch::on(folder.path())?;
    let begun = Instant::now();
    let _running = candidate.start(Source::Metadata, folder.path(), cloud)?;
    if watch.await_file(&candidate::token(folder.path()))? {
        return Ok(begun.elapsed());
    }
    let said = fs::read_to_string(candidate::said(folder.path()))?;
    bail!("{} got no token; it said:\n{said}", candidate.name)
}

/// What the kernel tells about the files of a folder.
struct Watch(OwnedFd);

impl Watch {
    /// Files become whole by a rename, or, with agents that write in place, when they are closed.
    fn on(folder: &Path) -> anyhow::Result<Self> {
        let whole = WatchFlags::MOVED_TO | WatchFlags::CLOSE_WRITE;
        let watch = || -> Result<_, Errno> {
            let watch = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
            inotify::add_watch(&watch, folder, whole)?;
            Ok(watch)
        };
        let watch = watch().with_context(|| format!("could not watch {}", folder.display()))?;
        Ok(Self(watch))
    }

    /// Waits until the file is whole; false when that takes too long.
    fn await_file(&self, path: &Path) -> anyhow::Result<bool> {
        let mut buffer = [MaybeUninit::uninit(); 1024];
        let mut events = inotify::Reader::new(&self.0, &mut buffer);
        loop {
            match events.next() {
                Ok(event) => {
                    let name = event.file_name().map(CStr::to_bytes);
                    if name == path.file_name().map(OsStr::as_encoded_bytes) {
                        return Ok(true);
                    }
                }
                Err(Errno::AGAIN) => {
                    let mut ready = [PollFd::new(&self.0, PollFlags::IN)];
                    if poll(&mut ready, Some(&PATIENCE))? == 0 {
                        return Ok(false);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_least_times_are_compared_each_with_its_own() {
        let times = |list: &[u64]| -> Vec<_> {
            let micros = list.iter().copied();
            micros.map(Duration::from_micros).collect()
        };
        let extra = extra(&times(&[2000, 9000, 1500]), &times(&[700, 500, 600]));
        assert!((extra.median - 1.4).abs() < 1e-9, "{extra:?}");
        assert!((extra.least - 1.0).abs() < 1e-9, "{extra:?}");
    }

    #[test]
    fn a_file_is_seen_when_it_is_renamed_or_closed() {
        let folder = tempfile::tempdir().unwrap();
        let watch = Watch::on(folder.path()).unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("part"), "whole").unwrap();
        fs::rename(path("part"), path("token")).unwrap();
        assert!(watch.await_file(&path("token")).unwrap());
        fs::write(path("other"), "whole").unwrap();
        assert!(watch.await_file(&path("other")).unwrap());
    }
}

//! What it costs while it waits: nothing.

use std::fs;
use std::thread;
use std::time::Duration;

use crate::agent::{Agent, file_flag, gtoken, sandbox_with_life, wait_until};

/// `CLOCK_REALTIME` and `CLOCK_BOOTTIME`, as the kernel numbers them.
const REALTIME: u64 = 0;
const BOOTTIME: u64 = 7;

/// A timer of a process, as `/proc/PID/fdinfo` shows it.
#[derive(Debug)]
struct Timer {
    clock: u64,
    flags: String,
    seconds_left: u64,
}

fn timers(id: u32) -> Vec<Timer> {
    let files = fs::read_dir(format!("/proc/{id}/fdinfo")).unwrap();
    let texts = files.filter_map(|file| fs::read_to_string(file.ok()?.path()).ok());
    texts.filter_map(|text| timer(&text)).collect()
}

fn timer(text: &str) -> Option<Timer> {
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim_start_matches(':').trim())
    };
    let (seconds, _) = field("it_value")?.strip_prefix('(')?.split_once(',')?;
    Some(Timer {
        clock: field("clockid")?.parse().ok()?,
        flags: field("settime flags")?.to_owned(),
        seconds_left: seconds.parse().ok()?,
    })
}

/// Voluntary and involuntary context switches, and threads.
fn activity(id: u32) -> Vec<String> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let counted = |line: &&str| line.contains("ctxt_switches") || line.starts_with("Threads");
    status.lines().filter(counted).map(str::to_owned).collect()
}

fn is_asleep(id: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    stat.contains(") S ")
        && timers(id)
            .iter()
            .any(|timer| timer.clock == BOOTTIME && timer.seconds_left > 0)
}

#[test]
fn nothing_wakes_it_up_before_the_next_refresh() {
    let sandbox = sandbox_with_life(3600);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gtoken");
    let mut agent = Agent::start(gtoken(sandbox.metadata_address(), &[&file_flag(&path)]));
    agent.wait_for_log("got a token");
    let id = agent.id();
    wait_until("it sleeps", || is_asleep(id));
    let before = activity(id);
    assert_eq!(before[0], "Threads:\t1");
    for timer in timers(id) {
        match timer.clock {
            BOOTTIME => assert!((2300..=2880).contains(&timer.seconds_left), "{timer:?}"),
            // Absolute, and cancelled when the clock is set.
            REALTIME => assert!(
                timer.flags == "03" && timer.seconds_left > 1 << 32,
                "{timer:?}"
            ),
            _ => panic!("{timer:?}"),
        }
    }
    assert_eq!(timers(id).len(), 2);
    thread::sleep(Duration::from_secs(3));
    assert_eq!(activity(id), before);
    assert!(agent.is_running());
}

//! The machine's own clock, set an hour wrong either way under the shipped agent. By request only, as root, and alone:
//! `cargo test -p gtoken --test it machine_clock -- --ignored`.

use std::fs;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use gtoken_sandbox::{Clock, Config, Sandbox};
use rustix::time::{ClockId, Timespec, clock_settime};

use crate::agent::{Agent, file_flag, gtoken, wait_until};
use crate::witness::times;

const HOUR: Duration = Duration::from_hours(1);

/// What time it is, whatever the machine's clock shows.
#[derive(Clone, Copy)]
struct Truth {
    day: SystemTime,
    begun: Instant,
}

impl Truth {
    fn now(&self) -> SystemTime {
        self.day + self.begun.elapsed()
    }
}

/// Puts the machine's clock right when the test ends, however it does: a process of its own, which reads a pipe to its end.
struct Guardian(Child);

impl Guardian {
    fn start() -> Self {
        let script = "up() { cut -d . -f 1 /proc/uptime; }; day=$(date +%s); begun=$(up); echo watching; cat > /dev/null; \
                      date -s @$((day + $(up) - begun)) > /dev/null";
        let mut child = Command::new("sh")
            .args(["-c", script])
            // Ctrl-C must not end it with the test.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut watching = [0; 9];
        let stdout = child.stdout.as_mut().unwrap();
        stdout.read_exact(&mut watching).unwrap();
        Self(child)
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // Whoever ends now must not find the clock wrong.
        let _ = self.0.wait();
    }
}

fn set_machine_clock(time: SystemTime) {
    let since = time.duration_since(UNIX_EPOCH).unwrap();
    clock_settime(ClockId::Realtime, Timespec::try_from(since).unwrap()).expect("needs root");
}

#[test]
#[ignore = "sets the machine's clock an hour wrong for a while, for which it must be root; by request only"]
fn a_machines_clock_that_is_an_hour_wrong_costs_no_token() {
    let _guardian = Guardian::start();
    let truth = Truth {
        day: SystemTime::now(),
        begun: Instant::now(),
    };
    let clock = Clock::stopped_at(truth.now());
    let sandbox = Sandbox::start(Config {
        clock: clock.clone(),
        token_lifetime: Duration::from_secs(20),
        ..Config::default()
    });
    let sandbox = sandbox.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gtoken");
    thread::spawn(move || {
        loop {
            clock.set(truth.now());
            thread::sleep(Duration::from_millis(20));
        }
    });
    let _agent = Agent::start(gtoken(sandbox.metadata_address(), &[&file_flag(&path)]));
    let ways: [fn(SystemTime) -> SystemTime; 3] = [|now| now, |now| now + HOUR, |now| now - HOUR];
    for set in ways {
        set_machine_clock(set(truth.now()));
        next_in_time(&path, truth);
        next_in_time(&path, truth);
    }
    let asked = sandbox.google().requests().len();
    assert!(asked <= 20, "{asked} requests for 6 tokens");
}

/// Waits for another token, which must come while the one in place is good.
fn next_in_time(path: &Path, truth: Truth) {
    let before = fs::read_to_string(path).unwrap_or_default();
    wait_until("there is another token", || {
        fs::read_to_string(path).is_ok_and(|token| token != before)
    });
    if let Some((_, expires_at)) = times(&before) {
        assert!(truth.now() < expires_at, "the next token came too late");
    }
}

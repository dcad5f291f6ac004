//! A clock that is set an hour wrong while an agent waits, by either source: it tells by the uptime what time it is.
//!
//! The agent runs in the test, where its clock can be set; Google's APIs are asked by the binary, as they always are.

use std::cell::Cell;
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use gtoken::agent::Agent;
use gtoken::clock::{Clock, SystemClock, Woken};
use gtoken::config::{Config, GoogleSettings};
use gtoken::log::Line;
use gtoken::schedule::Jitter;
use gtoken::source::{Apart, GoogleApis, MetadataServer, Source};
use gtoken_contract::{AgentFlags, Source as Asked};

use crate::agent::sandbox_with_life;
use crate::cloud::Cloud;
use crate::witness::Witness;

/// Seconds that a token lives: enough for one attempt by the wrong clock and another.
const LIFE: u64 = 20;

/// When the clock is set, after the first token and before its refresh.
const SET_AT: Duration = Duration::from_secs(2);

const HOUR: Duration = Duration::from_hours(1);

/// How many tokens there are to be, the later ones by a clock that was wrong all along.
const TOKENS: usize = 3;

/// What somebody sets a clock to that shows the right time.
type Set = fn(SystemTime) -> SystemTime;

/// A clock that is set once.
struct SetClock {
    machine: SystemClock,
    set: Set,
    is_set: Cell<bool>,
    /// Whether the test is, which an agent that refreshes never is by itself.
    over: Arc<AtomicBool>,
}

impl Clock for SetClock {
    fn now(&self) -> SystemTime {
        let now = self.machine.now();
        if self.is_set.get() {
            (self.set)(now)
        } else {
            now
        }
    }

    fn uptime(&self) -> Duration {
        self.machine.uptime()
    }

    fn wait(&self, pause: Duration) -> Woken {
        while self.over.load(Ordering::Relaxed) {
            thread::park();
        }
        let until_set = SET_AT.saturating_sub(self.uptime());
        if self.is_set.get() || pause < until_set {
            return self.machine.wait(pause);
        }
        self.machine.wait(until_set);
        self.is_set.set(true);
        Woken::ClockSet
    }
}

#[test]
fn a_clock_that_is_set_an_hour_wrong_costs_no_token_by_any_source() {
    let ways: [Set; 2] = [|now| now + HOUR, |now| now - HOUR];
    thread::scope(|scope| {
        for set in ways {
            scope.spawn(move || outlasts(set, metadata));
            scope.spawn(move || outlasts(set, apart));
        }
    });
}

/// Makes a source of what the configuration says, and of the program that asks Google's APIs.
type Choose<S> = fn(MetadataServer, GoogleSettings, PathBuf) -> S;

fn metadata(server: MetadataServer, _: GoogleSettings, _: PathBuf) -> MetadataServer {
    server
}

/// Google's APIs, by the key that the environment names.
fn apart(server: MetadataServer, google: GoogleSettings, program: PathBuf) -> Apart {
    Apart::new(GoogleApis::new(google, server), program)
}

fn outlasts<S: Source + 'static>(set: Set, choose: Choose<S>) {
    let cloud = Arc::new(Cloud::of(Arc::new(sandbox_with_life(LIFE))));
    let witness = Witness::of(&cloud.path("token"), &cloud.sandbox);
    let started = SystemTime::now();
    let over = Arc::new(AtomicBool::new(false));
    let clock = SetClock {
        machine: SystemClock::start(),
        set,
        is_set: Cell::new(false),
        over: Arc::clone(&over),
    };
    let beside = Arc::clone(&cloud);
    thread::spawn(move || keep_fresh(&beside, clock, choose));
    let first = witness.wait_for_token(started, started + Duration::from_secs(5));
    let mut last = first;
    for _ in 1..TOKENS {
        last = witness.wait_for_token(last.at + Duration::from_millis(1), last.expires_at);
    }
    over.store(true, Ordering::Relaxed);
    assert_eq!(witness.lapses_since(first.at), 0, "looks without a token");
    witness.has_seen_nothing_wrong();
    let google = cloud.sandbox.google();
    let asked = google.requests().len() + google.api_requests().len();
    assert!(asked <= 3 * TOKENS, "{asked} requests for {TOKENS} tokens");
}

fn keep_fresh<S: Source>(cloud: &Cloud, clock: SetClock, choose: Choose<S>) {
    let key = cloud.sandbox.service_account_key(&cloud.reader);
    let command = cloud.with(&key, &[]);
    let variable = |name: &str| {
        let mut all = command.get_envs();
        all.find_map(|(set, value)| value.filter(|_| set == name).map(OsStr::to_owned))
    };
    let flags = AgentFlags {
        file: Some(cloud.path("token").to_str().unwrap().to_owned()),
        source: Asked::Auto,
        ..AgentFlags::default()
    };
    let Config {
        sink,
        expectation,
        metadata_host,
        google,
        ..
    } = Config::new(flags, variable).unwrap();
    let server = MetadataServer::new(metadata_host);
    let source = choose(server, google, program(cloud, &command));
    let say = |line: &Line| eprintln!("{}", line.message);
    let jitter = Jitter::seeded(1);
    Agent::new(source, sink, clock, say, expectation, jitter).refresh();
}

/// The binary with the environment of an agent, which a test cannot have itself.
fn program(cloud: &Cloud, command: &Command) -> PathBuf {
    let variables: Vec<String> = command
        .get_envs()
        .map(|(name, value)| format!("{}='{}'", name.display(), value.unwrap().display()))
        .collect();
    let variables = variables.join(" ");
    let binary = command.get_program().display();
    let script = format!("#!/bin/sh\nexec env -i {variables} '{binary}' \"$@\"\n");
    let path = cloud.write("program", &script);
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    path
}

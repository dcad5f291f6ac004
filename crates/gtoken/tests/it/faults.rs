//! A token server that answers wrongly, late or not at all, fault by fault: the agent says so, keeps trying within its limits,
//! publishes nothing wrong, loses nothing good, and has the next token soon after the server does.
//!
//! Every fault is one line of [`FAULTS`].

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use gtoken_sandbox::google::{GoogleIdentity, Scenario, SeenRequest};
use gtoken_sandbox::{Config, LifetimeChange, Sandbox};

use tempfile::TempDir;

use crate::agent::{Agent, Ended, file_flag, free_address, gtoken, sandbox_with_life, wait_until};
use crate::witness::{Published, Witness, shows_token};

use Scenario::{
    BrokenOff, Chunked, Empty200, EndlessHead, ExpiredToken, ExpiryAsText, Healthy, Html200,
    JsonInstead, NoExpiry, NodesToken, OlderToken, Oversized, Redirect, Refused, Reset, SameToken,
    Silent, SilentAfterHead, Slow, Trickle, Truncated, UnbornToken, WrongAudience, WrongLength,
};

/// A fault, and what the agent makes of it.
#[derive(Clone, Copy)]
struct Fault {
    name: &'static str,
    scenario: Scenario,
    course: Course,
    /// Seconds that tokens live where what is left of them must outlast the fault.
    life: u64,
}

/// How it goes.
#[derive(Clone, Copy, PartialEq)]
enum Course {
    /// There is no token while it lasts: the log says this, and a one-shot ends with this code.
    Fails(&'static str, i32),
    /// The same, and what is said takes longer than the fault is played.
    Hangs,
    /// There is a token, but none newer than the one that is held.
    Stale,
    /// There is a token all the same.
    Succeeds,
}

const INTERCEPTED: &str = "no metadata server answers so";
const ENDED: &str = "it ended in the middle of an answer";

const FAULTS: &[Fault] = &[
    fails("refused", Refused, ENDED, 75),
    fault("hung before the head", Silent, Course::Hangs),
    fault("hung after the head", SilentAfterHead, Course::Hangs),
    fault("a byte a second", Trickle, Course::Hangs),
    fails("broken off in the body", BrokenOff, ENDED, 75),
    fails("reset in the body", Reset, ENDED, 75),
    fails("length too long", WrongLength { by: 7 }, ENDED, 75),
    fails(
        "length too short",
        // What is left of the signature is base64url.
        WrongLength { by: -2 },
        "its signature is not whole",
        78,
    ),
    fault("chunked", Chunked, Course::Succeeds),
    fails("16 MiB", Oversized, "it has 16 KiB or more", 78),
    fails(
        "endless header",
        EndlessHead,
        "what came is no HTTP answer",
        75,
    ),
    fails("301 to elsewhere", status(301), "answered 301", 78),
    fails("302 to elsewhere", Redirect, "answered 302", 78),
    fails("400", status(400), "answered 400", 78),
    fails("401", status(401), "answered 401", 78),
    fails("403", status(403), "answered 403", 78),
    fails("404", status(404), "answered 404", 78),
    fails("408", status(408), "answered 408", 75),
    fails("429", status(429), "answered 429", 75),
    fails("429, Retry-After 2", later(429, 2), "answered 429", 75),
    Fault {
        life: 40,
        ..fails("429, Retry-After 600", later(429, 600), "answered 429", 75)
    },
    fails("499", status(499), "answered 499", 75),
    fails("500", status(500), "answered 500", 75),
    fails("502", status(502), "answered 502", 75),
    fails("503", status(503), "answered 503", 75),
    fails("503, Retry-After 2", later(503, 2), "answered 503", 75),
    fails("HTML with 200", Html200, INTERCEPTED, 78),
    fails("JSON instead of a token", JsonInstead, INTERCEPTED, 78),
    fails("empty", Empty200, "it is empty", 78),
    fails("truncated", Truncated, "it is no ID token", 78),
    fails(
        "wrong audience",
        WrongAudience,
        "the token is meant for `https://another-audience.example`",
        78,
    ),
    fails("no exp", NoExpiry, "no `exp` claim", 78),
    fails("exp as a string", ExpiryAsText, "no `exp` claim", 78),
    fails("expired", ExpiredToken, "this machine's clock reads", 75),
    fault(
        "born in a minute",
        UnbornToken(Duration::from_mins(1)),
        Course::Succeeds,
    ),
    fails(
        "born in an hour",
        UnbornToken(Duration::from_hours(1)),
        "the token is good only from",
        75,
    ),
    fault("same token again", SameToken, Course::Stale),
    fault("older token", OlderToken, Course::Stale),
    fails(
        "the node's identity",
        NodesToken,
        "--workload-metadata=GKE_METADATA",
        78,
    ),
    fault("keys rotated", Healthy, Course::Succeeds),
    Fault {
        life: 80,
        ..fault(
            "an answer that takes 12 s",
            Slow(Duration::from_secs(12)),
            Course::Succeeds,
        )
    },
];

const fn fault(name: &'static str, scenario: Scenario, course: Course) -> Fault {
    Fault {
        name,
        scenario,
        course,
        life: 24,
    }
}

const fn fails(name: &'static str, scenario: Scenario, says: &'static str, code: i32) -> Fault {
    fault(name, scenario, Course::Fails(says, code))
}

const fn status(code: u16) -> Scenario {
    Scenario::Status {
        code,
        retry_after: None,
    }
}

const fn later(code: u16, seconds: u64) -> Scenario {
    Scenario::Status {
        code,
        retry_after: Some(seconds),
    }
}

/// The longest time from the end of a fault to the next token.
const RECOVERY: Duration = Duration::from_secs(5);

/// How long a fault is played where nothing else tells.
const AWHILE: Duration = Duration::from_secs(4);

/// What may pass between two things that happen at once.
const MOMENT: Duration = Duration::from_millis(200);

/// Seconds that a token lives which the fault outlasts.
const SHORT_LIFE: u64 = 10;

/// The audience of the one-shots, which tells their requests from the agent's.
const ONE_SHOT: &str = "one-shot";

#[test]
fn every_fault_of_a_token_server_is_outlasted() {
    let failed: Vec<_> = thread::scope(|scope| {
        let start = |fault: &'static Fault| {
            let thread = thread::Builder::new().name(fault.name.to_owned());
            let running = thread.spawn_scoped(scope, || outlast(fault)).unwrap();
            (fault.name, running)
        };
        let running: Vec<_> = FAULTS.iter().map(start).collect();
        let ended = running
            .into_iter()
            .map(|(name, thread)| (name, thread.join()));
        ended
            .filter(|(_, end)| end.is_err())
            .map(|(name, _)| name)
            .collect()
    });
    assert!(failed.is_empty(), "not outlasted: {failed:#?}");
}

fn outlast(fault: &Fault) {
    let bed = Bed::start(fault);
    match fault.course {
        Course::Succeeds => bed.has_tokens_all_the_same(fault),
        Course::Stale => bed.outlasts_what_is_held(fault, bed.first_token()),
        Course::Hangs => {
            let first = bed.fails_from_the_start("it did not answer in time", 75);
            bed.outlasts_what_is_held(fault, first);
        }
        Course::Fails(says, code) => {
            let first = bed.fails_from_the_start(says, code);
            assert!(bed.agent.log().contains(says), "{}", bed.agent.log());
            bed.outlasts_what_is_held(fault, first);
        }
    }
    bed.end();
}

/// An agent, its token file and its token server.
struct Bed {
    sandbox: Arc<Sandbox>,
    folder: TempDir,
    started: SystemTime,
    agent: Agent,
    witness: Witness,
}

impl Bed {
    fn start(fault: &Fault) -> Self {
        let (life, at_the_start) = match fault.course {
            Course::Succeeds => (fault.life, Healthy),
            Course::Stale => (SHORT_LIFE, Healthy),
            Course::Fails(..) | Course::Hangs => (SHORT_LIFE, fault.scenario),
        };
        let sandbox = Arc::new(sandbox_with_life(life));
        sandbox.google().play(at_the_start);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gtoken");
        let witness = Witness::of(&path, &sandbox);
        let started = SystemTime::now();
        let agent = Agent::start(command(&sandbox, &[&file_flag(&path)]));
        Self {
            sandbox,
            folder,
            started,
            agent,
            witness,
        }
    }

    /// The token that comes because nothing is in its way.
    fn first_token(&self) -> Published {
        let soon = self.started + RECOVERY;
        self.witness.wait_for_token(self.started, soon)
    }

    /// There is nothing to publish for a while, then a token.
    fn fails_from_the_start(&self, says: &str, code: i32) -> Published {
        let ended = self.one_shot("3s");
        assert_eq!(ended.status.code(), Some(code), "{ended:?}");
        let last = ended.log.lines().last().unwrap();
        assert!(last.starts_with("gtoken: gave up after"), "{last}");
        assert!(last.contains(says), "{last}");
        assert_eq!(ended.stdout, "");
        wait_for(self.started + AWHILE);
        assert_eq!(fs::read_dir(&self.folder).unwrap().count(), 0);
        self.heal()
    }

    /// The fault lasts beyond the token that is held; then it lasts less, and nobody is without a token.
    fn outlasts_what_is_held(&self, fault: &Fault, held: Published) {
        let google = self.sandbox.google();
        google.play(fault.scenario);
        self.sandbox.change_lifetimes(&LifetimeChange {
            token: Some(fault.life),
            ..LifetimeChange::default()
        });
        wait_for(held.expires_at + AWHILE);
        let held = self.heal();
        google.play(fault.scenario);
        let latest_refresh = Duration::from_secs(fault.life).mul_f64(0.8);
        wait_for(held.issued_at + latest_refresh + MOMENT);
        assert!(!self.attempts_since(held.at).is_empty(), "no refresh");
        let next = self.heal();
        assert!(next.at < held.expires_at, "the next token came too late");
        assert_eq!(
            self.witness.lapses_since(held.at),
            0,
            "looks without a token"
        );
    }

    /// The fault is none, as long as it may last.
    fn has_tokens_all_the_same(&self, fault: &Fault) {
        let first = self.first_token();
        let google = self.sandbox.google();
        google.play(fault.scenario);
        if fault.scenario == Healthy {
            google.rotate_keys();
        }
        let ended = self.one_shot("30s");
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        let after = first.at + MOMENT;
        self.witness.wait_for_token(after, first.expires_at);
        let lapses = self.witness.lapses_since(first.at);
        assert_eq!(lapses, 0, "looks without a token");
    }

    /// Ends the fault, and waits for the token that comes in time.
    fn heal(&self) -> Published {
        self.sandbox.google().play(Healthy);
        let healed = SystemTime::now();
        let held = self.witness.tokens();
        let excused = self
            .attempts_since(self.started)
            .last()
            .map(|last| excused_until(last, &held));
        let from = excused.map_or(healed, |until| until.max(healed));
        self.witness.wait_for_token(healed, from + RECOVERY)
    }

    /// What the agent's attempts looked like to the server.
    fn attempts_since(&self, since: SystemTime) -> Vec<SeenRequest> {
        let mut requests = self.sandbox.google().requests();
        requests.retain(|request| request.at >= since && !request.path.ends_with(ONE_SHOT));
        requests
    }

    /// What a one-shot says that meets nothing else.
    fn one_shot(&self, timeout: &str) -> Ended {
        let timeout = format!("--timeout={timeout}");
        let audience = format!("--audience={ONE_SHOT}");
        let args = ["--refresh=false", &timeout, &audience];
        let ended = Agent::start(command(&self.sandbox, &args)).end();
        assert!(!shows_token(&ended.log), "{}", ended.log);
        ended
    }

    fn end(self) {
        let attempts = self.attempts_since(self.started);
        let tokens = self.witness.tokens();
        check_attempts(&attempts, &tokens);
        let (ended, _) = self.agent.signal("TERM");
        assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
        assert_eq!(ended.stdout, "");
        assert!(!shows_token(&ended.log), "{}", ended.log);
        // Each outage is said, and its end, and that the token ran out.
        assert!(ended.log.lines().count() <= 9, "{}", ended.log);
        self.witness.has_seen_nothing_wrong();
        assert_eq!(fs::read_dir(&self.folder).unwrap().count(), 1);
    }
}

/// The agent's command, which expects the identity that the sandbox has.
fn command(sandbox: &Sandbox, args: &[&str]) -> Command {
    let identity = format!("--expect-identity={}", GoogleIdentity::reader().email);
    let mut command = gtoken(sandbox.metadata_address(), args);
    command.arg(identity);
    command
}

/// Until when the server asked to be left alone, as far as it is listened to: up to half of what is left of the token held.
fn excused_until(asked: &SeenRequest, held: &[Published]) -> SystemTime {
    let Scenario::Status {
        retry_after: Some(seconds),
        ..
    } = asked.scenario
    else {
        return asked.at;
    };
    let held = held.iter().rfind(|token| token.at <= asked.at);
    let left = held.map(|held| held.expires_at.duration_since(asked.at).unwrap_or_default());
    asked.at + Duration::from_secs(seconds).min(left.unwrap_or_default() / 2)
}

/// At most thirty a minute, and none while the server asked for none.
fn check_attempts(attempts: &[SeenRequest], tokens: &[Published]) {
    for (i, attempt) in attempts.iter().enumerate() {
        let minute = attempt.at + Duration::from_mins(1);
        let within = attempts[i..].iter().take_while(|other| other.at < minute);
        assert!(within.count() <= 30, "more than 30 attempts a minute");
    }
    for pair in attempts.windows(2) {
        let until = excused_until(&pair[0], tokens);
        // The agent counts from the answer, which is later than the request.
        let early = until.duration_since(pair[1].at).unwrap_or_default();
        assert!(
            early.is_zero(),
            "asked {early:?} before Retry-After was over"
        );
    }
}

fn wait_for(time: SystemTime) {
    thread::sleep(time.duration_since(SystemTime::now()).unwrap_or_default());
}

#[test]
fn a_redirect_is_not_followed() {
    let sandbox = sandbox_with_life(3600);
    sandbox.google().play_in_turn([Redirect; 20]);
    let args = ["--refresh=false", "--timeout=1s"];
    Agent::start(gtoken(sandbox.metadata_address(), &args)).end();
    let paths: Vec<String> = sandbox
        .google()
        .requests()
        .into_iter()
        .map(|r| r.path)
        .collect();
    assert!(
        paths.iter().all(|path| path.contains("/identity?")),
        "{paths:?}"
    );
}

#[test]
fn a_silent_metadata_server_holds_a_one_shot_no_longer_than_its_timeout() {
    let sandbox = sandbox_with_life(3600);
    sandbox.google().play(Silent);
    let begun = Instant::now();
    let args = ["--refresh=false", "--timeout=1s"];
    let ended = Agent::start(gtoken(sandbox.metadata_address(), &args)).end();
    assert_eq!(ended.status.code(), Some(75));
    assert!(ended.log.contains("did not answer in time"), "{ended:?}");
    assert!(
        begun.elapsed() >= Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
}

/// The Go gtoken ended when the metadata server was away at its start.
#[test]
fn go_gtoken_ends_when_the_metadata_server_is_away_at_start() {
    let address = free_address();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gtoken");
    let args = ["--refresh=false", "--timeout=0", &file_flag(&path)];
    let mut agent = Agent::start(gtoken(address, &args));
    agent.wait_for_log("the metadata server is not up yet, or a NetworkPolicy forbids egress");
    let _sandbox = Sandbox::start(Config {
        metadata_address: Some(address),
        ..Config::default()
    })
    .unwrap();
    let ended = agent.end();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert!(path.exists());
}

#[test]
fn a_file_that_cannot_be_written_is_said_with_its_path() {
    let sandbox = sandbox_with_life(3600);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing").join("gtoken");
    let mut agent = Agent::start(gtoken(sandbox.metadata_address(), &[&file_flag(&path)]));
    agent.wait_for_log("its folder must exist");
    assert!(
        agent.log().contains(path.to_str().unwrap()),
        "{}",
        agent.log()
    );
    fs::create_dir(path.parent().unwrap()).unwrap();
    wait_until("the token is there", || path.exists());
}

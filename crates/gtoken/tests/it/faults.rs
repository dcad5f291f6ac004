//! A token server that answers wrongly, late or not at all, fault by fault: the agent says so, keeps trying within its limits,
//! publishes nothing wrong, loses nothing good, and has the next token soon after the server does.
//!
//! Every fault is one line of [`table`], and is played by the metadata server and by Google's APIs over HTTPS.

mod table;

use std::fs;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use gtoken_sandbox::google::{Scenario, SeenRequest};
use gtoken_sandbox::{Config, LifetimeChange, Sandbox};

use tempfile::TempDir;

use crate::agent::{Agent, Ended, file_flag, free_address, gtoken, sandbox_with_life, wait_until};
use crate::cloud::Cloud;
use crate::via::{Via, check_attempts, excused_until};
use crate::witness::{Published, Witness, shows_token};

use Scenario::{Healthy, Redirect, Silent};
use table::{Course, FAULTS, Fault};

/// The longest time from the end of a fault to the next token.
const RECOVERY: Duration = Duration::from_secs(5);

/// How long a fault is played where nothing else tells.
const AWHILE: Duration = Duration::from_secs(4);

/// What may pass between two things that happen at once.
const MOMENT: Duration = Duration::from_millis(200);

/// Seconds that a token lives which the fault outlasts.
const SHORT_LIFE: u64 = 10;

#[test]
fn every_fault_of_a_metadata_server_is_outlasted() {
    outlast_all(Via::Metadata);
}

#[test]
fn every_fault_of_googles_apis_is_outlasted() {
    outlast_all(Via::Https);
}

/// All faults at once, as most of each is waiting; the two sources one after the other, for there are so many agents.
fn outlast_all(via: Via) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let failed: Vec<_> = thread::scope(|scope| {
        let start = |(fault, course): (&'static Fault, Course)| {
            let thread = thread::Builder::new().name(format!("{} ({via:?})", fault.name));
            let outlast = move || outlast(fault, course, via);
            (fault.name, thread.spawn_scoped(scope, outlast).unwrap())
        };
        let course = |fault: &'static Fault| match via {
            Via::Metadata => Some((fault, fault.course)),
            Via::Https => Some((fault, fault.over_https?)),
        };
        let running: Vec<_> = FAULTS.iter().filter_map(course).map(start).collect();
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

fn outlast(fault: &Fault, course: Course, via: Via) {
    let bed = Bed::start(fault, course, via);
    match course {
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
    cloud: Cloud,
    via: Via,
    folder: TempDir,
    started: SystemTime,
    agent: Agent,
    witness: Witness,
}

impl Bed {
    fn start(fault: &Fault, course: Course, via: Via) -> Self {
        let (life, at_the_start) = match course {
            Course::Succeeds => (fault.life, Healthy),
            Course::Stale => (SHORT_LIFE, Healthy),
            Course::Fails(..) | Course::Hangs => (SHORT_LIFE, fault.scenario),
        };
        let cloud = Cloud::of(Arc::new(sandbox_with_life(life)));
        via.prepare(&cloud);
        via.play(&cloud, at_the_start);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gtoken");
        let witness = Witness::of(&path, &cloud.sandbox);
        let started = SystemTime::now();
        let agent = Agent::start(via.refresher(&cloud, &file_flag(&path)));
        Self {
            cloud,
            via,
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
        self.play(fault.scenario);
        self.cloud.sandbox.change_lifetimes(&LifetimeChange {
            token: Some(fault.life),
            ..LifetimeChange::default()
        });
        wait_for(held.expires_at + AWHILE);
        let held = self.heal();
        self.play(fault.scenario);
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
        self.play(fault.scenario);
        if fault.scenario == Healthy {
            self.cloud.sandbox.google().rotate_keys();
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
        self.play(Healthy);
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
        let mut requests = self.via.requests(&self.cloud);
        requests.retain(|request| request.at >= since);
        requests
    }

    fn play(&self, scenario: Scenario) {
        self.via.play(&self.cloud, scenario);
    }

    /// What a one-shot says that meets nothing else.
    fn one_shot(&self, timeout: &str) -> Ended {
        let mut command = self.via.one_shot(&self.cloud);
        command.arg(format!("--timeout={timeout}"));
        let ended = Agent::start(command).end();
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

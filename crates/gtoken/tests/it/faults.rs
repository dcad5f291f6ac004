//! A metadata server that answers wrongly, late or not at all: the agent says so, keeps trying, and never writes it.

use std::fs;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use gtoken_sandbox::google::Scenario;
use gtoken_sandbox::{Config, Sandbox};

use crate::agent::{Agent, file_flag, gtoken, sandbox_with_life, wait_until};

/// Each fault, what the log says of it, and the code of a one-shot that meets nothing else.
const FAULTS: [(Scenario, &str, i32); 13] = [
    (Scenario::Html200, "no metadata server answers so", 78),
    (Scenario::NotFound, "answered 404", 78),
    (Scenario::Empty200, "it is empty", 78),
    (Scenario::JsonInstead, "no metadata server answers so", 78),
    (Scenario::Redirect, "answered 30", 78),
    (Scenario::Truncated, "it is no ID token", 78),
    (
        Scenario::WrongAudience,
        "the token is meant for `https://another-audience.example`",
        78,
    ),
    (Scenario::ExpiredToken, "this machine's clock reads", 75),
    (
        Scenario::BrokenOff,
        "it ended in the middle of an answer",
        75,
    ),
    (Scenario::Refused, "it ended in the middle of an answer", 75),
    (Scenario::ServerError, "answered 500", 75),
    (Scenario::Unavailable, "answered 503", 75),
    (Scenario::TooManyRequests, "answered 429", 75),
];

#[test]
fn a_wrong_answer_is_said_and_never_written_and_asked_again() {
    thread::scope(|scope| {
        for (scenario, words, _) in FAULTS {
            scope.spawn(move || outlasts(scenario, words));
        }
    });
}

fn outlasts(scenario: Scenario, words: &str) {
    let sandbox = sandbox_with_life(3600);
    sandbox.google().play(scenario);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gtoken");
    let mut agent = Agent::start(gtoken(sandbox.metadata_address(), &[&file_flag(&path)]));
    agent.wait_for_log(words);
    wait_until("it was asked three times", || {
        sandbox.google().requests().len() >= 3
    });
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "{scenario:?}");
    sandbox.google().play(Scenario::Healthy);
    agent.wait_for_log("failed attempts since");
    assert!(path.exists());
    let (ended, _) = agent.signal("TERM");
    assert_eq!(ended.status.code(), Some(0), "{scenario:?}: {}", ended.log);
    // What went on is said once, and then that it is over.
    assert_eq!(ended.log.lines().count(), 2, "{scenario:?}: {}", ended.log);
}

#[test]
fn the_exit_code_says_whether_a_person_must_act() {
    thread::scope(|scope| {
        for (scenario, words, code) in FAULTS {
            scope.spawn(move || {
                let sandbox = sandbox_with_life(3600);
                sandbox.google().play(scenario);
                let args = ["--refresh=false", "--timeout=1s"];
                let ended = Agent::start(gtoken(sandbox.metadata_address(), &args)).end();
                assert_eq!(ended.status.code(), Some(code), "{scenario:?}: {ended:?}");
                let last = ended.log.lines().last().unwrap();
                assert!(last.starts_with("gtoken: gave up after"), "{last}");
                assert!(last.contains(words), "{last}");
                assert_eq!(ended.stdout, "");
            });
        }
    });
}

#[test]
fn a_redirect_is_not_followed() {
    let sandbox = sandbox_with_life(3600);
    sandbox.google().play_in_turn([Scenario::Redirect; 20]);
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
    sandbox.google().play(Scenario::Silent);
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
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = port.local_addr().unwrap();
    drop(port);
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

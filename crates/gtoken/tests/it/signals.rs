//! SIGTERM and SIGINT end it at once, whatever it is doing.

use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use gtoken_sandbox::google::Scenario;

use crate::agent::{
    Agent, gtoken, has_namespaces, sandbox_with_life, send, started_by, wait_until,
};

const AT_ONCE: Duration = Duration::from_secs(1);

#[track_caller]
fn ends_with(agent: Agent, signal: &str, code: i32) {
    let (ended, took) = agent.signal(signal);
    assert_eq!(ended.status.code(), Some(code), "{signal}: {ended:?}");
    assert!(took < AT_ONCE, "{signal}: {took:?}");
}

#[test]
fn while_it_waits_for_the_next_refresh() {
    let sandbox = sandbox_with_life(3600);
    for signal in ["TERM", "INT"] {
        let mut agent = Agent::start(gtoken(sandbox.metadata_address(), &[]));
        agent.wait_for_log("got a token");
        ends_with(agent, signal, 0);
    }
}

#[test]
fn inside_a_request_that_nobody_answers() {
    for signal in ["TERM", "INT"] {
        for (args, code) in [(&["--refresh=false", "--timeout=0"][..], 75), (&[], 0)] {
            let sandbox = sandbox_with_life(3600);
            sandbox.google().play(Scenario::Silent);
            let agent = Agent::start(gtoken(sandbox.metadata_address(), args));
            wait_until("it has asked", || !sandbox.google().requests().is_empty());
            ends_with(agent, signal, code);
        }
    }
}

#[test]
fn while_the_metadata_server_is_away() {
    let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
    for signal in ["TERM", "INT"] {
        for (args, code) in [(&["--refresh=false", "--timeout=0"][..], 75), (&[], 0)] {
            let mut agent = Agent::start(gtoken(nobody, args));
            agent.wait_for_log("no token yet");
            ends_with(agent, signal, code);
        }
    }
}

const NAMESPACES: [&str; 4] = ["--user", "--map-root-user", "--pid", "--fork"];

/// In a container the agent is process 1, to which the kernel delivers only signals that have a handler.
#[test]
fn as_process_1() {
    let sandbox = sandbox_with_life(3600);
    sandbox.google().play(Scenario::Silent);
    let agent = gtoken(
        sandbox.metadata_address(),
        &["--refresh=false", "--timeout=0"],
    );
    if !has_namespaces(&NAMESPACES) {
        return;
    }
    let by = [&["unshare"], &NAMESPACES[..]].concat();
    let outer = Agent::start(started_by(&by, &agent));
    wait_until("it has asked", || !sandbox.google().requests().is_empty());
    let children = format!("/proc/{0}/task/{0}/children", outer.id());
    let inner = fs::read_to_string(children).unwrap();
    let sent = Instant::now();
    send("TERM", inner.trim().parse().unwrap());
    let ended = outer.end();
    assert_eq!(ended.status.code(), Some(75), "{ended:?}");
    assert!(sent.elapsed() < AT_ONCE, "{:?}", sent.elapsed());
}

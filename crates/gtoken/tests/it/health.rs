//! `--health-address`: what is told of an agent that runs, and that nobody who asks can harm it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use gtoken_sandbox::google::Scenario;

use crate::agent::{Agent, file_flag, gtoken, sandbox_with_life, wait_until};

/// What kubelet gives a probe unless told otherwise.
const PROBE: Duration = Duration::from_secs(1);

const ANY_PORT: &str = "--health-address=127.0.0.1:0";

/// Where a running agent listens, by its own words.
fn address(agent: &mut Agent) -> SocketAddr {
    agent.wait_for_log("telling how it is at http://");
    let log = agent.log();
    let (_, from) = log.split_once("http://").unwrap();
    from.split('/').next().unwrap().parse().unwrap()
}

/// Asks as a probe does, and gives the status line and the body.
#[track_caller]
fn get(address: SocketAddr, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect_timeout(&address, PROBE).unwrap();
    stream.set_read_timeout(Some(PROBE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

fn number(metrics: &str, name: &str) -> Option<i64> {
    let line = metrics.lines().find(|line| line.starts_with(name))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[test]
fn a_scrape_tells_of_the_token_and_the_attempts() {
    let sandbox = sandbox_with_life(3600);
    sandbox
        .google()
        .play_in_turn([Scenario::NotFound, Scenario::Refused, Scenario::Healthy]);
    let folder = tempfile::tempdir().unwrap();
    let file = file_flag(&folder.path().join("gtoken"));
    let mut agent = Agent::start(gtoken(sandbox.metadata_address(), &[&file, ANY_PORT]));
    let address = address(&mut agent);
    agent.wait_for_log("got a token");
    let (status, body) = get(address, "/metrics");
    assert_eq!(status, "HTTP/1.1 200 OK");
    let left = number(&body, "gtoken_token_expires_in_seconds ").unwrap();
    assert!((3500..=3600).contains(&left), "{body}");
    assert!(number(&body, "gtoken_last_success_timestamp_seconds ") > Some(1_700_000_000));
    for (outcome, count) in [
        ("published", 1),
        ("try-again", 1),
        ("needs-person", 1),
        ("unchanged", 0),
    ] {
        let name = format!("gtoken_attempts_total{{outcome=\"{outcome}\"}} ");
        assert_eq!(number(&body, &name), Some(count), "{body}");
    }
    assert!(body.ends_with("# EOF\n"), "{body}");
    let (status, body) = get(address, "/healthz");
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert!(body.starts_with("the token is good for "), "{body}");
    assert_eq!(get(address, "/token").0, "HTTP/1.1 404 Not Found");
    let (ended, _) = agent.signal("TERM");
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
}

#[test]
fn without_a_token_it_is_not_healthy_and_an_attempt_that_hangs_delays_no_probe() {
    let sandbox = sandbox_with_life(3600);
    sandbox.google().play(Scenario::Silent);
    let mut agent = Agent::start(gtoken(sandbox.metadata_address(), &[ANY_PORT]));
    let address = address(&mut agent);
    wait_until("it has asked", || !sandbox.google().requests().is_empty());
    for _ in 0..3 {
        let (status, body) = get(address, "/healthz");
        assert_eq!(status, "HTTP/1.1 503 Service Unavailable");
        assert_eq!(body, "no token yet; failed attempts: 0\n");
    }
}

#[test]
fn an_agent_whose_token_ran_out_is_not_healthy_until_it_has_another() {
    let sandbox = sandbox_with_life(2);
    sandbox
        .google()
        .play_in_turn([Scenario::Healthy, Scenario::NotFound, Scenario::NotFound]);
    let mut agent = Agent::start(gtoken(sandbox.metadata_address(), &[ANY_PORT]));
    let address = address(&mut agent);
    let is = |status: &str| get(address, "/healthz").0.contains(status);
    wait_until("it is healthy", || is(" 200 "));
    wait_until("its token ran out", || is(" 503 "));
    wait_until("it is healthy again", || is(" 200 "));
}

#[test]
fn clients_who_say_nothing_or_too_much_lock_nobody_out_and_delay_no_refresh() {
    let sandbox = sandbox_with_life(4);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gtoken");
    let args = [&file_flag(&path), ANY_PORT];
    let mut agent = Agent::start(gtoken(sandbox.metadata_address(), &args));
    let address = address(&mut agent);
    let mut clients: Vec<TcpStream> = (0..40)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    let began = Instant::now();
    while sandbox.google().requests().len() < 4 {
        for client in &mut clients {
            // Those that were dropped refuse, and are as hostile again.
            if client.write_all(b"GET /healthz HTTP/1.1\r\nX: y").is_err() {
                *client = TcpStream::connect(address).unwrap();
            }
        }
        let (status, body) = get(address, "/healthz");
        // A busy machine may be late by a moment of these four seconds.
        assert!(
            status.contains(" 200 ") || body.contains("token"),
            "{status} {body}"
        );
        assert!(began.elapsed() < Duration::from_secs(30), "{}", agent.log());
    }
    assert!(fs::read_to_string(&path).unwrap().split('.').count() == 3);
    assert!(agent.is_running());
    assert!(!agent.log().contains("ran out"), "{}", agent.log());
}

#[test]
fn a_client_that_says_nothing_is_let_go() {
    let sandbox = sandbox_with_life(3600);
    let mut agent = Agent::start(gtoken(sandbox.metadata_address(), &[ANY_PORT]));
    let mut client = TcpStream::connect(address(&mut agent)).unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    assert_eq!(client.read(&mut [0]).unwrap(), 0, "it was answered");
}

#[test]
fn an_address_in_use_is_to_be_tried_again_and_one_that_is_none_is_not() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let taken = listener.local_addr().unwrap();
    let sandbox = sandbox_with_life(3600);
    let flag = format!("--health-address={taken}");
    let mut agent = Agent::start(gtoken(sandbox.metadata_address(), &[&flag]));
    agent.wait_for_log("got a token");
    let words = format!("--health-address `{taken}` cannot be used: ");
    let log = agent.log();
    assert!(log.contains(&words) && log.contains("in use"), "{log}");
    drop(listener);
    assert_eq!(address(&mut agent), taken);
    assert_eq!(get(taken, "/healthz").0, "HTTP/1.1 200 OK");

    for (address, reason) in [
        ("192.0.2.1:8080", "choose an address that this pod has"),
        ("localhost:8080", "it is :PORT, IP:PORT or [IPv6]:PORT"),
    ] {
        let flag = format!("--health-address={address}");
        let ended = Agent::start(gtoken(sandbox.metadata_address(), &[&flag])).end();
        assert_eq!(ended.status.code(), Some(2), "{ended:?}");
        let words = format!("--health-address `{address}` cannot be used: ");
        assert!(
            ended.log.contains(&words) && ended.log.contains(reason),
            "{ended:?}"
        );
    }
}

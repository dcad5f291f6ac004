//! One token: how it is asked for and where it goes.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::process::Stdio;

use gtoken_sandbox::google::Scenario;

use crate::agent::{Agent, file_flag, gtoken, sandbox_with_life, send, started_by, wait_until};

#[test]
fn one_token_goes_to_standard_output_without_a_newline() {
    let sandbox = sandbox_with_life(3600);
    let ended = Agent::start(gtoken(sandbox.metadata_address(), &["--refresh=false"])).end();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    sandbox.google().play(Scenario::SameToken);
    let given = sandbox
        .google()
        .id_token("gtoken/sts/assume-role-with-web-identity")
        .unwrap();
    // A second look issues a second token; header and claims begin alike, and none has white space.
    assert_eq!(ended.stdout.split('.').count(), 3);
    assert_eq!(ended.stdout.split('.').next(), given.split('.').next());
    assert_eq!(ended.stdout.trim(), ended.stdout);
    assert_eq!(ended.log.lines().count(), 1, "{ended:?}");
}

#[test]
fn asks_as_a_metadata_server_wants_to_be_asked() {
    let sandbox = sandbox_with_life(3600);
    let args = ["--refresh=false", "--audience=a/b c&d=é+"];
    let ended = Agent::start(gtoken(sandbox.metadata_address(), &args)).end();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let requests = sandbox.google().requests();
    let [request] = requests.as_slice() else {
        panic!("{requests:?}")
    };
    assert_eq!(request.method, "GET");
    assert_eq!(request.header("metadata-flavor"), Some("Google"));
    assert_eq!(request.header("x-forwarded-for"), None);
    let (path, query) = request.path.split_once('?').unwrap();
    assert_eq!(
        path,
        "/computeMetadata/v1/instance/service-accounts/default/identity"
    );
    assert!(
        query.starts_with("audience=") && !query.contains('&'),
        "{query}"
    );
}

#[test]
fn the_token_file_has_mode_0644_under_any_umask() {
    let sandbox = sandbox_with_life(3600);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gtoken");
    let agent = gtoken(
        sandbox.metadata_address(),
        &["--refresh=false", &file_flag(&path)],
    );
    let by = ["/bin/sh", "-c", "umask 077; exec \"$0\" \"$@\""];
    let ended = Agent::start(started_by(&by, &agent)).end();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert_eq!(ended.stdout, "");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o644);
    let token = fs::read_to_string(&path).unwrap();
    assert_eq!(token.trim(), token);
}

#[test]
fn what_a_killed_agent_left_behind_is_removed_at_the_start() {
    let sandbox = sandbox_with_life(3600);
    let folder = tempfile::tempdir().unwrap();
    let leftover = folder.path().join(".gtoken.gtoken-1");
    fs::write(&leftover, "half a tok").unwrap();
    let path = folder.path().join("gtoken");
    let args = ["--refresh=false", &file_flag(&path)];
    Agent::start(gtoken(sandbox.metadata_address(), &args)).end();
    assert!(!leftover.exists());
    assert!(path.exists());
}

#[test]
fn proxies_in_the_environment_are_ignored() {
    let sandbox = sandbox_with_life(3600);
    let proxy = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    proxy.set_nonblocking(true).unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    let mut command = gtoken(sandbox.metadata_address(), &["--refresh=false"]);
    for name in [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
    ] {
        command.env(name, &url);
    }
    let ended = Agent::start(command).end();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert!(proxy.accept().is_err(), "the proxy was asked");
}

#[test]
fn a_reader_of_standard_output_that_has_gone_ends_the_agent() {
    let sandbox = sandbox_with_life(4);
    let mut command = gtoken(sandbox.metadata_address(), &[]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    wait_until("the agent ends", || child.try_wait().unwrap().is_some());
    assert_eq!(child.wait().unwrap().code(), Some(2));
}

#[test]
fn tokens_on_standard_output_are_one_a_line() {
    let sandbox = sandbox_with_life(3);
    let mut agent = Agent::start(gtoken(sandbox.metadata_address(), &[]));
    wait_until("two tokens are logged", || agent.log().lines().count() >= 2);
    assert!(agent.is_running());
    send("TERM", agent.id());
    let ended = agent.end();
    assert!(ended.stdout.lines().count() >= 2, "{}", ended.stdout);
    assert!(
        ended
            .stdout
            .lines()
            .all(|line| line.split('.').count() == 3)
    );
    assert!(!ended.stdout.ends_with('\n'));
}

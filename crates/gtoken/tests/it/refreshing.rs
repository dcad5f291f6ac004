//! A file that is kept fresh.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use gtoken_sandbox::google::Scenario;

use crate::agent::{Agent, file_flag, gtoken, sandbox_with_life, wait_until};

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn wait_for_another(path: &Path, token: &str) -> String {
    wait_until("the file holds another token", || read(path) != token);
    read(path)
}

#[test]
fn tokens_with_a_short_life_are_replaced_in_time_and_none_is_logged() {
    let sandbox = sandbox_with_life(4);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gtoken");
    let agent = Agent::start(gtoken(sandbox.metadata_address(), &[&file_flag(&path)]));
    let mut tokens = vec![wait_for_another(&path, "")];
    for _ in 0..2 {
        tokens.push(wait_for_another(&path, tokens.last().unwrap()));
    }
    let asked = sandbox.google().requests().len();
    assert!((3..=4).contains(&asked), "{asked} requests for 3 tokens");
    let (ended, _) = agent.signal("TERM");
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(ended.stdout, "");
    for part in tokens.iter().flat_map(|token| token.split('.')) {
        assert!(!ended.log.contains(&part[..12]), "{}", ended.log);
    }
}

/// The Go gtoken ended when the metadata server was away at a refresh.
#[test]
fn go_gtoken_ends_when_the_metadata_server_is_away_at_a_refresh() {
    let sandbox = sandbox_with_life(4);
    sandbox
        .google()
        .play_in_turn([Scenario::Healthy, Scenario::Refused, Scenario::NotFound]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gtoken");
    let mut agent = Agent::start(gtoken(sandbox.metadata_address(), &[&file_flag(&path)]));
    let first = wait_for_another(&path, "");
    agent.wait_for_log("the token in place is good until");
    assert_eq!(read(&path), first);
    agent.wait_for_log("a person must mend this");
    assert_eq!(
        read(&path),
        first,
        "a token was touched that nothing can replace yet"
    );
    wait_for_another(&path, &first);
    agent.wait_for_log("after 2 failed attempts since");
    assert!(agent.is_running());
}

/// The Go gtoken truncated the token file in place, so that its readers saw it empty.
#[test]
fn go_gtoken_truncates_the_token_file_in_place() {
    let sandbox = sandbox_with_life(4);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gtoken");
    let _agent = Agent::start(gtoken(sandbox.metadata_address(), &[&file_flag(&path)]));
    let first = wait_for_another(&path, "");
    let mut open = File::open(&path).unwrap();
    wait_until("the file holds another token", || {
        let token = fs::read_to_string(&path).expect("the file was away");
        assert_eq!(
            token.split('.').count(),
            3,
            "the file was not whole: {token:?}"
        );
        token != first
    });
    let mut seen = String::new();
    open.read_to_string(&mut seen).unwrap();
    assert_eq!(seen, first);
}

#[test]
fn an_older_token_replaces_none_after_a_restart() {
    let sandbox = sandbox_with_life(3600);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gtoken");
    let args = ["--refresh=false", &file_flag(&path)];
    Agent::start(gtoken(sandbox.metadata_address(), &args)).end();
    let first = read(&path);
    sandbox.google().play(Scenario::OlderToken);
    let mut agent = Agent::start(gtoken(sandbox.metadata_address(), &[&file_flag(&path)]));
    agent.wait_for_log("the token in place is the newest there is");
    assert_eq!(read(&path), first);
}

#[test]
fn a_log_for_programs_is_an_object_a_line() {
    let sandbox = sandbox_with_life(4);
    sandbox
        .google()
        .play_in_turn([Scenario::NotFound, Scenario::Healthy, Scenario::Refused]);
    let folder = tempfile::tempdir().unwrap();
    let file = file_flag(&folder.path().join("gtoken"));
    let mut agent = Agent::start(gtoken(sandbox.metadata_address(), &["--json", &file]));
    agent.wait_for_log("the token in place is good until");
    let (ended, _) = agent.signal("TERM");
    let lines: Vec<serde_json::Value> = ended
        .log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let told = |line: usize, name: &str| lines[line][name].clone();
    assert_eq!(
        (told(0, "level"), told(0, "needs_person")),
        ("error".into(), true.into())
    );
    assert!(told(0, "reason").as_str().unwrap().contains("answered 404"));
    assert_eq!(
        (told(1, "level"), told(1, "failed_attempts")),
        ("info".into(), 1.into())
    );
    assert_eq!(
        (told(2, "level"), told(2, "needs_person")),
        ("warning".into(), false.into())
    );
    assert_eq!(told(1, "expires_at"), told(2, "expires_at"));
    for line in &lines {
        assert!(line["time"].as_str().unwrap().ends_with('Z'), "{line}");
        assert!(line["message"].is_string(), "{line}");
    }
}

#[test]
fn the_reason_for_an_end_is_an_object_too() {
    let sandbox = sandbox_with_life(3600);
    sandbox.google().play(Scenario::NotFound);
    let args = ["--refresh=false", "--timeout=300ms", "--json"];
    let ended = Agent::start(gtoken(sandbox.metadata_address(), &args)).end();
    let last: serde_json::Value = serde_json::from_str(ended.log.lines().last().unwrap()).unwrap();
    assert_eq!(last["exit_code"], ended.status.code().unwrap());
    assert_eq!(last["level"], "error");
}

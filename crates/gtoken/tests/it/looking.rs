//! `check` and `inspect`, on what an agent published.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Output, Stdio};

use crate::agent::{Agent, Ended, file_flag, gtoken, sandbox_with_life};

const NOBODY: ([u8; 4], u16) = ([127, 0, 0, 1], 1);

fn run(args: &[&str]) -> Ended {
    Agent::start(gtoken(SocketAddr::from(NOBODY), args)).end()
}

fn publish(path: &Path, life: u64) -> String {
    let sandbox = sandbox_with_life(life);
    let args = ["--refresh=false", &file_flag(path)];
    let ended = Agent::start(gtoken(sandbox.metadata_address(), &args)).end();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    fs::read_to_string(path).unwrap()
}

fn inspect_piped(args: &[&str], input: &str) -> Output {
    let mut child = gtoken(SocketAddr::from(NOBODY), args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A child that has read enough may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

#[track_caller]
fn holds_no_part_of(output: &str, token: &str) {
    for part in token.split('.') {
        assert!(!output.contains(&part[..12]), "{output}");
    }
}

#[test]
fn check_ends_with_0_or_1_and_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gtoken");
    let file = file_flag(&path);
    let missing = run(&["check", &file]);
    assert_eq!(missing.status.code(), Some(1), "{missing:?}");
    assert!(missing.log.contains("No such file"), "{missing:?}");
    let token = publish(&path, 3600);
    for (args, code, reason) in [
        (&["--for=1s"][..], 0, ", in 59 min"),
        (&["--for=2h"], 1, "which is less than --for=7200s"),
        (&["--audience=aws"], 1, "not for `aws`"),
        (
            &["--expect-identity=admin@p.iam.gserviceaccount.com"],
            1,
            "not of `admin@p",
        ),
        (&["--for=-1s"], 2, "--for `-1s` cannot be used"),
    ] {
        let ended = run(&[&["check", &file], args].concat());
        assert_eq!(ended.status.code(), Some(code), "{ended:?}");
        assert!(ended.log.contains(reason), "{ended:?}");
        assert_eq!((ended.stdout.as_str(), ended.log.lines().count()), ("", 1));
        holds_no_part_of(&ended.log, &token);
    }
}

#[test]
fn check_looks_where_the_environment_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gtoken");
    publish(&path, 3600);
    let mut command = gtoken(SocketAddr::from(NOBODY), &["check"]);
    command.env("AWS_WEB_IDENTITY_TOKEN_FILE", &path);
    let ended = Agent::start(command).end();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let elsewhere = run(&["check"]);
    assert_eq!(elsewhere.status.code(), Some(1), "{elsewhere:?}");
    let usual = "`/var/run/secrets/aws/token/gtoken`";
    assert!(elsewhere.log.contains(usual), "{elsewhere:?}");
}

#[test]
fn inspect_shows_claims_and_no_part_of_the_token() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gtoken");
    let token = publish(&path, 3600);
    let ended = run(&["inspect", &file_flag(&path)]);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    for part in [
        "meant for",
        "gtoken/sts/assume-role-with-web-identity",
        ", in 59 min",
    ] {
        assert!(ended.stdout.contains(part), "{ended:?}");
    }
    assert_eq!(ended.log, "");
    holds_no_part_of(&ended.stdout, &token);
    let piped = inspect_piped(&["inspect", "--json"], &format!("{token}\n"));
    assert_eq!(piped.status.code(), Some(0), "{piped:?}");
    let told: serde_json::Value = serde_json::from_slice(&piped.stdout).unwrap();
    assert_eq!(told["claims"]["iss"], "https://accounts.google.com");
    let left = told["times"]["exp"]["in_seconds"].as_i64().unwrap();
    assert!((3500..=3600).contains(&left), "{told}");
    holds_no_part_of(&String::from_utf8(piped.stdout).unwrap(), &token);
}

#[test]
fn inspect_ends_with_1_on_what_is_no_token_and_shows_none_of_it() {
    let token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxMDQwMjk5In0";
    let framed = format!("{{\"token\":\"{token}.c2ln\"}}");
    let endless = "x".repeat(1 << 20);
    for (input, reason) in [
        (token, "it has not three parts"),
        ("", "it is empty"),
        (framed.as_str(), "its header is not JSON in base64url"),
        (endless.as_str(), "it has 16 KiB or more"),
    ] {
        let output = inspect_piped(&["inspect"], input);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        let log = String::from_utf8(output.stderr).unwrap();
        let words = format!("gtoken: standard input holds no token: it is no ID token: {reason}\n");
        assert_eq!(log, words);
    }
}

#[test]
fn inspect_looks_where_check_does_when_nothing_is_piped() {
    let ended = run(&["inspect"]);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let usual = "`/var/run/secrets/aws/token/gtoken`";
    assert!(ended.log.contains(usual), "{ended:?}");
}

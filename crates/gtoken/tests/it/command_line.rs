//! What needs no metadata server: help, version, and arguments that cannot be used.

use std::net::SocketAddr;

use crate::agent::{Agent, Ended, gtoken};

fn run(args: &[&str]) -> Ended {
    let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
    Agent::start(gtoken(nobody, args)).end()
}

#[test]
fn help_and_version_go_to_standard_output() {
    for args in [["--help"], ["-h"], ["help"], ["h"]] {
        let ended = run(&args);
        assert_eq!(ended.status.code(), Some(0));
        assert!(ended.stdout.contains("--expect-identity"), "{ended:?}");
        assert_eq!(ended.log, "");
    }
    for args in [["--version"], ["-v"]] {
        let version = concat!("gtoken ", env!("CARGO_PKG_VERSION"), "\n");
        assert_eq!(run(&args).stdout, version);
    }
}

#[test]
fn an_unknown_flag_ends_it_with_2_and_the_nearest_known_one() {
    let ended = run(&["--refesh=false"]);
    assert_eq!(ended.status.code(), Some(2));
    assert_eq!(
        ended.log,
        "gtoken: unknown flag `--refesh`; the nearest known flag is `--refresh`; see gtoken --help\n"
    );
    assert_eq!(ended.stdout, "");
}

#[test]
fn what_is_wrong_with_another_flag_is_json_too_where_that_is_asked_for() {
    for args in [["--json", "--refesh"], ["--refesh", "--json"]] {
        let ended = run(&args);
        assert_eq!(ended.status.code(), Some(2));
        let line: serde_json::Value = serde_json::from_str(&ended.log).unwrap();
        assert_eq!(
            (&line["level"], &line["exit_code"]),
            (&"error".into(), &2.into())
        );
    }
}

#[test]
fn a_value_that_cannot_be_used_ends_it_with_2_and_the_reason() {
    for (arg, words) in [
        (
            "--timeout=soon",
            "--timeout `soon` cannot be used: a duration is",
        ),
        (
            "--refresh=perhaps",
            "--refresh `perhaps` cannot be used: it is true or false",
        ),
        (
            "--file=/tmp/",
            "--file `/tmp/` cannot be used: it names no file",
        ),
        (
            "--audience=a\nb",
            "--audience `a b` cannot be used: an audience has no control characters",
        ),
        (
            "chekc",
            "unknown subcommand `chekc`; the nearest known one is `check`",
        ),
    ] {
        let ended = run(&[arg]);
        assert_eq!(ended.status.code(), Some(2), "{ended:?}");
        assert!(ended.log.contains(words), "{ended:?}");
    }
}

#[test]
fn a_metadata_host_that_is_none_ends_it_with_2() {
    let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
    let mut command = gtoken(nobody, &[]);
    command.env("GCE_METADATA_HOST", "http://169.254.169.254");
    let ended = Agent::start(command).end();
    assert_eq!(ended.status.code(), Some(2));
    assert!(
        ended
            .log
            .contains("GCE_METADATA_HOST `http://169.254.169.254`"),
        "{ended:?}"
    );
}

//! What cannot be used is said at start, with what was tried and where.

use std::net::TcpListener;
use std::process::Output;

use gtoken_sandbox::{Config, Sandbox};

use crate::harness::{Webhook, command, file};

/// Runs a webhook that must not start, its own files first, these arguments last.
fn run(args: &[&str], kubeconfig: Option<&str>) -> Output {
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(&sandbox, folder.path());
    if let Some(kubeconfig) = kubeconfig {
        command.env("KUBECONFIG", kubeconfig);
    }
    command
        .args(["--log-level=error"])
        .args(args)
        .output()
        .unwrap()
}

#[track_caller]
fn assert_fails(output: &Output, code: i32, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "{word} is not in {said}");
    }
}

#[test]
fn a_kubeconfig_that_is_not_there_is_named() {
    let output = run(&[], Some("/nowhere/kubeconfig"));
    assert_fails(
        &output,
        1,
        &["cannot use the kubeconfig /nowhere/kubeconfig"],
    );
}

#[test]
fn an_address_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let flag = format!("--telemetry-listen-address={address}");
    assert_fails(&run(&[&flag], None), 1, &["cannot listen on", &address]);
}

#[test]
fn certificate_files_that_cannot_be_used_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let binary = env!("CARGO_BIN_EXE_gtoken-webhook");
    let empty = file(folder.path(), "empty.crt", "").display().to_string();
    let (certificate, _) = sandbox.issue_certificate(&["localhost"]);
    let (_, other_key) = sandbox.issue_certificate(&["localhost"]);
    let certificate = file(folder.path(), "tls.crt", &certificate)
        .display()
        .to_string();
    let other_key = file(folder.path(), "tls.key", &other_key)
        .display()
        .to_string();
    for (certificate, key, words) in [
        (
            "/nowhere/tls.crt",
            "/nowhere/tls.key",
            "cannot read --tls-cert-file /nowhere/tls.crt",
        ),
        (&empty, &other_key, "empty.crt holds no certificates"),
        (
            &certificate,
            "/nowhere/tls.key",
            "cannot read --tls-private-key-file /nowhere/tls.key",
        ),
        (&certificate, &other_key, "cannot be served together"),
    ] {
        let mut command = std::process::Command::new(binary);
        command.args([
            "server",
            "--tls-cert-file",
            certificate,
            "--tls-private-key-file",
            key,
        ]);
        assert_fails(&command.output().unwrap(), 1, &[words]);
    }
}

#[test]
fn wrong_usage_names_the_nearest_flag() {
    let output = run(&["--volume-pth=/aws"], None);
    assert_fails(&output, 2, &["--volume-pth", "--volume-path"]);
}

#[test]
fn the_environment_sets_the_log_and_a_wrong_level_is_refused() {
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let output = command(&sandbox, folder.path())
        .env("LOG_LEVEL", "loud")
        .output()
        .unwrap();
    assert_fails(&output, 2, &["loud", "--log-level"]);
}

#[test]
fn metrics_may_have_a_listener_of_their_own() {
    let webhook = Webhook::start_with(&["--telemetry-listen-address=127.0.0.1:0"]);
    let line = webhook.logged("listening for telemetry");
    let telemetry = line["address"].as_str().unwrap();
    assert_eq!(webhook.get("/metrics").status, 404);
    for (path, status) in [
        ("/metrics", 200),
        ("/healthz", 200),
        ("/readyz", 200),
        ("/pods", 404),
    ] {
        let url = format!("http://{telemetry}{path}");
        let answer = crate::harness::answer(webhook.agent().get(url).call());
        assert_eq!(answer.status, status, "{path}");
    }
}

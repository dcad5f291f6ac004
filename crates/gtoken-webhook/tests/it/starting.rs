//! What cannot be used is said at start, with what was tried and where.

use std::net::TcpListener;
use std::process::{Output, Stdio};

use gtoken_sandbox::kubernetes::Fault;
use gtoken_sandbox::{Config, Sandbox};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use crate::harness::{Webhook, binary, command, file};

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
        let mut command = std::process::Command::new(binary());
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
fn flags_that_contradict_each_other_are_both_named() {
    let flags = [
        "--listen-address=:8443",
        "--telemetry-listen-address=127.0.0.1:8443",
    ];
    let words = [
        "--listen-address :8443",
        "--telemetry-listen-address 127.0.0.1:8443",
    ];
    assert_fails(&run(&flags, None), 2, &words);
    let flags = ["--agent-cpu-request=1", "--agent-cpu-limit=10m"];
    let words = ["--agent-cpu-request 1", "--agent-cpu-limit 10m"];
    assert_fails(&run(&flags, None), 2, &words);
}

#[test]
fn go_gtoken_served_plain_http_without_tls_files() {
    let without = std::process::Command::new(binary()).arg("server").output();
    let words = ["--tls-cert-file", "--tls-private-key-file"];
    assert_fails(&without.unwrap(), 2, &words);
    let webhook = Webhook::start();
    let plain = format!("http://{}/healthz", webhook.address);
    assert!(webhook.agent().get(plain).call().is_err());
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

/// What a dry start beside this sandbox says, and how it ends.
fn dry_start(sandbox: &Sandbox, args: &[&str]) -> (String, Option<i32>) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(sandbox, folder.path());
    let command = command.arg("--dry-start").args(args);
    let output = command.stdout(Stdio::piped()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    (said, output.status.code())
}

#[test]
fn a_dry_start_tries_everything_and_serves_nothing() {
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let (said, code) = dry_start(&sandbox, &["--telemetry-listen-address=127.0.0.1:0"]);
    assert_eq!(code, Some(0), "{said}");
    for line in [
        "ok    certificate: that in ",
        "ok    address: 127.0.0.1:0 is free",
        "ok    telemetry address: 127.0.0.1:0 is free",
        "ok    API server: Kubernetes 1.",
        "ok    get ServiceAccounts: allowed",
        "ok    list ServiceAccounts: allowed",
        "ok    watch ServiceAccounts: allowed",
    ] {
        assert!(
            said.lines().any(|said| said.starts_with(line)),
            "{line} is not in\n{said}"
        );
    }
}

#[test]
fn a_dry_start_names_each_permission_that_is_missing() {
    let sandbox = Sandbox::start(Config::default()).unwrap();
    for (fault, what) in [
        (Fault::GetForbidden, "get"),
        (Fault::ListForbidden, "list"),
        (Fault::WatchRefused, "watch"),
    ] {
        sandbox.kubernetes().play(fault);
        let (said, code) = dry_start(&sandbox, &[]);
        sandbox.kubernetes().play(Fault::None);
        assert_eq!(code, Some(1), "{said}");
        let failed: Vec<_> = said
            .lines()
            .filter(|line| line.starts_with("FAIL"))
            .collect();
        assert_eq!(failed.len(), 1, "{said}");
        let begin =
            format!("FAIL  {what} ServiceAccounts: the API server answered 403 Forbidden: ");
        assert!(failed[0].starts_with(&begin), "{said}");
        let rule = format!("resources: [serviceaccounts], verbs: [{what}]}}");
        assert!(failed[0].ends_with(&rule), "{said}");
    }
}

#[test]
fn a_dry_start_says_all_that_is_wrong_at_once() {
    let sandbox = Sandbox::start(Config::default()).unwrap();
    sandbox.kubernetes().play(Fault::Away);
    let folder = tempfile::tempdir().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_after = date_time_ymd(2020, 1, 1);
    let key = KeyPair::generate().unwrap();
    let expired = file(
        folder.path(),
        "tls.crt",
        &params.self_signed(&key).unwrap().pem(),
    );
    let key = file(folder.path(), "tls.key", &key.serialize_pem());
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let (said, code) = dry_start(
        &sandbox,
        &[
            &format!("--tls-cert-file={}", expired.display()),
            &format!("--tls-private-key-file={}", key.display()),
            &format!("--listen-address={}", taken.local_addr().unwrap()),
        ],
    );
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("has expired at 2020-01-01T00:00:00Z; renew it"),
        "{said}"
    );
    assert!(
        said.contains("FAIL  address: cannot listen on 127.0.0.1:"),
        "{said}"
    );
    assert!(
        said.contains("FAIL  API server: the API server cannot be asked"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 6, "{said}");
}

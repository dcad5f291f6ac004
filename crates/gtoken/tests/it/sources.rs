//! Each source beside the metadata server, from its credentials to a token that AWS takes.

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use gtoken::source::apart::CHILD;
use gtoken_sandbox::google::{IamRole, Identity, Scenario, principal};
use serde_json::{Value, json};

use crate::agent::{Agent, file_flag, wait_until};
use crate::cloud::{Cloud, PERSON};
use crate::witness::Witness;

const WORKLOAD: &str = "workload";

/// A file of a workload that may impersonate the reader.
fn workload(cloud: &Cloud, subject: &Value) -> Value {
    cloud.grant(&principal(WORKLOAD), IamRole::WorkloadIdentityUser);
    cloud.sandbox.external_account(subject, Some(&cloud.reader))
}

fn subject(cloud: &Cloud) -> String {
    cloud.sandbox.google().subject_token(WORKLOAD)
}

#[test]
fn auto_takes_the_metadata_server_where_there_are_no_credentials() {
    let cloud = Cloud::start();
    let ended = Agent::start(cloud.command(&[])).end();
    cloud.is_accepted(&ended);
    let words = "the source is the metadata server at 127.0.0.1:";
    assert!(ended.log.contains(words), "{}", ended.log);
    assert_eq!(cloud.sandbox.google().api_requests().len(), 0);
}

#[test]
fn auto_takes_what_gcloud_left_at_home() {
    let cloud = Cloud::start();
    let file = cloud.sandbox.service_account_key(&cloud.reader);
    cloud.write("application_default_credentials.json", &file.to_string());
    let mut command = cloud.command(&[]);
    command.env("CLOUDSDK_CONFIG", cloud.path(""));
    let ended = Agent::start(command).end();
    cloud.is_accepted(&ended);
    let words = "of the type service_account, which comes from gcloud auth application-default";
    assert!(ended.log.contains(words), "{}", ended.log);
}

#[test]
fn a_key_of_a_service_account() {
    let cloud = Cloud::start();
    let file = cloud.sandbox.service_account_key(&cloud.reader);
    for source in ["--source=auto", "--source=service-account-key"] {
        let ended = cloud.run(&file, &[source]);
        cloud.is_accepted(&ended);
    }
    assert_eq!(cloud.sandbox.google().requests().len(), 0);
}

#[test]
fn a_file_that_impersonates_by_a_person_and_by_a_key_with_delegates_kept() {
    let cloud = Cloud::start();
    let google = cloud.sandbox.google();
    let person = cloud.sandbox.authorized_user(PERSON);
    cloud.grant(PERSON, IamRole::OpenIdTokenCreator);
    let file = cloud
        .sandbox
        .impersonated_service_account(&person, &[], &cloud.reader);
    for source in ["--source=auto", "--source=impersonation"] {
        let ended = cloud.run(&file, &[source]);
        cloud.is_accepted(&ended);
    }

    let [ci, between] =
        ["ci", "between"].map(|name| format!("{name}@gtoken-sandbox.iam.gserviceaccount.com"));
    let key = cloud.sandbox.service_account_key(&ci);
    google.grant(&ci, IamRole::TokenCreator, &between);
    cloud.grant(&between, IamRole::OpenIdTokenCreator);
    let delegate = format!("projects/-/serviceAccounts/{between}");
    let file = cloud
        .sandbox
        .impersonated_service_account(&key, &[&delegate], &cloud.reader);
    cloud.is_accepted(&cloud.run(&file, &[]));
}

#[test]
fn a_workload_with_its_subject_token_in_a_file() {
    let cloud = Cloud::start();
    let token = subject(&cloud);
    let text = cloud.write("subject", &format!("{token}\n"));
    let json = cloud.write("subject.json", &json!({"id_token": token}).to_string());
    let format = json!({"type": "json", "subject_token_field_name": "id_token"});
    for source in [
        json!({"file": text}),
        json!({"file": json, "format": format}),
    ] {
        let file = workload(&cloud, &source);
        for source in ["--source=auto", "--source=external-account"] {
            let ended = cloud.run(&file, &[source]);
            cloud.is_accepted(&ended);
        }
    }
}

/// Answers one request with this body, and gives what was asked.
fn answer_once(body: String) -> (String, std::thread::JoinHandle<String>) {
    use std::io::{Read as _, Write as _};

    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/token?x=1", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            asked.push(byte[0]);
        }
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        String::from_utf8(asked).unwrap().to_ascii_lowercase()
    });
    (url, served)
}

#[test]
fn a_workload_with_its_subject_token_at_a_url() {
    let cloud = Cloud::start();
    let (url, served) = answer_once(json!({"access_token": subject(&cloud)}).to_string());
    let source = json!({
        "url": url,
        "headers": {"Metadata": "True"},
        "format": {"type": "json", "subject_token_field_name": "access_token"},
    });
    let ended = cloud.run(&workload(&cloud, &source), &[]);
    cloud.is_accepted(&ended);
    let asked = served.join().unwrap();
    assert!(asked.starts_with("get /token?x=1 http/1.1\r\n"), "{asked}");
    assert!(asked.contains("metadata: true\r\n"), "{asked}");
}

#[test]
fn a_workload_with_its_subject_token_from_a_program_that_may_be_run() {
    let cloud = Cloud::start();
    let printed = json!({
        "version": 1, "success": true, "token_type": "urn:ietf:params:oauth:token-type:jwt",
        "id_token": subject(&cloud),
    });
    let answer = cloud.write("answer.json", &printed.to_string());
    let script = cloud.write(
        "program",
        &format!("#!/bin/sh\nexport | sed -n 's/.*GOOGLE_EXTERNAL/GOOGLE_EXTERNAL/p' > {}\n/bin/cat {}\n",
            cloud.path("environment").display(), answer.display()),
    );
    let command = format!("/bin/sh {} --flag", script.display());
    let file = workload(&cloud, &json!({"executable": {"command": command}}));
    let refused = cloud.run(&file, &[]);
    assert_eq!(refused.status.code(), Some(78), "{refused:?}");
    assert!(
        refused
            .log
            .contains("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1"),
        "{refused:?}"
    );

    let mut command = cloud.with(&file, &[]);
    command
        .env("PATH", "/usr/bin:/bin")
        .env("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1");
    cloud.is_accepted(&Agent::start(command).end());
    let environment = fs::read_to_string(cloud.path("environment")).unwrap();
    for words in [
        "_AUDIENCE=",
        "_TOKEN_TYPE=",
        "_INTERACTIVE=",
        cloud.reader.as_str(),
    ] {
        assert!(
            environment.contains(words),
            "{words} is not in {environment}"
        );
    }
}

#[test]
fn iam_credentials_with_the_access_token_of_the_metadata_server() {
    let cloud = Cloud::start();
    let account = format!("--service-account={}", cloud.reader);
    let args = ["--source=iam-credentials", account.as_str()];
    cloud.grant(&cloud.reader, IamRole::OpenIdTokenCreator);
    cloud.is_accepted(&Agent::start(cloud.command(&args)).end());

    // A ServiceAccount that is linked to no Google account, which the identity endpoint refuses.
    cloud.sandbox.google().set_identity(Identity::Unlinked {
        namespace: "team".to_owned(),
        service_account: "app".to_owned(),
    });
    let member = "gtoken-sandbox.svc.id.goog[team/app]";
    cloud.grant(member, IamRole::WorkloadIdentityUser);
    cloud.is_accepted(&Agent::start(cloud.command(&args)).end());
}

#[test]
fn iam_credentials_with_each_kind_of_file() {
    let cloud = Cloud::start();
    let google = cloud.sandbox.google();
    let account = format!("--service-account={}", cloud.reader);
    let creator = IamRole::OpenIdTokenCreator;
    let ci = "ci@gtoken-sandbox.iam.gserviceaccount.com";
    cloud.grant(PERSON, creator);
    cloud.grant(ci, creator);
    cloud.grant(&principal(WORKLOAD), IamRole::WorkloadIdentityUser);
    google.grant(PERSON, IamRole::TokenCreator, ci);
    google.grant(&principal(WORKLOAD), IamRole::WorkloadIdentityUser, ci);
    let source = json!({"file": cloud.write("subject", &subject(&cloud))});

    let person = cloud.sandbox.authorized_user(PERSON);
    let files = [
        cloud.sandbox.service_account_key(ci),
        cloud.sandbox.impersonated_service_account(&person, &[], ci),
        cloud.sandbox.external_account(&source, None),
        cloud.sandbox.external_account(&source, Some(ci)),
        cloud.sandbox.external_account(&source, Some(&cloud.reader)),
        person,
    ];
    for file in files {
        for source in ["--source=iam-credentials", "--source=auto"] {
            let ended = cloud.run(&file, &[source, &account]);
            cloud.is_accepted(&ended);
        }
    }
}

/// Each of two answers is within its own limit, and both together are not.
#[test]
fn a_chain_of_slow_answers_has_time_for_each() {
    let slow = |file: fn(&Cloud) -> Value| {
        let cloud = Cloud::start();
        let file = file(&cloud);
        let slow = Scenario::Slow(Duration::from_secs(12));
        cloud.sandbox.google().play_apis(slow);
        let path = cloud.path("token");
        let witness = Witness::of(&path, &cloud.sandbox);
        let started = SystemTime::now();
        let _agent = Agent::start(cloud.with(&file, &["--refresh", &file_flag(&path)]));
        witness.wait_for_token(started, started + Duration::from_mins(1));
        witness.has_seen_nothing_wrong();
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            slow(|cloud| {
                cloud.grant(PERSON, IamRole::OpenIdTokenCreator);
                let person = cloud.sandbox.authorized_user(PERSON);
                let sandbox = &cloud.sandbox;
                sandbox.impersonated_service_account(&person, &[], &cloud.reader)
            });
        });
        scope.spawn(|| {
            slow(|cloud| {
                let path = cloud.write("subject", &subject(cloud));
                workload(cloud, &json!({"file": path}))
            });
        });
    });
}

#[test]
fn a_file_that_was_replaced_counts_from_the_next_attempt_on() {
    let cloud = Cloud::start();
    let file = cloud.sandbox.service_account_key(&cloud.reader);
    let token = cloud.path("token");
    let args = ["--refresh", &file_flag(&token)];
    let mut agent = Agent::start(cloud.with(&json!({"type": "other"}), &args));
    agent.wait_for_log("its `type` is `other`; known are service_account");
    assert!(!token.exists());
    cloud.write("credentials.json", &file.to_string());
    wait_until("there is a token", || token.exists());
    assert!(agent.is_running());
}

#[test]
fn sigterm_ends_it_at_once_inside_a_request_to_google_too() {
    let cloud = Cloud::start();
    let file = cloud.sandbox.service_account_key(&cloud.reader);
    let google = cloud.sandbox.google();
    google.play_apis(Scenario::Silent);
    let agent = Agent::start(cloud.with(&file, &["--refresh"]));
    wait_until("it has asked", || !google.api_requests().is_empty());
    let (ended, took) = agent.signal("TERM");
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[test]
fn no_tls_is_initialised_when_only_the_metadata_server_is_used() {
    let cloud = Cloud::start();
    let garbage = cloud.write("garbage.pem", "no certificate");
    let run = |args: &[&str]| {
        let mut command = cloud.command(args);
        command.env("SSL_CERT_FILE", &garbage);
        Agent::start(command).end()
    };
    for source in ["--source=metadata", "--source=auto"] {
        cloud.is_accepted(&run(&[source]));
    }
    // The same file is what a source that needs TLS stumbles over first.
    let account = format!("--service-account={}", cloud.reader);
    let ended = run(&["--source=iam-credentials", &account]);
    assert_eq!(ended.status.code(), Some(78), "{ended:?}");
    assert!(ended.log.contains("garbage.pem"), "{ended:?}");
    assert_eq!(cloud.sandbox.google().api_requests().len(), 0);
}

#[test]
fn a_proxy_is_asked_for_googles_apis_and_left_out_where_the_environment_says_so() {
    let cloud = Cloud::start();
    let file = cloud.sandbox.service_account_key(&cloud.reader);
    let proxy = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    proxy.set_nonblocking(true).unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    let mut past = cloud.with(&file, &[]);
    past.env("HTTPS_PROXY", &url).env("NO_PROXY", "127.0.0.1");
    cloud.is_accepted(&Agent::start(past).end());
    assert!(proxy.accept().is_err(), "the proxy was asked");
    let mut through = cloud.with(&file, &[]);
    through.env("HTTPS_PROXY", &url);
    let ended = Agent::start(through).end();
    assert_eq!(ended.status.code(), Some(75), "{ended:?}");
    assert!(proxy.accept().is_ok(), "the proxy was not asked");
}

#[test]
fn a_pause_that_google_asks_for_comes_out_of_the_child() {
    let cloud = Cloud::start();
    let asked = Scenario::Status {
        code: 429,
        retry_after: Some(7),
    };
    cloud.sandbox.google().play_apis(asked);
    let file = cloud.sandbox.service_account_key(&cloud.reader);
    let usual = cloud.with(&file, &[]);
    let mut child = Command::new(usual.get_program());
    child
        .args([CHILD, "1795392000"])
        .args(["--refresh=false", "--timeout=20s", "--source=auto"])
        .env_clear()
        .envs(
            usual
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    // Its end would be the end of the child.
    let mut child = child.spawn().unwrap();
    let stdin = child.stdin.take();
    let ended = child.wait_with_output().unwrap();
    drop(stdin);
    let said = String::from_utf8(ended.stdout).unwrap();
    assert!(said.starts_with("7\n") && said.contains("429"), "{said}");
}

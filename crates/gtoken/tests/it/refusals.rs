//! Credentials that give no token: what is said, which role is named, and the exit code.

use std::process::Command;
use std::thread;

use gtoken_sandbox::google::{IamRole, Scenario};
use serde_json::{Value, json};

use crate::agent::{Agent, Ended};
use crate::cloud::{Cloud, PERSON};

/// Runs it until it gives up, which is soon.
fn run(cloud: &Cloud, file: &Value, args: &[&str]) -> Ended {
    let args = [&["--timeout=1s"], args].concat();
    cloud.run(file, &args)
}

/// The same without a file of credentials, or with one that the change names.
fn run_with(cloud: &Cloud, args: &[&str], change: impl FnOnce(&mut Command)) -> Ended {
    let args = [&["--timeout=1s"], args].concat();
    let mut command = cloud.command(&args);
    change(&mut command);
    Agent::start(command).end()
}

#[track_caller]
fn ends(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(ended.status.code(), Some(code), "{ended:?}");
    assert_eq!(ended.stdout, "");
    let last = ended.log.lines().last().unwrap_or_default();
    for words in words {
        assert!(last.contains(words), "{words} is not in {last}");
    }
}

fn workload(cloud: &Cloud, account: Option<&str>) -> Value {
    let token = cloud.sandbox.google().subject_token("workload");
    let source = json!({"file": cloud.write("subject", &token)});
    cloud.sandbox.external_account(&source, account)
}

#[test]
fn who_may_not_impersonate_is_told_the_role_and_on_which_account() {
    let cloud = Cloud::start();
    cloud.grant("nobody@example.com", IamRole::OpenIdTokenCreator);
    let account = format!("--service-account={}", cloud.reader);
    let reader = cloud.reader.as_str();
    let creator = "grant roles/iam.serviceAccountOpenIdTokenCreator on ";
    let person = cloud.sandbox.authorized_user(PERSON);
    let impersonated = cloud
        .sandbox
        .impersonated_service_account(&person, &[], reader);
    let delegated = cloud.sandbox.impersonated_service_account(
        &person,
        &["projects/-/serviceAccounts/d@e.f"],
        reader,
    );
    let ci = cloud
        .sandbox
        .service_account_key("ci@gtoken-sandbox.iam.gserviceaccount.com");

    ends(
        &run(&cloud, &impersonated, &[]),
        78,
        &["answered 403", creator, reader],
    );
    ends(
        &run(&cloud, &delegated, &[]),
        78,
        &["roles/iam.serviceAccountTokenCreator", "delegates"],
    );
    ends(
        &run(&cloud, &person, &[&account]),
        78,
        &[creator, reader, "the person who logged in"],
    );
    ends(
        &run(&cloud, &ci, &[&account]),
        78,
        &[creator, "to ci@gtoken-sandbox"],
    );
    let by_metadata = run_with(&cloud, &[&account], |_| {});
    ends(&by_metadata, 78, &[creator, "the metadata server gives"]);
    let by_workload = run(&cloud, &workload(&cloud, Some(reader)), &[]);
    ends(
        &by_workload,
        78,
        &["grant roles/iam.workloadIdentityUser on ", reader],
    );
}

#[test]
fn an_account_that_stands_between_needs_the_role_for_access_tokens() {
    let cloud = Cloud::start();
    let ci = "ci@gtoken-sandbox.iam.gserviceaccount.com";
    cloud
        .sandbox
        .google()
        .grant("nobody@example.com", IamRole::TokenCreator, ci);
    let account = format!("--service-account={}", cloud.reader);
    let person = cloud.sandbox.authorized_user(PERSON);
    let file = cloud.sandbox.impersonated_service_account(&person, &[], ci);
    let words = format!("grant roles/iam.serviceAccountTokenCreator on {ci}");
    ends(
        &run(&cloud, &file, &[&account]),
        78,
        &["an access token", &words],
    );
}

#[test]
fn a_person_and_a_workload_by_itself_are_told_to_name_an_account() {
    let cloud = Cloud::start();
    let person = cloud.sandbox.authorized_user(PERSON);
    let words = [
        "authorized_user",
        "--service-account=EMAIL",
        "roles/iam.serviceAccountOpenIdTokenCreator",
    ];
    ends(&run(&cloud, &person, &[]), 78, &words);
    let words = [
        "external_account",
        "--service-account=EMAIL",
        "roles/iam.workloadIdentityUser",
    ];
    ends(&run(&cloud, &workload(&cloud, None), &[]), 78, &words);
    assert_eq!(cloud.sandbox.google().api_requests().len(), 0);
}

#[test]
fn credentials_that_google_takes_no_more_are_said() {
    let cloud = Cloud::start();
    let google = cloud.sandbox.google();
    let key = cloud.sandbox.service_account_key(&cloud.reader);
    google.delete_keys(&cloud.reader);
    ends(
        &run(&cloud, &key, &[]),
        78,
        &["Invalid JWT Signature.", "deleted or disabled"],
    );

    let person = cloud.sandbox.authorized_user(PERSON);
    google.log_out(PERSON);
    let account = format!("--service-account={}", cloud.reader);
    let words = [
        "expired or revoked",
        "gcloud auth application-default login",
    ];
    ends(&run(&cloud, &person, &[&account]), 78, &words);

    let mut file = workload(&cloud, Some(&cloud.reader));
    file["audience"] = json!(
        "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/a/providers/b"
    );
    ends(
        &run(&cloud, &file, &[]),
        78,
        &["Google's STS at ", "the file's `audience`"],
    );
    let file = workload(&cloud, Some(&cloud.reader));
    cloud.write("subject", "header.claims.signature");
    ends(
        &run(&cloud, &file, &[]),
        78,
        &["ID Token is invalid", "issuer, audience and attributes"],
    );
}

#[test]
fn an_account_that_is_not_there_and_an_api_that_is_off_are_said() {
    let cloud = Cloud::start();
    let missing = "missing@gtoken-sandbox.iam.gserviceaccount.com";
    let person = cloud.sandbox.authorized_user(PERSON);
    let account = format!("--service-account={missing}");
    ends(
        &run(&cloud, &person, &[&account]),
        78,
        &["answered 404", "there is no service account missing@"],
    );
    cloud.sandbox.google().set_iam_api_enabled(false);
    let account = format!("--service-account={}", cloud.reader);
    ends(
        &run(&cloud, &person, &[&account]),
        78,
        &["enable iamcredentials.googleapis.com"],
    );
}

/// Each scenario with words about it, and the exit code of all of them.
fn fails<const N: usize>(scenarios: [(Scenario, &'static str); N], code: i32) {
    thread::scope(|scope| {
        for (scenario, words) in scenarios {
            scope.spawn(move || {
                let cloud = Cloud::start();
                let key = cloud.sandbox.service_account_key(&cloud.reader);
                cloud.sandbox.google().play_apis(scenario);
                ends(
                    &run(&cloud, &key, &[]),
                    code,
                    &["Google's OAuth 2.0 at ", words],
                );
            });
        }
    });
}

#[test]
fn what_passes_by_itself_ends_a_one_shot_with_75() {
    fails(
        [
            (Scenario::TooManyRequests, "answered 429"),
            (Scenario::ServerError, "answered 500"),
            (Scenario::Unavailable, "answered 503"),
            (Scenario::Refused, "in the middle of an answer"),
            (Scenario::BrokenOff, "in the middle of an answer"),
            (Scenario::Silent, "did not answer in time"),
            (Scenario::ExpiredToken, "this machine's clock reads"),
        ],
        75,
    );
}

#[test]
fn what_is_no_answer_of_google_may_pass() {
    fails(
        [
            (
                Scenario::Html200,
                "there is none in its answer, which begins: <!DOCTYPE",
            ),
            (Scenario::Empty200, "its answer is empty"),
            (Scenario::Truncated, "there is none in its answer"),
            (Scenario::JsonInstead, "there is none in its answer"),
            (Scenario::Redirect, "answered 302"),
        ],
        75,
    );
}

#[test]
fn what_google_means_to_answer_ends_a_one_shot_with_78() {
    fails(
        [
            (Scenario::NotFound, "answered 404"),
            (
                Scenario::WrongAudience,
                "the token is meant for `https://another-audience.example`",
            ),
        ],
        78,
    );
}

#[test]
fn files_that_are_no_credentials_are_named_and_never_shown() {
    let cloud = Cloud::start();
    let key = cloud.sandbox.service_account_key(&cloud.reader);
    let mut broken = key.clone();
    broken["private_key"] =
        json!("-----BEGIN PRIVATE KEY-----\nhunter2hunter2\n-----END PRIVATE KEY-----\n");
    let aws = cloud
        .sandbox
        .external_account(&json!({"environment_id": "aws1"}), Some(&cloud.reader));
    for (file, args, words) in [
        (
            json!({"type": "api_key", "key": "hunter2hunter2"}),
            &[][..],
            "its `type` is `api_key`",
        ),
        (
            json!("hunter2hunter2"),
            &[],
            "its `content` is not a JSON object",
        ),
        (broken, &[], "its `private_key` is no RSA key in PEM"),
        (aws, &[], "its subject token comes from AWS itself"),
        (
            key,
            &["--source=external-account"],
            "is of the type service_account, but --source=external-account takes external_account",
        ),
    ] {
        let ended = run(&cloud, &file, args);
        ends(&ended, 78, &["credentials.json` ", words]);
        assert!(!ended.log.contains("hunter2"), "{}", ended.log);
    }
}

#[test]
fn a_file_that_is_missing_is_named_with_what_names_it() {
    let cloud = Cloud::start();
    let ended = run_with(&cloud, &[], |command| {
        command.env(
            "GOOGLE_APPLICATION_CREDENTIALS",
            "/nowhere/credentials.json",
        );
    });
    ends(
        &ended,
        78,
        &["/nowhere/credentials.json`, which comes from GOOGLE_APPLICATION_CREDENTIALS"],
    );
    for source in ["service-account-key", "impersonation", "external-account"] {
        let source = format!("--source={source}");
        let ended = run_with(&cloud, &[&source], |_| {});
        ends(
            &ended,
            78,
            &[&source, "name one by GOOGLE_APPLICATION_CREDENTIALS"],
        );
    }
}

#[test]
fn a_server_that_nobody_vouches_for_is_told_nothing() {
    let cloud = Cloud::start();
    let key = cloud.sandbox.service_account_key(&cloud.reader);
    let mut command = cloud.with(&key, &["--timeout=1s"]);
    command.env_remove("SSL_CERT_FILE");
    let ended = Agent::start(command).end();
    ends(&ended, 78, &["TLS failed", "SSL_CERT_FILE"]);
    assert_eq!(cloud.sandbox.google().api_requests().len(), 0);
}

#[test]
fn flags_that_do_not_go_together_are_a_wrong_command_line() {
    let cloud = Cloud::start();
    let account = format!("--service-account={}", cloud.reader);
    for (args, words) in [
        (
            vec!["--source=iam-credentials"],
            "needs the account to get tokens of, by --service-account=EMAIL",
        ),
        (
            vec!["--source=metadata", &account],
            "--source=metadata has an account of its own",
        ),
        (
            vec!["--service-account=reader"],
            "--service-account `reader` cannot be used",
        ),
        (
            vec!["--source=vault"],
            "the sources are auto, metadata, iam-credentials",
        ),
    ] {
        ends(&run_with(&cloud, &args, |_| {}), 2, &[words]);
    }
    let ended = run_with(&cloud, &[], |command| {
        command.env(
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS",
            "http://private",
        );
    });
    ends(
        &ended,
        2,
        &["OVERRIDES_IAMCREDENTIALS `http://private` is not an https:// URL"],
    );
}

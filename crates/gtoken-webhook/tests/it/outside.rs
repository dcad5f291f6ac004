//! The API server in trouble: each trouble is survived, answered as designed, and counted.

use std::time::{Duration, Instant};

use gtoken_sandbox::kubernetes::Fault;
use gtoken_sandbox::{Config, Sandbox};
use serde_json::json;

use crate::harness::{ROLE, Webhook, answer, awaited, put_role};
use crate::reviews::{review, role, stored};

/// A pod of a ServiceAccount that has to be asked for meets a fault: 503 asks the API server to try again, and after it all is well.
#[track_caller]
fn survives(fault: Fault, outcome: &str) {
    let mut webhook = Webhook::start();
    // Nothing comes over the watch, so that only a GET can know of what is created now.
    webhook.kubernetes().play(Fault::RadioSilence);
    webhook.kubernetes().play(fault);
    put_role(webhook.kubernetes(), "new", ROLE);
    let answer = webhook.post(&review("new"));
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(answer.retry_after.as_deref(), Some("1"));
    assert!(
        answer.body.starts_with("cannot read the ServiceAccount"),
        "{answer:?}"
    );
    webhook.assert_counted(&format!(
        r#"gtoken_webhook_reviews_total{{outcome="{outcome}",answer="unavailable"}} 1"#
    ));
    webhook.assert_lives();

    let known = review("reader");
    assert_eq!(role(&stored(&known, &webhook.review(&known))), Some(ROLE));
    webhook.kubernetes().play(Fault::None);
    let new = review("new");
    assert_eq!(role(&stored(&new, &webhook.review(&new))), Some(ROLE));
}

#[test]
fn go_gtoken_ended_on_a_service_account_get_that_gives_403() {
    survives(Fault::GetForbidden, "get-failed");
}

#[test]
fn go_gtoken_ended_on_a_service_account_get_that_gives_500() {
    survives(Fault::GetError, "get-failed");
}

#[test]
fn go_gtoken_ended_on_a_service_account_get_that_is_reset() {
    survives(Fault::GetReset, "get-failed");
}

#[test]
fn go_gtoken_ended_on_a_service_account_get_that_is_slow() {
    survives(Fault::GetSlow(Duration::from_secs(5)), "get-timed-out");
}

#[test]
fn go_gtoken_ended_on_a_service_account_get_that_gives_404() {
    let mut webhook = Webhook::start();
    let response = webhook.review(&review("absent"));
    assert_eq!(response["allowed"], json!(true));
    assert_eq!(response.get("patch"), None);
    assert_eq!(
        response["auditAnnotations"]["outcome"],
        json!("no-service-account")
    );
    webhook.assert_lives();
}

#[test]
fn azure_denied_a_pod_when_the_service_account_get_failed() {
    let webhook = Webhook::start();
    webhook.kubernetes().play(Fault::GetError);
    let mut labelled = review("plain");
    labelled["request"]["object"]["metadata"]["labels"] = json!({"amazonaws.com/inject": "true"});
    assert_eq!(webhook.post(&labelled).status, 503);
}

#[test]
fn eks_silently_admitted_a_pod_whose_service_account_it_had_not_seen() {
    let webhook = Webhook::start();
    webhook.kubernetes().play(Fault::RadioSilence);
    put_role(webhook.kubernetes(), "new", ROLE);
    let new = review("new");
    assert_eq!(role(&stored(&new, &webhook.review(&new))), Some(ROLE));
    webhook.assert_counted(r#"gtoken_webhook_lookups_total{outcome="get"} 1"#);
}

#[test]
fn one_annotated_right_after_its_creation_is_asked_for_again() {
    let webhook = Webhook::start();
    // Known without a role and fresh; what the watch would bring next does not come in time.
    webhook.kubernetes().play(Fault::RadioSilence);
    put_role(webhook.kubernetes(), "plain", ROLE);
    let plain = review("plain");
    assert_eq!(role(&stored(&plain, &webhook.review(&plain))), Some(ROLE));
}

#[test]
fn a_failure_outside_us_degrades_as_configured_and_is_counted() {
    let webhook = Webhook::start();
    webhook.kubernetes().play(Fault::Away);
    let known = review("reader");
    assert_eq!(role(&stored(&known, &webhook.review(&known))), Some(ROLE));
    assert_eq!(webhook.post(&review("unseen")).status, 503);
    assert_eq!(webhook.get("/readyz").status, 200);
    webhook
        .assert_counted(r#"gtoken_webhook_reviews_total{outcome="injected",answer="allowed"} 1"#);
    webhook.assert_counted(
        r#"gtoken_webhook_reviews_total{outcome="get-failed",answer="unavailable"} 1"#,
    );
    webhook.assert_counted(r#"gtoken_webhook_lookups_total{outcome="get-failed"} 1"#);
    for line in [
        r#"gtoken_webhook_api_requests_total{resource="serviceaccounts",code="200"}"#,
        r#"gtoken_webhook_api_requests_total{resource="serviceaccounts",code="none"}"#,
        r#"gtoken_webhook_api_requests_total{resource="version",code="200"}"#,
    ] {
        webhook.assert_counted(line);
    }
    awaited("a failed watch", || {
        let metrics = webhook.get("/metrics").body;
        metrics
            .contains(r#"watch_restarts_total{reason="failed"}"#)
            .then_some(())
    });
}

#[test]
fn with_on_unknown_admit_no_pod_waits_for_an_api_server_but_one_that_must_have_credentials() {
    let webhook = Webhook::start_with(&["--on-unknown=admit"]);
    for fault in [
        Fault::GetError,
        Fault::GetForbidden,
        Fault::GetSlow(Duration::from_secs(5)),
        Fault::Away,
    ] {
        webhook.kubernetes().play(fault);
        let mut unseen = review("unseen");
        let response = webhook.review(&unseen);
        assert_eq!(response["allowed"], json!(true), "{fault:?}");
        assert_eq!(response.get("patch"), None, "{fault:?}");
        let warning = response["warnings"][0].as_str().unwrap();
        assert!(warning.starts_with("no AWS credentials: "), "{warning}");
        unseen["request"]["object"]["metadata"]["labels"] = json!({"amazonaws.com/inject": "true"});
        let answer = webhook.post(&unseen);
        assert_eq!(answer.status, 503, "{fault:?}");
        assert_eq!(answer.retry_after.as_deref(), Some("1"));
        webhook.kubernetes().play(Fault::None);
    }
    webhook.assert_counted(
        r#"gtoken_webhook_reviews_total{outcome="unknown-service-account",answer="allowed"} 4"#,
    );
}

#[test]
fn a_get_that_fails_is_asked_no_more_than_twenty_times_a_second() {
    let webhook = Webhook::start();
    webhook.kubernetes().play(Fault::GetError);
    let begun = Instant::now();
    let mut answers = (0..100).map(|number| webhook.post(&review(&format!("unseen-{number}"))));
    assert!(answers.all(|answer| answer.status == 503));
    // Twenty at once, and from then on as many as the time that has passed allows.
    let most = 21 + begun.elapsed().as_millis() / 50;
    let asked = gets(&webhook, "/unseen-") as u128;
    assert!((20..=most).contains(&asked), "{asked} of at most {most}");
}

/// Starts where RBAC refuses this verb: log and readiness name the rule that is missing, and all is well when it is there.
#[track_caller]
fn says_what_rbac_lacks(faults: &[Fault], verb: &str, message: &str, status: u16) {
    let sandbox = Sandbox::start(Config::default()).unwrap();
    put_role(sandbox.kubernetes(), "reader", ROLE);
    for fault in faults {
        sandbox.kubernetes().play(*fault);
    }
    let webhook = Webhook::listening(sandbox, &[]);
    let line = webhook.logged(message);
    let reason = line["reason"].as_str().unwrap();
    assert!(reason.contains(&rule(verb)), "{line}");
    assert_readiness_names(&webhook, verb, status);
}

/// Waits until `/readyz` names the rule that is missing, and with it granted until all is well.
#[track_caller]
fn assert_readiness_names(webhook: &Webhook, verb: &str, status: u16) {
    let refused = awaited("the rule in /readyz", || {
        let answer = webhook.get("/readyz");
        answer.body.contains(&rule(verb)).then_some(answer)
    });
    assert_eq!(refused.status, status, "{refused:?}");
    webhook.kubernetes().play(Fault::None);
    awaited("readiness", || {
        let body = webhook.get("/readyz").body;
        let is_well = body.starts_with("ok\n") && !body.contains("ok, but");
        is_well.then_some(())
    });
    let known = review("reader");
    assert_eq!(role(&stored(&known, &webhook.review(&known))), Some(ROLE));
}

#[test]
fn without_permission_to_get_the_missing_rule_is_said() {
    let message = "a single ServiceAccount may not be read";
    says_what_rbac_lacks(&[Fault::GetForbidden], "get", message, 503);
}

#[test]
fn without_permission_to_list_the_missing_rule_is_said() {
    let message = "cannot read ServiceAccounts; trying again";
    let faults = [Fault::ListForbidden, Fault::WatchRefused];
    says_what_rbac_lacks(&faults, "list", message, 503);
}

#[test]
fn without_permission_to_watch_the_missing_rule_is_said() {
    let message = "the watch of ServiceAccounts failed; opening it anew";
    // It has read everything and can answer, if not for long.
    says_what_rbac_lacks(&[Fault::WatchRefused], "watch", message, 200);
}

fn rule(verb: &str) -> String {
    format!(r#"{{apiGroups: [""], resources: [serviceaccounts], verbs: [{verb}]}}"#)
}

#[test]
fn a_permission_taken_away_is_said_until_it_is_back() {
    let webhook = Webhook::start();
    webhook.kubernetes().play(Fault::GetForbidden);
    assert_eq!(webhook.post(&review("unseen")).status, 503);
    assert_readiness_names(&webhook, "get", 200);

    webhook.kubernetes().play(Fault::WatchRefused);
    webhook.kubernetes().close_watches();
    assert_readiness_names(&webhook, "watch", 200);

    webhook.kubernetes().play(Fault::ListForbidden);
    webhook.kubernetes().play(Fault::WatchRefused);
    webhook.kubernetes().close_watches();
    assert_readiness_names(&webhook, "list", 200);
}

/// How many single ServiceAccounts were asked for whose path holds `part`.
fn gets(webhook: &Webhook, part: &str) -> usize {
    let asked = webhook.kubernetes().requests();
    asked
        .iter()
        .filter(|request| request.path.contains(part))
        .count()
}

#[test]
fn a_review_is_answered_within_its_own_time() {
    let webhook = Webhook::start();
    webhook
        .kubernetes()
        .play(Fault::GetSlow(Duration::from_secs(5)));
    let body = review("unseen").to_string();
    let request = webhook.agent().post(webhook.url("/pods?timeout=300ms"));
    let answer = answer(request.content_type("application/json").send(body));
    assert_eq!(
        (answer.status, answer.retry_after.as_deref()),
        (503, Some("1"))
    );
    webhook.assert_counted(
        r#"gtoken_webhook_reviews_total{outcome="get-out-of-time",answer="unavailable"} 1"#,
    );
}

#[test]
fn a_service_account_that_is_not_there_is_asked_for_once_in_a_while() {
    let webhook = Webhook::start();
    for _ in 0..5 {
        webhook.review(&review("absent"));
    }
    webhook.assert_counted(r#"gtoken_webhook_lookups_total{outcome="recent"}"#);
    assert!(gets(&webhook, "/absent") < 5);
}

#[test]
fn a_pod_is_denied_only_after_a_get_of_its_own() {
    let webhook = Webhook::start();
    webhook.kubernetes().play(Fault::RadioSilence);
    let mut labelled = review("plain");
    labelled["request"]["object"]["metadata"]["labels"] = json!({"amazonaws.com/inject": "true"});
    assert_eq!(webhook.review(&labelled)["allowed"], json!(false));
    put_role(webhook.kubernetes(), "plain", ROLE);
    let response = webhook.review(&labelled);
    assert_eq!(role(&stored(&labelled, &response)), Some(ROLE));
}

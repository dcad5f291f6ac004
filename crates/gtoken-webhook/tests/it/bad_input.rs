//! Requests that no API server sends, and those that ended other webhooks.

use serde_json::{Value, json};

use crate::harness::Webhook;
use crate::reviews::review;

#[test]
fn d2_go_gtoken_ended_on_an_empty_service_account_name() {
    let mut webhook = Webhook::start();
    let mut unnamed = review("");
    assert_eq!(webhook.review(&unnamed)["allowed"], json!(true));
    unnamed["request"]["object"]["spec"]
        .as_object_mut()
        .unwrap()
        .remove("serviceAccountName");
    assert_eq!(webhook.review(&unnamed)["allowed"], json!(true));
    let asked = webhook.kubernetes().requests();
    assert!(
        !asked
            .iter()
            .any(|request| request.path.contains("/namespaces/team-a/")),
        "{asked:?}"
    );
    webhook.assert_lives();
}

#[test]
fn go_gtoken_ended_on_object_null() {
    let mut webhook = Webhook::start();
    let mut review = review("reader");
    review["request"]["object"] = Value::Null;
    assert_eq!(webhook.review(&review)["allowed"], json!(true));
    webhook.assert_lives();
}

#[test]
fn go_gtoken_panicked_on_request_null() {
    let mut webhook = Webhook::start();
    let mut review = review("reader");
    review["request"] = Value::Null;
    let answer = webhook.post(&review);
    assert_eq!(answer.status, 400, "{answer:?}");
    webhook.assert_lives();
}

#[test]
fn a_body_that_is_no_review_is_refused_with_a_sentence() {
    let mut webhook = Webhook::start();
    for body in [
        "",
        "null",
        "hello",
        "{}",
        r#"{"apiVersion":"v1","kind":"Pod"}"#,
        "\u{0}",
    ] {
        let answer = webhook.post_body("application/json", body);
        assert_eq!(answer.status, 400, "{body:?}");
        assert!(answer.body.contains("AdmissionReview"), "{answer:?}");
        assert_eq!(answer.body.lines().count(), 1, "{answer:?}");
    }
    webhook.assert_counted(
        r#"gtoken_webhook_reviews_total{outcome="invalid-review",answer="refused"} 6"#,
    );
    webhook.assert_lives();
}

#[test]
fn a_service_account_name_cannot_lead_elsewhere_in_the_api() {
    let webhook = Webhook::start();
    for name in ["../secrets/x", "reader?x=y", "%2e%2e", "a b"] {
        assert_eq!(
            webhook.review(&review(name))["allowed"],
            json!(true),
            "{name}"
        );
    }
    let asked = webhook.kubernetes().requests();
    assert!(
        !asked
            .iter()
            .any(|request| request.path.contains("/namespaces/team-a/")),
        "{asked:?}"
    );
}

#[test]
fn go_gtoken_took_682_megabytes_for_a_body_of_64_mebibytes() {
    let mut webhook = Webhook::start();
    let review = review("reader").to_string();
    for mebibytes in [8, 64] {
        let mut body = review.clone().into_bytes();
        body.resize((mebibytes << 20) + 1, b' ');
        let answer = webhook.post_body("application/json", body);
        assert_eq!(answer.status, 413, "{mebibytes} MiB");
    }
    let kibibytes = webhook.peak_memory();
    assert!(kibibytes < 64 << 10, "{kibibytes} KiB at the peak");
    webhook.assert_lives();
}

#[test]
fn eks_and_azure_refused_a_charset() {
    let webhook = Webhook::start();
    let body = review("reader").to_string();
    assert_eq!(
        webhook
            .post_body("application/json; charset=utf-8", body.clone())
            .status,
        200
    );
    assert_eq!(webhook.post_body("text/plain", body).status, 415);
}

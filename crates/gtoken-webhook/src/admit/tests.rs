//! Decisions reach the answer, whatever the bytes are.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::*;
use crate::testing::{review, routes};

/// Far enough for anything that is answered at all.
fn soon() -> Instant {
    Instant::now() + std::time::Duration::from_secs(10)
}

async fn admit(admitter: &Admitter, review: &Value) -> Value {
    match admitter.admit(review.to_string().as_bytes(), soon()).await {
        Admission::Answer(json) => serde_json::from_slice(&json).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_kind_of_service_account_gets_its_answer() {
    let admitter = routes().admitter;
    for (service_account, allowed, patched, outcome) in [
        ("reader", true, true, "injected"),
        ("plain", true, false, "no-role"),
        ("malformed", true, false, "invalid-role"),
        ("", true, false, "no-service-account-name"),
        ("../../secrets/x", true, false, "no-service-account"),
    ] {
        let response = admit(&admitter, &review(service_account)).await["response"].take();
        assert_eq!(response["allowed"], json!(allowed), "{service_account}");
        assert_eq!(
            response.get("patch").is_some(),
            patched,
            "{service_account}"
        );
        assert_eq!(response["auditAnnotations"]["outcome"], json!(outcome));
    }
}

#[tokio::test]
async fn a_malformed_role_is_told_with_annotation_and_value() {
    let admitter = routes().admitter;
    let answer = admit(&admitter, &review("malformed")).await;
    let warning = answer["response"]["warnings"][0].as_str().unwrap();
    assert!(
        warning.contains("amazonaws.com/role-arn \"reader\""),
        "{warning}"
    );
}

#[tokio::test]
async fn what_cannot_be_known_is_unavailable_and_not_a_refusal() {
    let admitter = routes().admitter;
    let body = review("unseen").to_string();
    let admission = admitter.admit(body.as_bytes(), soon()).await;
    assert_eq!(admission.status(), StatusCode::SERVICE_UNAVAILABLE);
    let metrics = admitter.metrics.encode(&admitter.accounts.state());
    let line = r#"gtoken_webhook_reviews_total{outcome="get-failed",answer="unavailable"} 1"#;
    assert!(metrics.contains(line), "{metrics}");
}

#[tokio::test]
async fn a_pod_that_must_be_injected_is_not_rejected_without_a_confirming_get() {
    let admitter = routes().admitter;
    for service_account in ["plain", "malformed"] {
        let mut review = review(service_account);
        review["request"]["object"]["metadata"]["labels"] = json!({"amazonaws.com/inject": "true"});
        let admission = admitter.admit(review.to_string().as_bytes(), soon()).await;
        assert!(matches!(admission, Admission::Unknown(_)), "{admission:?}");
    }
}

#[tokio::test]
async fn an_unknown_pod_is_admitted_with_a_warning_where_that_is_wanted_and_it_may_go_without() {
    let admitter = Admitter {
        on_unknown: OnUnknown::Admit,
        ..routes().admitter
    };
    let answer = admit(&admitter, &review("unseen")).await;
    let response = &answer["response"];
    assert_eq!(response["allowed"], json!(true));
    assert_eq!(response.get("patch"), None);
    let warning = Reason::UnknownServiceAccount.to_string();
    assert_eq!(response["warnings"], json!([warning]));
    let outcome = &response["auditAnnotations"]["outcome"];
    assert_eq!(outcome, "unknown-service-account");
    let mut labelled = review("unseen");
    labelled["request"]["object"]["metadata"]["labels"] = json!({"amazonaws.com/inject": "true"});
    let body = labelled.to_string();
    let admission = admitter.admit(body.as_bytes(), soon()).await;
    assert_eq!(admission.status(), StatusCode::SERVICE_UNAVAILABLE);
    let metrics = admitter.metrics.encode(&admitter.accounts.state());
    for line in [
        r#"gtoken_webhook_reviews_total{outcome="unknown-service-account",answer="allowed"} 1"#,
        r#"gtoken_webhook_reviews_total{outcome="get-failed",answer="unavailable"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

#[tokio::test]
async fn a_pod_that_is_left_alone_needs_no_answer_from_the_api_server() {
    let admitter = routes().admitter;
    let mut review = review("unseen");
    review["request"]["object"]["metadata"]["labels"] = json!({"amazonaws.com/inject": "false"});
    let answer = admit(&admitter, &review).await;
    assert_eq!(
        answer["response"]["auditAnnotations"]["outcome"],
        json!("opted-out")
    );
}

/// A review with a few bytes overwritten, dropped or put in, so that most still are nearly one.
fn mangled() -> impl Strategy<Value = Vec<u8>> {
    let edit = (any::<proptest::sample::Index>(), 0..3_u8, any::<u8>());
    let names = prop_oneof!["reader", "plain", "unseen", "\\PC{0,8}"];
    (names, proptest::collection::vec(edit, 0..6)).prop_map(|(name, edits)| {
        let mut bytes = review(&name).to_string().into_bytes();
        for (at, kind, byte) in edits {
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, byte),
            }
        }
        bytes
    })
}

#[test]
fn admission_never_exits_or_panics_on_any_bytes() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let admitter = runtime.block_on(async { routes().admitter });
    let noise = proptest::collection::vec(any::<u8>(), 0..200);
    let bodies = prop_oneof![1 => noise, 3 => mangled()];
    let result = TestRunner::new(Config::with_cases(2_000)).run(&bodies, |body| {
        if let Admission::Answer(json) = runtime.block_on(admitter.admit(&body, soon())) {
            let answer: Value = serde_json::from_slice(&json).unwrap();
            // None of these pods is labelled, so none may be rejected.
            prop_assert_eq!(&answer["response"]["allowed"], &json!(true));
        }
        Ok(())
    });
    result.unwrap();
}

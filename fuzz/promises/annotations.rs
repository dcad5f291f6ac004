//! Whatever is annotated, what cannot be taken is told in short lines and is as if it were not there.

use std::collections::BTreeMap;

use gtoken_contract::AwsAccount;
use gtoken_inject::{Binding, Dialect, Reason, Settings, Warning, advise};
use serde_json::{Value, json};

use super::reader::{binding, usual};
use super::warnings::fit;

type Annotations<'a> = BTreeMap<&'a str, &'a str>;

/// Panics where a promise is broken. Each line is an annotation: its name, an equals sign, its value.
pub(super) fn hold(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let all: Annotations<'_> = text
        .split('\n')
        .filter_map(|line| line.split_once('='))
        .collect();
    let account = AwsAccount {
        id: "123456789012".parse().expect("an account"),
        partition: "aws".parse().expect("a partition"),
    };
    for account in [None, Some(account)] {
        let dialect = Dialect {
            account,
            ..Dialect::default()
        };
        bind(&dialect, &all);
    }
    whoever_annotates_is_told(&all);
    pod(&all);
}

/// On a pod.
fn pod(all: &Annotations<'_>) {
    let sent = json!({
        "metadata": {"name": "web-0", "annotations": all},
        "spec": {"serviceAccountName": "reader", "containers": [{"name": "app"}]},
    });
    let webhook = usual(Ok(binding()));
    let ask = |pod: &Value| {
        let review = review("Pod", "CREATE", pod);
        webhook
            .answer(&review)
            .expect("a pod's creation is looked at")
    };
    let answered = ask(&sent);
    assert_eq!(answered.response["allowed"], true);
    assert!(
        answered.has_credentials() || answered.steps().is_empty(),
        "changed without a use"
    );
    fit(texts(&answered.response));
    assert!(
        ask(&answered.applied(&sent)).steps().is_empty(),
        "it is injected already"
    );
}

/// On a ServiceAccount.
fn bind(dialect: &Dialect, all: &Annotations<'_>) {
    let parse = |all: &Annotations<'_>| {
        Binding::parse(dialect, all.iter().map(|(name, text)| (*name, *text)))
    };
    match parse(all) {
        Ok(binding) => {
            fit(binding.warnings.iter().map(ToString::to_string));
            for warning in &binding.warnings {
                if let Warning::InvalidOption { annotation, .. } = warning {
                    let (_, name) = annotation.split_once('/').expect("a prefix and a name");
                    let mut others = all.clone();
                    others.retain(|full, _| {
                        full.split_once('/').is_none_or(|(_, other)| other != name)
                    });
                    let without = parse(&others).expect("its role is right");
                    assert_eq!(without.options, binding.options, "{warning}");
                }
            }
        }
        Err(unbound) => fit([Reason::from(unbound).to_string()]),
    }
}

/// By the review of a ServiceAccount.
fn whoever_annotates_is_told(all: &Annotations<'_>) {
    let review = review(
        "ServiceAccount",
        "UPDATE",
        &json!({"metadata": {"annotations": all}}),
    );
    let (answer, _) = advise(&review, &Settings::default()).expect("a review");
    let answer: Value = serde_json::from_slice(&answer).expect("JSON");
    assert_eq!(answer["response"]["allowed"], true);
    fit(texts(&answer["response"]));
}

fn review(kind: &str, operation: &str, object: &Value) -> Vec<u8> {
    let request =
        json!({"uid": "1", "kind": {"kind": kind}, "operation": operation, "object": object});
    let review =
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request});
    review.to_string().into_bytes()
}

/// An answer's warnings.
fn texts(response: &Value) -> impl Iterator<Item = String> {
    let warnings = response["warnings"].as_array();
    let texts = warnings.into_iter().flatten();
    texts.map(|text| text.as_str().expect("text").to_owned())
}

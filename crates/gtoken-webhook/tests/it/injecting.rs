//! What pods get, and what they keep.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{ROLE, Webhook, put_role};
use crate::reviews::{review, role, stored};

/// Takes away of `pod` what injection adds; what is left must be what was sent.
fn without_ours(mut pod: Value) -> Value {
    let spec = pod["spec"].as_object_mut().unwrap();
    spec.remove("volumes");
    for list in ["initContainers", "containers"] {
        let containers = spec[list].as_array_mut().unwrap();
        containers.retain(|container| {
            !container["name"]
                .as_str()
                .unwrap()
                .ends_with("-gcp-id-token")
        });
        for container in containers {
            for field in ["env", "volumeMounts"] {
                container.as_object_mut().unwrap().remove(field);
            }
        }
    }
    pod["metadata"]
        .as_object_mut()
        .unwrap()
        .remove("annotations");
    pod
}

#[test]
fn a_pod_is_injected_over_tls_and_keeps_every_field() {
    let webhook = Webhook::start();
    let review = review("reader");
    let pod = stored(&review, &webhook.review(&review));
    assert_eq!(role(&pod), Some(ROLE));
    assert_eq!(
        pod["spec"]["initContainers"][0]["name"],
        json!("generate-gcp-id-token")
    );
    assert_eq!(
        pod["spec"]["containers"][1]["name"],
        json!("update-gcp-id-token")
    );
    assert_eq!(without_ours(pod), review["request"]["object"]);
    webhook
        .assert_counted(r#"gtoken_webhook_reviews_total{outcome="injected",answer="allowed"} 1"#);
    webhook.assert_counted(r#"gtoken_webhook_service_accounts{state="bound"} 1"#);
}

#[test]
fn go_gtoken_patched_every_pod_even_one_that_asked_for_nothing() {
    let webhook = Webhook::start();
    let response = webhook.review(&review("plain"));
    assert_eq!(response["allowed"], json!(true));
    assert_eq!(
        (response.get("patch"), response.get("patchType")),
        (None, None)
    );
}

#[test]
fn go_gtoken_mounted_a_volume_that_was_not_there_on_dry_run() {
    let webhook = Webhook::start();
    let mut trial = review("reader");
    let real = webhook.review(&trial);
    trial["request"]["dryRun"] = json!(true);
    assert_eq!(webhook.review(&trial), real);
    let pod = stored(&trial, &real);
    let mount = &pod["spec"]["containers"][0]["volumeMounts"][0]["name"];
    assert_eq!(&pod["spec"]["volumes"][0]["name"], mount);
}

#[test]
fn go_gtoken_duplicated_everything_when_fed_its_own_output() {
    let webhook = Webhook::start();
    let mut review = review("reader");
    review["request"]["object"] = stored(&review, &webhook.review(&review));
    let again = webhook.review(&review);
    assert_eq!(again.get("patch"), None, "{again}");
}

#[test]
fn a_review_is_answered_in_the_version_it_came_in() {
    let webhook = Webhook::start();
    let mut review = review("reader");
    review["apiVersion"] = json!("admission.k8s.io/v1beta1");
    let answer: Value = serde_json::from_str(&webhook.post(&review).body).unwrap();
    assert_eq!(answer["apiVersion"], json!("admission.k8s.io/v1beta1"));
    assert_eq!(role(&stored(&review, &answer["response"])), Some(ROLE));
}

#[test]
fn a_malformed_role_leaves_the_pod_alone_and_says_so() {
    let webhook = Webhook::start();
    put_role(
        webhook.kubernetes(),
        "malformed",
        "arn:aws:iam::1:role/reader",
    );
    let response = webhook.review(&review("malformed"));
    assert_eq!(response.get("patch"), None);
    let warning = response["warnings"][0].as_str().unwrap();
    assert!(warning.contains("amazonaws.com/role-arn"), "{warning}");
    assert!(warning.contains("role/reader\""), "{warning}");
}

#[test]
fn a_pod_that_must_be_injected_is_denied_where_it_would_start_without_credentials() {
    let webhook = Webhook::start();
    for (service_account, allowed) in [("reader", true), ("plain", false), ("absent", false)] {
        let mut review = review(service_account);
        review["request"]["object"]["metadata"]["labels"] = json!({"amazonaws.com/inject": "true"});
        assert_eq!(
            webhook.review(&review)["allowed"],
            json!(allowed),
            "{service_account}"
        );
    }
    webhook.assert_counted(r#"gtoken_webhook_reviews_total{outcome="no-role",answer="denied"} 1"#);
}

#[test]
fn the_api_servers_version_chooses_the_form_for_pods_that_end() {
    let webhook = Webhook::start();
    let mut review = review("reader");
    review["request"]["object"]["spec"]["restartPolicy"] = json!("Never");
    let pod = stored(&review, &webhook.review(&review));
    // The sandbox says 1.34, where every kubelet knows native sidecars.
    assert_eq!(
        pod["spec"]["initContainers"][1]["name"],
        json!("update-gcp-id-token")
    );
    assert_eq!(
        pod["spec"]["initContainers"][1]["restartPolicy"],
        json!("Always")
    );
}

#[test]
fn the_flags_reach_the_pod() {
    let webhook = Webhook::start_with(&[
        "--image=mirror.example.com/gtoken:v1",
        "--pull-policy=Always",
        "--volume-name=aws",
        "--volume-path=/aws",
        "--token-file=token",
        "--audience=other",
        "--sidecar-mode=native",
        "--agent-cpu-request=1m",
        "--agent-cpu-limit=2m",
        "--agent-memory-request=3Mi",
        "--agent-memory-limit=4Mi",
        "--agent-run-as-user=5",
    ]);
    let review = review("reader");
    let pod = stored(&review, &webhook.review(&review));
    let agent = &pod["spec"]["initContainers"][1];
    assert_eq!(agent["image"], json!("mirror.example.com/gtoken:v1"));
    assert_eq!(agent["imagePullPolicy"], json!("Always"));
    assert_eq!(
        agent["volumeMounts"][0],
        json!({"name": "aws", "mountPath": "/aws"})
    );
    let args = agent["args"].as_array().unwrap();
    for arg in ["--file=/aws/token", "--audience=other"] {
        assert!(args.contains(&json!(arg)), "{args:?}");
    }
    let resources = json!({
        "requests": {"cpu": "1m", "memory": "3Mi"},
        "limits": {"cpu": "2m", "memory": "4Mi"},
    });
    assert_eq!(agent["resources"], resources);
    assert_eq!(agent["securityContext"]["runAsUser"], json!(5));
    assert_eq!(agent["restartPolicy"], json!("Always"));
}

#[test]
fn go_gtoken_took_six_seconds_for_three_mebibytes() {
    let webhook = Webhook::start();
    let mut review = review("reader");
    let filler: Vec<Value> = (0..3 << 10)
        .map(|n| json!({"name": format!("V{n}"), "value": "v".repeat(1000)}))
        .collect();
    review["request"]["object"]["spec"]["containers"][0]["env"] = json!(filler);
    let body = review.to_string();
    assert!(body.len() > 3 << 20);
    let start = Instant::now();
    let answer = webhook.post_body("application/json", body);
    let taken = start.elapsed();
    assert_eq!(answer.status, 200);
    // A debug build on a busy machine; the release build takes some 10 ms.
    assert!(taken < Duration::from_secs(2), "{taken:?}");
    let response: Value = serde_json::from_str(&answer.body).unwrap();
    let pod = stored(&review, &response["response"]);
    assert_eq!(role(&pod), Some(ROLE));
}

#[test]
fn a_review_is_logged_with_who_and_what_unless_it_asks_for_nothing() {
    let lines = |level: &str| {
        let webhook = Webhook::start_with(&[level]);
        webhook.review(&review("plain"));
        webhook.review(&review("reader"));
        webhook.logged("reviewed")
    };
    let line = lines("--log-level=info");
    assert_eq!(line["uid"], json!("705ab4f5-6393-11e8-b7cc-42010a800002"));
    assert_eq!(line["level"], json!("INFO"));
    assert_eq!(line["namespace"], json!("team-a"));
    assert_eq!(line["service_account"], json!("reader"));
    assert_eq!(line["outcome"], json!("injected"));
    let line = lines("--log-level=debug");
    assert_eq!(line["level"], json!("DEBUG"));
    assert_eq!(line["outcome"], json!("no-role"));
}

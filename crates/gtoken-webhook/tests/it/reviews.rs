//! Reviews as API servers send them, and what is made of the answers.

use serde_json::{Value, json};

/// The creation of a pod in `team-a`, with fields that no version of Kubernetes knows.
pub(crate) fn review(service_account: &str) -> Value {
    json!({
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "name": "web",
            "namespace": "team-a",
            "operation": "CREATE",
            "userInfo": {"username": "admin"},
            "object": {
                "kind": "Pod",
                "apiVersion": "v1",
                "metadata": {"name": "web", "namespace": "team-a", "fromTheFuture": {"a": [1, 2]}},
                "spec": {
                    "serviceAccountName": service_account,
                    "fromTheFuture": 1e3,
                    "hostUsers": false,
                    "schedulingGates": [{"name": "example.com/gate"}],
                    "initContainers": [
                        {"name": "proxy", "image": "proxy", "restartPolicy": "Always", "fromTheFuture": null},
                    ],
                    "containers": [
                        {"name": "app", "image": "app", "resizePolicy": [], "fromTheFuture": "yes"},
                    ],
                },
            },
            "oldObject": null,
            "dryRun": false,
            "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
        },
    })
}

/// The pod as it would be stored; a patch must apply to exactly what was sent.
#[track_caller]
pub(crate) fn stored(review: &Value, response: &Value) -> Value {
    let mut pod = review["request"]["object"].clone();
    assert_eq!(response["allowed"], json!(true), "{response}");
    if let Some(patch) = response["patch"].as_str() {
        assert_eq!(response["patchType"], json!("JSONPatch"));
        json_patch::patch(&mut pod, &decode(patch)).unwrap();
    }
    pod
}

/// The role that the pod's application would assume.
pub(crate) fn role(pod: &Value) -> Option<&str> {
    let variables = pod["spec"]["containers"][0]["env"].as_array()?;
    let role = variables
        .iter()
        .find(|variable| variable["name"] == "AWS_ROLE_ARN")?;
    role["value"].as_str()
}

fn decode(base64: &str) -> json_patch::Patch {
    let value = |byte: u8| {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        u32::try_from(alphabet.iter().position(|other| *other == byte).unwrap()).unwrap()
    };
    let digits: Vec<u32> = base64.trim_end_matches('=').bytes().map(value).collect();
    let bytes = digits.chunks(4).flat_map(|chunk| {
        let bits = chunk.iter().fold(0, |bits, digit| bits << 6 | digit) << (6 * (4 - chunk.len()));
        bits.to_be_bytes()[1..chunk.len()].to_vec()
    });
    serde_json::from_slice(&bytes.collect::<Vec<u8>>()).unwrap()
}

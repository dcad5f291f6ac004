//! Whatever an API server asks, the answer is one, its patch applies, and the patched pod needs no other.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use gtoken_inject::{Binding, Review, ServerVersion, Settings, Subject, Unbound, advise, decide};
use serde_json::{Value, json};

use super::reader::binding;

const SERVER: ServerVersion = ServerVersion {
    major: 1,
    minor: 34,
};

/// Panics where a promise is broken. The bytes are the AdmissionReview.
pub(super) fn hold(bytes: &[u8]) {
    if let Ok((advice, _)) = advise(bytes, &Settings::default()) {
        let advice: Value = serde_json::from_slice(&advice).expect("JSON");
        assert_eq!(advice["response"]["allowed"], true);
    }
    let Some(skipped) = answer(bytes, Err(&Unbound::NoRole)) else {
        return;
    };
    assert_eq!(skipped.get("patch"), None, "nothing was asked for");
    let binding = binding();
    let Some(injected) = answer(bytes, Ok(&binding)) else {
        return;
    };
    // Numbers that no one else can hold are no concern of ours.
    let Ok(mut review) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    let pod = &mut review["request"]["object"];
    patch(pod, &injected);
    let patched = pod.clone();
    let again = serde_json::to_vec(&review).expect("JSON serialises");
    let again = answer(&again, Ok(&binding)).expect("it is a pod still");
    patch(&mut review["request"]["object"], &again);
    assert_eq!(review["request"]["object"], patched);
}

/// The answer's `response`, where the review is of a pod.
fn answer(bytes: &[u8], binding: Result<&Binding, &Unbound>) -> Option<Value> {
    let review = Review::parse(bytes).ok()?;
    let Subject::Pod(pod) = review.subject() else {
        return None;
    };
    let decision = decide(pod, binding, &Settings::default(), SERVER);
    let mut answer: Value = serde_json::from_slice(&review.answer(&decision)).expect("JSON");
    let response = answer["response"].take();
    assert_eq!(response["uid"], json!(review.uid()));
    assert!(response["allowed"].is_boolean());
    assert_eq!(
        response.get("patch").is_some(),
        response.get("patchType").is_some()
    );
    Some(response)
}

fn patch(pod: &mut Value, response: &Value) {
    if let Some(patch) = response.get("patch").and_then(Value::as_str) {
        let patch = BASE64_STANDARD.decode(patch).expect("base64");
        let patch: json_patch::Patch = serde_json::from_slice(&patch).expect("an RFC 6902 patch");
        json_patch::patch(pod, &patch).expect("the patch applies");
    }
}

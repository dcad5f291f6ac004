//! Whatever an API server asks, the answer is one, its patch applies, and the patched pod needs no other.

use gtoken_inject::{Settings, Unbound, advise};
use serde_json::Value;

use super::reader::{binding, usual};

/// Panics where a promise is broken. The bytes are the AdmissionReview.
pub(super) fn hold(bytes: &[u8]) {
    if let Ok((advice, _)) = advise(bytes, &Settings::default()) {
        let advice: Value = serde_json::from_slice(&advice).expect("JSON");
        assert_eq!(advice["response"]["allowed"], true);
    }
    let Some(skipped) = usual(Err(Unbound::NoRole)).answer(bytes) else {
        return;
    };
    assert!(skipped.steps().is_empty(), "nothing was asked for");
    let webhook = usual(Ok(binding()));
    let Some(injected) = webhook.answer(bytes) else {
        return;
    };
    // Numbers that no one else can hold are no concern of ours.
    let Ok(mut review) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    let pod = &mut review["request"]["object"];
    *pod = injected.applied(pod);
    let again = serde_json::to_vec(&review).expect("JSON serialises");
    let again = webhook.answer(&again).expect("it is a pod still");
    assert!(again.steps().is_empty(), "it is injected already");
    assert_eq!(again.has_credentials(), injected.has_credentials());
}

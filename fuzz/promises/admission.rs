//! Reviews as an API server sends them, and what it makes of the answers.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use gtoken_inject::{Binding, Decision, Review, ServerVersion, Settings, Subject, Unbound, decide};
use json_patch::{Patch, PatchOperation};
use serde_json::Value;

/// Who is asked, but for the pod.
#[derive(Clone, Debug)]
pub(crate) struct Webhook {
    pub(crate) settings: Settings,
    pub(crate) server: ServerVersion,
    /// What is known of the pod's ServiceAccount.
    pub(crate) binding: Result<Binding, Unbound>,
}

/// What came of a pod.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    pub(crate) decision: Decision,
    /// The answer's `response`.
    pub(crate) response: Value,
}

impl Webhook {
    /// What is answered to a review, where it is of a pod.
    pub(crate) fn answer(&self, body: &[u8]) -> Option<Answered> {
        let review = Review::parse(body).ok()?;
        let Subject::Pod(pod) = review.subject() else {
            return None;
        };
        let decision = decide(pod, self.binding.as_ref(), &self.settings, self.server);
        let answer: Value = serde_json::from_slice(&review.answer(&decision)).expect("JSON");
        let response = answer["response"].clone();
        assert_eq!(response["uid"], review.uid());
        assert!(response["allowed"].is_boolean());
        let (patch, kind) = (response.get("patch"), response.get("patchType"));
        assert_eq!(
            patch.is_some(),
            kind.is_some_and(|kind| kind == "JSONPatch")
        );
        Some(Answered { decision, response })
    }
}

impl Answered {
    /// The patch's steps; none without a patch.
    pub(crate) fn steps(&self) -> Vec<PatchOperation> {
        let Some(patch) = self.response.get("patch").and_then(Value::as_str) else {
            return Vec::new();
        };
        let patch = BASE64_STANDARD.decode(patch).expect("base64");
        let patch: Patch = serde_json::from_slice(&patch).expect("an RFC 6902 patch");
        assert!(!patch.0.is_empty(), "a patch is there to change something");
        patch.0
    }

    /// The pod that was sent, as the patch makes it.
    pub(crate) fn applied(&self, pod: &Value) -> Value {
        let mut pod = pod.clone();
        json_patch::patch(&mut pod, &self.steps()).expect("the patch applies");
        pod
    }

    /// Whether it has all that it needs for credentials.
    pub(crate) fn has_credentials(&self) -> bool {
        ["injected", "already-injected"].contains(&self.decision.label())
    }
}

//! The AdmissionReview that answers, written member by member.

use std::fmt::Display;

use base64_simd::STANDARD;

use crate::json::quoted;
use crate::patch::Patch;
use crate::reason::Reason;

/// A version of AdmissionReview.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V1,
    V1Beta1,
}

impl Version {
    fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "admission.k8s.io/v1",
            Self::V1Beta1 => "admission.k8s.io/v1beta1",
        }
    }
}

/// An answer that is not complete yet.
pub(super) struct Answer(Vec<u8>);

impl Answer {
    /// The members that every answer has.
    pub(super) fn begin(version: Version, uid: &str, allowed: bool) -> Self {
        let mut answer = Self(Vec::with_capacity(512));
        answer.write(&[r#"{"apiVersion":""#, version.as_str()]);
        answer.write(&[r#"","kind":"AdmissionReview","response":{"uid":"#]);
        let allowed = if allowed { "true" } else { "false" };
        answer.write(&[&quoted(uid), r#","allowed":"#, allowed]);
        answer
    }

    /// Says why it is not allowed.
    pub(super) fn status(&mut self, reason: &Reason) {
        let message = quoted(&reason.to_string());
        self.write(&[r#","status":{"code":403,"reason":"Forbidden","message":"#]);
        self.write(&[&message, "}"]);
    }

    /// Adds a patch; `patch` and `patchType` are both there or both absent, anything else is an error to the API server.
    pub(super) fn patch(&mut self, patch: &Patch) {
        let patch = patch.as_json().as_bytes();
        self.0.reserve_exact(patch.len() / 3 * 4 + 512);
        self.write(&[r#","patchType":"JSONPatch","patch":""#]);
        STANDARD.encode_append(patch, &mut self.0);
        self.write(&["\""]);
    }

    /// Adds warnings, if there are any.
    pub(super) fn warnings(&mut self, warnings: &[impl Display]) {
        let quoted: Vec<_> = warnings
            .iter()
            .map(|warning| quoted(&warning.to_string()))
            .collect();
        if !quoted.is_empty() {
            self.write(&[r#","warnings":["#, &quoted.join(","), "]"]);
        }
    }

    /// The whole answer, with its outcome for the audit log.
    pub(super) fn end(mut self, outcome: &str) -> Vec<u8> {
        let outcome = quoted(outcome);
        self.write(&[r#","auditAnnotations":{"outcome":"#, &outcome, "}}}"]);
        self.0
    }

    fn write(&mut self, parts: &[&str]) {
        for part in parts {
            self.0.extend_from_slice(part.as_bytes());
        }
    }
}

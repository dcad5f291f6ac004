//! The webhook as most have it, and what the ServiceAccount of whoever is injected asks for.

use gtoken_inject::{Binding, Dialect, ServerVersion, Settings, Unbound};

use super::admission::Webhook;

/// A role and a Google account.
pub(crate) fn binding() -> Binding {
    let annotations = [
        (
            "amazonaws.com/role-arn",
            "arn:aws:iam::123456789012:role/reader",
        ),
        (
            "iam.gke.io/gcp-service-account",
            "reader@my-project.iam.gserviceaccount.com",
        ),
    ];
    Binding::parse(&Dialect::default(), annotations).expect("the annotations are right")
}

/// With the newest Kubernetes that is known here, and settings that nobody changed.
pub(crate) fn usual(binding: Result<Binding, Unbound>) -> Webhook {
    Webhook {
        settings: Settings::default(),
        server: ServerVersion {
            major: 1,
            minor: 34,
        },
        binding,
    }
}

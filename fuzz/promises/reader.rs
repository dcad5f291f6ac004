//! What the ServiceAccount of whoever is injected asks for.

use gtoken_inject::{Binding, Dialect};

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

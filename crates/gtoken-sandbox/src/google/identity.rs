//! Whom the metadata server speaks for, and the claims that it signs about them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The `iss` of every token that Google signs.
pub const ISSUER: &str = "https://accounts.google.com";

/// A Google service account as its tokens show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GoogleIdentity {
    /// `NAME@PROJECT.iam.gserviceaccount.com`.
    pub email: String,
    /// The 21 digits that outlive the email and that a trust policy should name.
    pub unique_id: String,
}

/// Whose tokens the metadata server hands out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Identity {
    /// Workload Identity, and the pod's ServiceAccount is linked to this Google service account.
    Linked(GoogleIdentity),
    /// Workload Identity, but the ServiceAccount is linked to no Google service account: there is no ID token.
    #[serde(rename_all = "camelCase")]
    Unlinked {
        /// The namespace of the pod.
        namespace: String,
        /// The name of the pod's ServiceAccount.
        service_account: String,
    },
    /// No Workload Identity on the node pool: Compute Engine's server answers, for the node, and its tokens carry no email.
    Node(GoogleIdentity),
}

impl GoogleIdentity {
    /// The identity of the sandbox that nobody configured.
    pub fn reader() -> Self {
        Self {
            email: "reader@gtoken-sandbox.iam.gserviceaccount.com".into(),
            unique_id: "104815162342000000001".into(),
        }
    }

    /// The account of this email, with a unique id that follows from it: the same in every sandbox.
    pub fn named(email: &str) -> Self {
        let reader = Self::reader();
        if email == reader.email {
            return reader;
        }
        let digest = Sha256::digest(email);
        let (start, _) = digest.split_at(8);
        let number = u64::from_be_bytes(start.try_into().expect("a digest has 32 bytes"));
        Self {
            email: email.to_owned(),
            unique_id: format!("1{number:020}"),
        }
    }

    /// The account of nodes that were given no other: Compute Engine's default one.
    pub fn node() -> Self {
        let number = super::PROJECT_NUMBER;
        Self::named(&format!("{number}-compute@developer.gserviceaccount.com"))
    }
}

impl Identity {
    /// The identity in words.
    pub(crate) fn for_people(&self) -> String {
        match self {
            Self::Linked(identity) => format!("{} ({})", identity.email, identity.unique_id),
            Self::Node(identity) => {
                format!("the node, {} ({})", identity.email, identity.unique_id)
            }
            Self::Unlinked {
                namespace,
                service_account,
            } => format!("nobody: the ServiceAccount {namespace}/{service_account} is not linked"),
        }
    }
}

impl From<GoogleIdentity> for Identity {
    fn from(identity: GoogleIdentity) -> Self {
        Self::Linked(identity)
    }
}

/// The times that a token carries, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(crate) from: u64,
    pub(crate) until: u64,
}

/// The claims that GKE's metadata server gives for a linked ServiceAccount.
pub(crate) fn linked_claims(
    identity: &GoogleIdentity,
    audience: &str,
    validity: Validity,
) -> Value {
    json!({
        "aud": audience,
        "azp": identity.unique_id,
        "email": identity.email,
        "email_verified": true,
        "exp": validity.until,
        "iat": validity.from,
        "iss": ISSUER,
        "sub": identity.unique_id,
    })
}

/// The claims that Compute Engine's server gives for a node: an email only in the `full` format.
pub(crate) fn node_claims(
    identity: &GoogleIdentity,
    audience: &str,
    validity: Validity,
    full: bool,
) -> Value {
    let mut claims = linked_claims(identity, audience, validity);
    let fields = claims.as_object_mut().expect("built as an object");
    if full {
        let engine = json!({
            "instance_creation_timestamp": 1_700_000_000,
            "instance_id": "4815162342000000001",
            "instance_name": "gke-sandbox-node",
            "project_id": super::PROJECT_ID,
            "project_number": super::PROJECT_NUMBER,
            "zone": "europe-west1-b",
        });
        fields.insert("google".into(), json!({"compute_engine": engine}));
    } else {
        fields.retain(|name, _| !name.starts_with("email"));
    }
    claims
}

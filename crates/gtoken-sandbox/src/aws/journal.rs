//! What STS was asked and why it answered as it did: AWS keeps the reason to itself, the journal tells it.

use serde::Serialize;

/// One call; it never holds the bytes of a token or of credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// When, in ISO 8601.
    pub time: String,
    /// The operation, where one was named.
    pub action: Option<String>,
    /// The role, where one was named.
    pub role: Option<String>,
    /// The name of the session, where one was named.
    pub session_name: Option<String>,
    /// `Success`, or the code of the refusal.
    pub outcome: String,
    /// Why, in one sentence for a person.
    pub reason: String,
}

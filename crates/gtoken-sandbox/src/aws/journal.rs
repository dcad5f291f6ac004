//! What STS was asked and why it answered as it did: AWS keeps the reason to itself, the journal tells it.

use hyper::HeaderMap;
use hyper::header::HOST;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::caller_identity;
use super::session::Sessions;
use super::token::WebIdentityToken;
use crate::{form, hex};

/// One call; it never holds the bytes of a token or of credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// When, in ISO 8601.
    pub time: String,
    /// The host that the call was sent to.
    pub host: Option<String>,
    /// The operation, where one was named.
    pub action: Option<String>,
    /// The role that was asked for, or whose session signed the call.
    pub role: Option<String>,
    /// The name of the session that was asked for, or that signed the call.
    pub session_name: Option<String>,
    /// The `sub` of the token that was sent, believed or not, or of that which the session came from.
    pub subject: Option<String>,
    /// The first 16 hex digits of the SHA-256 of the token that was sent.
    pub token_hash: Option<String>,
    /// The `iat` of the token that was sent, in seconds since 1970.
    pub token_issued: Option<u64>,
    /// The `exp` of the token that was sent, in seconds since 1970.
    pub token_expires: Option<u64>,
    /// `Success`, or the code of the refusal.
    pub outcome: String,
    /// Why, in one sentence for a person.
    pub reason: String,
}

impl Entry {
    /// What can be told of a call before it is judged.
    pub(crate) fn of(
        headers: &HeaderMap,
        parameters: &[(String, String)],
        sessions: &Sessions,
    ) -> Self {
        let given = |name| form::value(parameters, name).map(str::to_owned);
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let entry = Self {
            host: host.map(str::to_owned),
            action: given("Action"),
            role: given("RoleArn"),
            session_name: given("RoleSessionName"),
            ..Self::default()
        };
        if let Some(token) = form::value(parameters, "WebIdentityToken") {
            return entry.with_token(token);
        }
        let session = caller_identity::access_key_id(headers).and_then(|id| sessions.find(&id));
        let Some(session) = session else {
            return entry;
        };
        Self {
            role: Some(session.role_arn.clone()),
            session_name: Some(session.name.clone()),
            subject: Some(session.subject.clone()),
            ..entry
        }
    }

    fn with_token(self, text: &str) -> Self {
        let hash = hex::encode(&Sha256::digest(text)[..8]);
        let token = WebIdentityToken::parse(text).ok();
        let claim = |name: &str| token.as_ref()?.claims().get(name);
        Self {
            subject: claim("sub").and_then(|sub| sub.as_str().map(str::to_owned)),
            token_issued: claim("iat").and_then(serde_json::Value::as_u64),
            token_expires: claim("exp").and_then(serde_json::Value::as_u64),
            token_hash: Some(hash),
            ..self
        }
    }
}

//! A token is taken only if another reader of its claims says that they fit.

use std::time::{Duration, UNIX_EPOCH};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use gtoken::token::Expectation;
use serde_json::Value;

use super::complaint;

/// When the token arrives, in seconds since 1970: 2026-11-23.
const NOW: u64 = 1_795_392_000;
const AUDIENCE: &str = "aws";
const EMAIL: &str = "reader@project.iam.gserviceaccount.com";

/// Panics where a promise is broken. The bytes are the claims; what is around them is right.
pub(super) fn hold(bytes: &[u8]) {
    let part = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let text = format!(
        "{}.{}.{}",
        part(br#"{"alg":"RS256","kid":"b5e44c8a3f1d","typ":"JWT"}"#),
        part(bytes),
        part(&[151; 256])
    );
    for identity in [None, Some(EMAIL)] {
        let expectation = Expectation {
            audience: AUDIENCE.parse().expect("an audience"),
            identity: identity.map(|email| email.parse().expect("an email")),
        };
        let now = UNIX_EPOCH + Duration::from_secs(NOW);
        match expectation.check(text.clone(), now) {
            Ok(token) => {
                let claims: Value = serde_json::from_slice(bytes).expect("claims are JSON");
                assert_eq!(claims["aud"], AUDIENCE);
                assert!(identity.is_none() || claims["email"] == EMAIL);
                let expires_at = claims["exp"].as_u64().expect("whole seconds");
                assert!(expires_at > NOW);
                let lifetime = token.lifetime();
                assert_eq!(
                    lifetime.expires_at,
                    UNIX_EPOCH + Duration::from_secs(expires_at)
                );
                assert!(lifetime.issued_at < lifetime.expires_at);
            }
            Err(error) => complaint::hold(&error, 1000),
        }
    }
}

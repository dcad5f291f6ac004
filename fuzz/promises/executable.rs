//! A subject token that a program prints is taken only if another reader of the answer says that it fits.

use std::time::{Duration, UNIX_EPOCH};

use gtoken::source::printed_subject;
use serde_json::Value;

use super::complaint;

/// When it is printed, in seconds since 1970: 2026-11-23.
const NOW: u64 = 1_795_392_000;

/// Panics where a promise is broken. The bytes are what was printed.
pub(super) fn hold(bytes: &[u8]) {
    match printed_subject(bytes, UNIX_EPOCH + Duration::from_secs(NOW)) {
        Ok(token) => {
            let answer: Value = serde_json::from_slice(bytes).expect("it is JSON");
            assert_eq!(answer["version"], 1);
            assert_eq!(answer["success"], true);
            assert!(
                answer["expiration_time"]
                    .as_u64()
                    .is_none_or(|end| end > NOW)
            );
            let is_saml = answer["token_type"] == "urn:ietf:params:oauth:token-type:saml2";
            let field = if is_saml { "saml_response" } else { "id_token" };
            assert_eq!(answer[field], token.expose());
            assert!(!token.expose().is_empty());
            // A text of a few letters stands in any other.
            assert!(token.expose().len() < 10 || !format!("{token:?}").contains(token.expose()));
        }
        Err(error) => complaint::hold(&error, 300),
    }
}

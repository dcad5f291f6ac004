//! A subject token is found in a text or refused in one line that shows nothing of it.

use gtoken::credentials::Format;
use gtoken::source::written_subject;
use serde_json::Value;

use super::complaint;

/// Panics where a promise is broken. The bytes are what stands in a file, or what a server answered.
pub(super) fn hold(bytes: &[u8]) {
    match written_subject(bytes, &Format::Text) {
        Ok(token) => {
            let text = str::from_utf8(bytes).expect("it is UTF-8");
            let token = token.expose();
            assert!(!token.is_empty() && token.trim() == token && text.contains(token));
            assert_eq!(text.replacen(token, "", 1).trim(), "");
        }
        Err(error) => complaint::hold(&error, 100),
    }
    match written_subject(bytes, &Format::Json("id".to_owned())) {
        Ok(token) => {
            let json: Value = serde_json::from_slice(bytes).expect("it is JSON");
            assert_eq!(json["id"], token.expose());
            assert!(!token.expose().is_empty());
        }
        Err(error) => complaint::hold(&error, 100),
    }
}

//! A text that came in place of an ID token is published only if it is one that fits.

use std::time::{Duration, UNIX_EPOCH};

use gtoken::token::{Expectation, MAX_BYTES};

use super::complaint;

/// When the token arrives, in seconds since 1970: 2026-11-23.
const NOW: u64 = 1_795_392_000;

/// Panics where a promise is broken.
pub(super) fn hold(bytes: &[u8]) {
    let Ok(text) = String::from_utf8(bytes.to_vec()) else {
        return;
    };
    let now = UNIX_EPOCH + Duration::from_secs(NOW);
    let expectation = Expectation {
        audience: "aws".parse().expect("an audience"),
        identity: None,
    };
    match expectation.check(text.clone(), now) {
        Ok(token) => {
            assert_eq!(token.expose(), text);
            assert!(text.len() < MAX_BYTES && text.split('.').count() == 3);
            assert!(text.bytes().all(|byte| byte.is_ascii_graphic()));
            assert!(token.lifetime().expires_at > now);
            assert!(token.lifetime().issued_at < token.lifetime().expires_at);
            assert!(!format!("{token:?}").contains(&text));
        }
        Err(error) => complaint::hold(&error, 1000),
    }
}

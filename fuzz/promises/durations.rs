//! A duration that is read is written so that it is read as the same.

use gtoken_contract::duration;

/// Panics where a promise is broken.
pub(super) fn hold(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(read) = duration::parse(text) {
        assert_eq!(duration::parse(&duration::format(read)), Ok(read));
    }
}

//! What an API server passes on of an answer's warnings as it is.

use gtoken_inject::MAX_WARNING;

/// Panics where it would cut one, drop one or print it as two lines.
pub(crate) fn fit(warnings: impl IntoIterator<Item = impl AsRef<str>>) {
    let mut all = 0;
    for text in warnings {
        let text = text.as_ref();
        let length = text.chars().count();
        assert!(
            length <= MAX_WARNING && !text.contains(char::is_control),
            "{text:?}"
        );
        all += length;
    }
    assert!(all <= 4096, "the API server would cut all of them");
}

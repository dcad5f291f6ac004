//! What an error may say of bytes from outside: a line, not too long, with nothing in it that looks like a token.

/// Panics where it says anything else.
pub(super) fn hold(error: &impl ToString, longest: usize) {
    let said = error.to_string();
    assert!(
        !said.chars().any(char::is_control) && said.len() < longest,
        "{said}"
    );
    assert!(!said.contains("eyJ"), "{said}");
}

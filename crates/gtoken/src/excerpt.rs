//! What may be shown of bytes that came from elsewhere: little, printable, and nothing like a token.

use std::borrow::Cow;
use std::path::Path;

/// The most characters shown of an answer.
const MAX_CHARS: usize = 120;

/// Stands for what looks like a token, or may be another secret.
pub const HIDDEN: &str = "[hidden]";

/// A path as it may be shown: what was to name a file at times is what the file was to hold.
pub fn shown_path(path: &Path) -> Cow<'_, str> {
    const MAX_PATH: usize = 1024;
    let text = path.to_string_lossy();
    let is_content = text.len() > MAX_PATH
        || text.contains(|c: char| c.is_control() || c == '{')
        || ["eyJ", "ya29."].iter().any(|token| text.contains(token));
    if is_content { HIDDEN.into() } else { text }
}

/// A text that ends no line and steers no terminal, whoever chose the names in it.
pub fn printable(text: &str) -> String {
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(printable).collect()
}

/// The beginning of a text in at most 120 printable characters, tokens hidden.
pub fn excerpt(bytes: &[u8]) -> String {
    let text = printable(&String::from_utf8_lossy(bytes));
    let words: Vec<String> = text.split_whitespace().map(hide_tokens).collect();
    let text = words.join(" ");
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Replaces each run of token characters that looks like a token; the rest stays as it is.
fn hide_tokens(word: &str) -> String {
    let mut shown = String::with_capacity(word.len());
    let mut rest = word;
    while !rest.is_empty() {
        let end = rest.find(|c| !is_token_char(c)).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        shown.push_str(if looks_like_token(run) { HIDDEN } else { run });
        let separators = after.find(is_token_char).unwrap_or(after.len());
        shown.push_str(&after[..separators]);
        rest = &after[separators..];
    }
    shown
}

/// Base64url and what joins the parts of a JWT.
fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// Names of Kubernetes and Google are lower-case and their constants upper-case; tokens mix, and of the names only those of
/// permissions do.
fn looks_like_token(run: &str) -> bool {
    let is_permission = |rest: &str| rest.bytes().all(|b| b.is_ascii_alphabetic() || b == b'.');
    if run.len() <= 64 && run.strip_prefix("iam.").is_some_and(is_permission) {
        return false;
    }
    let mixes = |part: &str| {
        part.len() >= 16
            && part.bytes().any(|b| b.is_ascii_uppercase())
            && part.bytes().any(|b| b.is_ascii_lowercase())
    };
    run.contains("eyJ") || run.starts_with("ya29.") || run.len() > 64 || run.split('.').any(mixes)
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_is_shown_and_not_what_was_put_in_its_place() {
        let usual = "/var/run/secrets/tokens/gcpServiceAccountKey.json";
        assert_eq!(shown_path(Path::new(usual)), usual);
        for content in [
            "{\"type\": \"service_account\"}",
            "-----BEGIN PRIVATE KEY-----\nMII",
            "eyJhbGciOiJSUzI1NiJ9.e30.c2ln",
            "ya29.access",
            &"A".repeat(2000),
        ] {
            assert_eq!(shown_path(Path::new(content)), HIDDEN);
        }
    }

    #[test]
    fn keeps_the_words_a_person_needs() {
        let words = "Your Kubernetes service account (team-a/reader) is not annotated";
        assert_eq!(excerpt(words.as_bytes()), words);
        let email = "reader@my-long-project-name-of-thirty.iam.gserviceaccount.com";
        assert_eq!(excerpt(email.as_bytes()), email);
        let permission = "Permission 'iam.serviceAccounts.implicitDelegation' denied";
        assert_eq!(excerpt(permission.as_bytes()), permission);
        assert_eq!(
            excerpt(b"<html>\r\n <b>no\x1b[31m</b>\0"),
            "<html> <b>no [31m</b>"
        );
    }

    #[test]
    fn cuts_at_a_character() {
        let shown = excerpt("é ".repeat(200).as_bytes());
        assert_eq!(shown.chars().count(), MAX_CHARS + 1);
    }

    proptest! {
        #[test]
        fn shows_no_part_of_a_token(
            header in prop::collection::vec(any::<u8>(), 24..60),
            signature in prop::collection::vec(any::<u8>(), 32..256),
            before in "[ -~]{0,40}",
            after in "[ -~]{0,40}",
        ) {
            let part = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
            let token = format!("eyJ{}.eyJ{}.{}", part(&header), part(&header), part(&signature));
            let shown = excerpt(format!("{before}\"{token}\"{after}").as_bytes());
            for window in token.as_bytes().windows(12) {
                let window = std::str::from_utf8(window).unwrap();
                prop_assert!(!shown.contains(window), "{shown}");
            }
        }
    }
}

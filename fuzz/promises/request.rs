//! Whoever asks for the agent's health, and however the request comes in pieces, it is understood the same and ends.

use gtoken::health::request::{Asked, Head, Request};

/// More than a head may be long.
const ENOUGH: usize = 16 * 1024 + 1;

/// Panics where a promise is broken. The bytes are all that the client sends.
pub(super) fn hold(bytes: &[u8]) {
    let whole = Head::default().take(bytes);
    let mut head = Head::default();
    let in_bytes = bytes.chunks(1).find_map(|byte| head.take(byte));
    assert_eq!(whole, in_bytes);
    let mut head = Head::default();
    let (first, second) = bytes.split_at(bytes.len() / 2);
    assert_eq!(whole, head.take(first).or_else(|| head.take(second)));
    let Some(request) = whole else {
        assert!(bytes.len() < ENOUGH, "no head is longer");
        let more = vec![b'x'; ENOUGH];
        assert_eq!(
            head.take(&more).map(|request| request.asked),
            Some(Asked::TooLong)
        );
        return;
    };
    assert!(request.asked != Asked::TooLong || bytes.len() > 128);
    if matches!(request.asked, Asked::Health | Asked::Metrics) {
        is_what_was_asked(bytes, request);
    }
}

/// Of another reader.
fn is_what_was_asked(bytes: &[u8], request: Request) {
    let text = String::from_utf8_lossy(bytes).replace('\r', "");
    let (head, _) = text
        .trim_start_matches('\n')
        .split_once("\n\n")
        .expect("it ends");
    let line = head.lines().next().unwrap_or_default();
    let words: Vec<_> = line.split(' ').collect();
    let [method, target, version] = words[..] else {
        panic!("{line}");
    };
    assert_eq!(method, if request.head_only { "HEAD" } else { "GET" });
    let path = if request.asked == Asked::Health {
        "/healthz"
    } else {
        "/metrics"
    };
    assert_eq!(target.split('?').next(), Some(path));
    assert!(version.starts_with("HTTP/1."));
}

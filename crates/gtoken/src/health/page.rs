//! What a client is answered: the agent's numbers as the bytes of an HTTP response, in a buffer of a fixed size.

use std::fmt::{self, Write as _};

use super::request::{Asked, Request};
use crate::vitals::{Outcome, Snapshot};

/// More than the longest response has, which the tests hold.
const SIZE: usize = 1600;

/// What Prometheus reads, and the webhook speaks too.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const PLAIN: &str = "text/plain; charset=utf-8";

/// A response.
#[derive(Debug)]
pub(super) struct Page {
    bytes: [u8; SIZE],
    length: usize,
}

impl Page {
    /// Nothing yet.
    pub(super) fn empty() -> Self {
        Self {
            bytes: [0; SIZE],
            length: 0,
        }
    }

    /// What was written so far.
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Brings what was written last before the `first` bytes, which were written before it.
    fn swap(&mut self, first: usize) {
        if let Some(written) = self.bytes.get_mut(..self.length) {
            written.rotate_left(first.min(self.length));
        }
    }
}

impl fmt::Write for Page {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        let place = self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

/// Renders the answer to a request at an uptime in seconds, on an empty page.
pub(super) fn answer(page: &mut Page, request: Request, seen: &Snapshot, now: u64) -> fmt::Result {
    let (status, kind) = match request.asked {
        Asked::Health => (health(page, seen, now)?, PLAIN),
        Asked::Metrics => {
            metrics(page, seen, now)?;
            ("200 OK", OPEN_METRICS)
        }
        other => {
            page.write_str(complaint(other))?;
            (status(other), PLAIN)
        }
    };
    // Only now is it known how long the body is, which stands in the head.
    let body = page.length;
    if request.head_only {
        page.length = 0;
    }
    let before = page.length;
    write!(
        page,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {body}\r\nCache-Control: no-store\r\n"
    )?;
    if request.asked == Asked::OtherMethod {
        page.write_str("Allow: GET, HEAD\r\n")?;
    }
    page.write_str("Connection: close\r\n\r\n")?;
    page.swap(before);
    Ok(())
}

/// Healthy is who holds a good token, and nobody before the first: whoever starts an application when its agent is
/// healthy must find a token, while a probe that has a container restarted too early does no harm but to its log.
fn health(body: &mut Page, seen: &Snapshot, now: u64) -> Result<&'static str, fmt::Error> {
    match seen.expires_at {
        Some(end) if end > now => {
            writeln!(body, "the token is good for {} s", end - now)?;
            Ok("200 OK")
        }
        Some(end) => {
            writeln!(body, "the token ran out {} s ago", now - end)?;
            Ok("503 Service Unavailable")
        }
        None => {
            let attempts: u64 = seen.attempts.iter().sum();
            writeln!(body, "no token yet; failed attempts: {attempts}")?;
            Ok("503 Service Unavailable")
        }
    }
}

/// The numbers as `OpenMetrics` has them
/// (<https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md>).
fn metrics(body: &mut Page, seen: &Snapshot, now: u64) -> fmt::Result {
    let expiry = Gauge {
        name: "gtoken_token_expires_in_seconds",
        help: "Seconds until the token that was published last runs out; negative when it has.",
    };
    let left = |end: u64| i128::from(end) - i128::from(now);
    expiry.write(body, seen.expires_at.map(left))?;
    let success = Gauge {
        name: "gtoken_last_success_timestamp_seconds",
        help: "When the source last gave a token that fits, in seconds since 1970.",
    };
    success.write(body, seen.last_success.map(i128::from))?;
    body.write_str(
        "# HELP gtoken_attempts Attempts to get a token, by how they ended.\n\
         # TYPE gtoken_attempts counter\n",
    )?;
    for (outcome, count) in Outcome::ALL.iter().zip(seen.attempts) {
        let name = outcome.name();
        writeln!(body, "gtoken_attempts_total{{outcome=\"{name}\"}} {count}")?;
    }
    body.write_str("# EOF\n")
}

/// A number of seconds that may be missing.
struct Gauge {
    name: &'static str,
    help: &'static str,
}

impl Gauge {
    fn write(&self, body: &mut Page, value: Option<i128>) -> fmt::Result {
        let Self { name, help } = self;
        write!(
            body,
            "# HELP {name} {help}\n# TYPE {name} gauge\n# UNIT {name} seconds\n"
        )?;
        match value {
            Some(value) => writeln!(body, "{name} {value}"),
            None => Ok(()),
        }
    }
}

fn status(asked: Asked) -> &'static str {
    match asked {
        Asked::Health | Asked::Metrics => "200 OK",
        Asked::Unknown => "404 Not Found",
        Asked::OtherMethod => "405 Method Not Allowed",
        Asked::Nonsense => "400 Bad Request",
        Asked::TooLong => "431 Request Header Fields Too Large",
    }
}

fn complaint(asked: Asked) -> &'static str {
    match asked {
        Asked::Health | Asked::Metrics => "",
        Asked::Unknown => "there are /healthz and /metrics\n",
        Asked::OtherMethod => "only GET and HEAD\n",
        Asked::Nonsense => "this is no HTTP request\n",
        Asked::TooLong => "the request's head is too long\n",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_392_000;

    fn answered(asked: Asked, seen: &Snapshot, head_only: bool) -> (String, String) {
        let mut page = Page::empty();
        answer(&mut page, Request { asked, head_only }, seen, NOW).unwrap();
        let text = std::str::from_utf8(page.as_bytes()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    fn held_until(expires_at: u64) -> Snapshot {
        Snapshot {
            expires_at: Some(expires_at),
            last_success: Some(NOW - 60),
            attempts: [1, 2, 3, 4],
        }
    }

    #[test]
    fn healthy_is_who_holds_a_good_token() {
        let failing = Snapshot {
            attempts: [0, 0, 2, 1],
            ..Snapshot::default()
        };
        for (seen, status, words) in [
            (
                held_until(NOW + 1),
                "HTTP/1.1 200 OK",
                "the token is good for 1 s\n",
            ),
            (
                held_until(NOW),
                "HTTP/1.1 503 ",
                "the token ran out 0 s ago\n",
            ),
            (
                held_until(NOW - 9),
                "HTTP/1.1 503 ",
                "the token ran out 9 s ago\n",
            ),
            (
                failing,
                "HTTP/1.1 503 ",
                "no token yet; failed attempts: 3\n",
            ),
        ] {
            let (head, body) = answered(Asked::Health, &seen, false);
            assert!(head.starts_with(status), "{head}");
            assert_eq!(body, words);
        }
    }

    #[test]
    fn metrics_are_open_metrics() {
        let (head, body) = answered(Asked::Metrics, &held_until(NOW + 2580), false);
        assert!(head.contains("\r\nContent-Type: application/openmetrics-text; version=1.0.0;"));
        assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())));
        assert_eq!(
            body,
            "\
# HELP gtoken_token_expires_in_seconds Seconds until the token that was published last runs out; negative when it has.
# TYPE gtoken_token_expires_in_seconds gauge
# UNIT gtoken_token_expires_in_seconds seconds
gtoken_token_expires_in_seconds 2580
# HELP gtoken_last_success_timestamp_seconds When the source last gave a token that fits, in seconds since 1970.
# TYPE gtoken_last_success_timestamp_seconds gauge
# UNIT gtoken_last_success_timestamp_seconds seconds
gtoken_last_success_timestamp_seconds 1795391940
# HELP gtoken_attempts Attempts to get a token, by how they ended.
# TYPE gtoken_attempts counter
gtoken_attempts_total{outcome=\"published\"} 1
gtoken_attempts_total{outcome=\"unchanged\"} 2
gtoken_attempts_total{outcome=\"try-again\"} 3
gtoken_attempts_total{outcome=\"needs-person\"} 4
# EOF
"
        );
    }

    #[test]
    fn what_is_not_known_yet_has_no_number() {
        let (_, body) = answered(Asked::Metrics, &Snapshot::default(), false);
        assert!(
            !body.contains("\ngtoken_token_expires_in_seconds "),
            "{body}"
        );
        assert!(
            !body.contains("\ngtoken_last_success_timestamp_seconds "),
            "{body}"
        );
        let (_, body) = answered(Asked::Metrics, &held_until(NOW - 5), false);
        assert!(
            body.contains("\ngtoken_token_expires_in_seconds -5\n"),
            "{body}"
        );
    }

    #[test]
    fn the_largest_numbers_fit() {
        let seen = Snapshot {
            expires_at: Some(u64::MAX),
            last_success: Some(u64::MAX),
            attempts: [u64::MAX / 4; 4],
        };
        for asked in [Asked::Health, Asked::Metrics] {
            let request = Request {
                asked,
                head_only: false,
            };
            answer(&mut Page::empty(), request, &seen, 0).unwrap();
            let late = Snapshot {
                expires_at: Some(1),
                ..seen
            };
            answer(&mut Page::empty(), request, &late, u64::MAX).unwrap();
        }
    }

    #[test]
    fn a_head_has_the_length_of_the_body_that_it_leaves_out() {
        let (with, body) = answered(Asked::Health, &held_until(NOW + 9), false);
        let (without, nothing) = answered(Asked::Health, &held_until(NOW + 9), true);
        assert_eq!((with, nothing.as_str()), (without, ""));
        assert!(!body.is_empty());
    }

    #[test]
    fn what_is_not_answered_is_told_why() {
        for (asked, status) in [
            (Asked::Unknown, "HTTP/1.1 404 "),
            (Asked::OtherMethod, "HTTP/1.1 405 "),
            (Asked::Nonsense, "HTTP/1.1 400 "),
            (Asked::TooLong, "HTTP/1.1 431 "),
        ] {
            let (head, body) = answered(asked, &Snapshot::default(), false);
            assert!(
                head.starts_with(status) && !body.is_empty(),
                "{head} {body}"
            );
            assert_eq!(
                head.contains("Allow: GET, HEAD"),
                asked == Asked::OtherMethod
            );
        }
    }
}

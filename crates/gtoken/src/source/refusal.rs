//! What an answer other than a token means, and what to do about it.

use std::time::Duration;

use super::Retry;

/// What to do when something that is no metadata server answers.
const INTERCEPTED: &str = "no metadata server answers so: look at GCE_METADATA_HOST and at what proxies or meshes \
                           do with requests to 169.254.169.254";

/// What Google says of an assertion that was signed by a wrong clock.
const ANOTHER_TIME: &str = "in a reasonable timeframe";

/// Whether a server's words are that our clock is not its own.
pub(super) fn is_about_time(said: &str) -> bool {
    said.contains(ANOTHER_TIME)
}

/// Whether a status passes by itself.
pub(super) fn retry(status: u16) -> Retry {
    match status {
        400 | 401 | 403 | 404 => Retry::NeedsPerson,
        // A redirect and a success other than 200 come from something else than Google, which may go.
        _ => Retry::Transient,
    }
}

/// The pause that a busy server asks for, where it asks in seconds: a date would be by its clock, not by ours.
pub(super) fn retry_after(status: u16, header: Option<&str>) -> Option<Duration> {
    let seconds = header?.trim().parse().ok().map(Duration::from_secs);
    seconds.filter(|_| matches!(status, 429 | 503))
}

/// What to do about a status, by the words that GKE's metadata server gives with it.
pub(super) fn advice(status: u16, body: &[u8]) -> &'static str {
    let body = String::from_utf8_lossy(body);
    if is_html(&body) {
        return INTERCEPTED;
    }
    match status {
        0..=399 => INTERCEPTED,
        400 => "the request does not suit it: check --audience",
        401 | 403 => {
            "the pod's ServiceAccount may not act as its Google service account: grant it \
             roles/iam.workloadIdentityUser there"
        }
        404 if body.contains("not annotated")
            || body.contains("iam.gke.io/gcp-service-account") =>
        {
            "annotate the pod's ServiceAccount with iam.gke.io/gcp-service-account=NAME@PROJECT.iam.gserviceaccount.com, \
             the Google service account to act as"
        }
        404 => {
            "it knows no service account for this pod: is this GKE with Workload Identity, and is the ServiceAccount \
             annotated with iam.gke.io/gcp-service-account?"
        }
        429 | 499 => "it is busy, which passes by itself",
        _ => "it or Google behind it is in trouble, which passes by itself",
    }
}

/// What to do when a success is no token.
pub(super) fn advice_on_success(body: &[u8]) -> &'static str {
    match body.trim_ascii_start().first() {
        None => "an empty answer is no metadata server's: look at what stands between",
        Some(b'<' | b'{' | b'[') => INTERCEPTED,
        Some(_) => "",
    }
}

fn is_html(body: &str) -> bool {
    let start = body.trim_start().get(..9).unwrap_or_default();
    start.to_ascii_lowercase().starts_with("<html") || start.eq_ignore_ascii_case("<!doctype")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_must_act_on_what_does_not_pass() {
        for status in [400, 401, 403, 404] {
            assert_eq!(retry(status), Retry::NeedsPerson, "{status}");
        }
        for status in [
            200, 204, 301, 302, 307, 408, 418, 429, 499, 500, 502, 503, 504,
        ] {
            assert_eq!(retry(status), Retry::Transient, "{status}");
        }
    }

    #[test]
    fn a_busy_server_says_when_to_come_back() {
        let minute = Some(Duration::from_mins(1));
        assert_eq!(retry_after(429, Some("60")), minute);
        assert_eq!(retry_after(503, Some(" 60 ")), minute);
        assert_eq!(retry_after(500, Some("60")), None);
        assert_eq!(retry_after(429, None), None);
        for no_seconds in ["", "-1", "soon", "1.5", "Wed, 21 Oct 2015 07:28:00 GMT"] {
            assert_eq!(retry_after(429, Some(no_seconds)), None);
        }
    }

    #[test]
    fn names_the_annotation_that_is_missing() {
        let words = b"Your Kubernetes service account (a/b) is not annotated with a target Google service account";
        assert!(advice(404, words).starts_with("annotate the pod's ServiceAccount"));
    }

    #[test]
    fn html_is_no_metadata_server_whatever_its_status() {
        for status in [200, 404, 503] {
            assert_eq!(advice(status, b"\n<HTML><body>"), INTERCEPTED);
            assert_eq!(advice(status, b"<!DOCTYPE html>"), INTERCEPTED);
        }
        assert_eq!(advice_on_success(b"<p>"), INTERCEPTED);
        assert_eq!(advice_on_success(b"{\"token\":1}"), INTERCEPTED);
    }
}

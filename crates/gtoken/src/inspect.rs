//! `gtoken inspect`: a token's claims for people and programs; never its signature, never the token itself.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use crate::cli::InspectFlags;
use crate::excerpt::shown_path;
use crate::reader::{self, CannotRead};
use crate::timestamp::{Relative, Timestamp};
use crate::token::{self, InvalidToken};

/// The claims whose meaning is known, in the order in which people ask for them.
const KNOWN: [(&str, &str); 9] = [
    ("iss", "issuer"),
    ("sub", "subject"),
    ("email", "email"),
    ("email_verified", "email is verified"),
    ("aud", "meant for"),
    ("azp", "given to"),
    ("iat", "issued"),
    ("nbf", "not before"),
    ("exp", "runs out"),
];

/// The claims that are times (RFC 7519 §4.1, OpenID Connect Core §2).
const TIMES: [&str; 4] = ["iat", "nbf", "exp", "auth_time"];

/// Renders the claims of the token in the file, or of the one that comes by standard input.
pub fn inspect(
    flags: &InspectFlags,
    variable: impl Fn(&str) -> Option<OsString>,
    now: SystemTime,
) -> Result<String, CannotInspect> {
    let (from, text) = match &flags.file {
        None if is_piped()? => {
            let text = reader::read_text(io::stdin()).map_err(CannotInspect::from)?;
            ("standard input".to_owned(), text)
        }
        file => {
            let path = file
                .as_ref()
                .map_or_else(|| reader::usual_path(variable), PathBuf::from);
            (
                format!("the file `{}`", shown_path(&path)),
                reader::read(&path)?,
            )
        }
    };
    // A newline comes with every `echo`.
    let claims =
        token::claims(text.trim()).map_err(|reason| CannotInspect::Token { from, reason })?;
    Ok(if flags.json {
        for_programs(&claims, now)
    } else {
        for_people(&claims, now)
    })
}

/// Whether somebody gives something: at a terminal and at `/dev/null`, where `kubectl exec` leaves us, nobody does.
fn is_piped() -> io::Result<bool> {
    let stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    Ok(!stdin.metadata()?.file_type().is_char_device())
}

/// A claim a line: what it means, its name, its value.
fn for_people(claims: &Map<String, Value>, now: SystemTime) -> String {
    let known = KNOWN
        .iter()
        .filter_map(|(name, meaning)| Some((*meaning, *name, claims.get(*name)?)));
    let others = claims
        .iter()
        .filter(|(name, _)| KNOWN.iter().all(|(known, _)| known != name))
        .map(|(name, value)| ("", name.as_str(), value));
    let mut text = String::new();
    for (meaning, name, value) in known.chain(others) {
        let value = match at(claims, name) {
            Some(at) => format!("{}, {}", Timestamp(at), Relative { at, now }),
            None => printable(value),
        };
        let name = visible(name);
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "{meaning:<17}  {name:<14}  {value}");
    }
    text
}

/// The claims as they are, and beside them their times in words and in seconds from now.
fn for_programs(claims: &Map<String, Value>, now: SystemTime) -> String {
    let times: Map<String, Value> = TIMES
        .iter()
        .filter_map(|name| {
            let at = at(claims, name)?;
            let time = json!({
                "at": Timestamp(at).to_string(),
                "in_seconds": seconds(at) - seconds(now),
                "relative": Relative { at, now }.to_string(),
            });
            Some(((*name).to_owned(), time))
        })
        .collect();
    format!("{:#}\n", json!({ "claims": claims, "times": times }))
}

fn at(claims: &Map<String, Value>, name: &str) -> Option<SystemTime> {
    TIMES.contains(&name).then(|| token::time(claims, name))?
}

fn seconds(at: SystemTime) -> i64 {
    let seconds = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

fn printable(value: &Value) -> String {
    match value {
        Value::String(text) => visible(text),
        other => visible(&other.to_string()),
    }
}

/// What a terminal would obey or hide is escaped: the token may be anybody's.
fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\'' | '\\' => shown.push(c),
            c => shown.extend(c.escape_debug()),
        }
    }
    shown
}

/// Why there are no claims to show.
#[derive(Debug, thiserror::Error)]
pub enum CannotInspect {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] CannotRead),
    /// Standard input cannot be read.
    #[error("cannot read standard input: {0}")]
    Stdin(#[from] io::Error),
    /// What was read is no token.
    #[error("{from} holds no token: {reason}")]
    Token {
        /// Where it was read.
        from: String,
        /// What is wrong with it.
        reason: InvalidToken,
    },
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::NOW;

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(NOW + 1020)
    }

    fn claims(claims: Value) -> Map<String, Value> {
        serde_json::from_value(claims).unwrap()
    }

    fn googles() -> Map<String, Value> {
        claims(json!({
            "aud": "gtoken/sts/assume-role-with-web-identity",
            "azp": "104029999999999999999",
            "email": "reader@project.iam.gserviceaccount.com",
            "email_verified": true,
            "exp": NOW + 3600,
            "google": { "compute_engine": { "zone": "europe-west1-b" } },
            "iat": NOW,
            "iss": "https://accounts.google.com",
            "sub": "104029999999999999999",
        }))
    }

    #[test]
    fn people_read_what_each_claim_means() {
        assert_eq!(
            for_people(&googles(), now()),
            "\
issuer             iss             https://accounts.google.com
subject            sub             104029999999999999999
email              email           reader@project.iam.gserviceaccount.com
email is verified  email_verified  true
meant for          aud             gtoken/sts/assume-role-with-web-identity
given to           azp             104029999999999999999
issued             iat             2026-11-23T00:00:00Z, 17 min ago
runs out           exp             2026-11-23T01:00:00Z, in 43 min
                   google          {\"compute_engine\":{\"zone\":\"europe-west1-b\"}}
"
        );
    }

    #[test]
    fn programs_read_claims_as_they_are_and_times_in_seconds_from_now() {
        let told: Value = serde_json::from_str(&for_programs(&googles(), now())).unwrap();
        assert_eq!(told["claims"], Value::Object(googles()));
        assert_eq!(
            told["times"],
            json!({
                "exp": { "at": "2026-11-23T01:00:00Z", "in_seconds": 2580, "relative": "in 43 min" },
                "iat": { "at": "2026-11-23T00:00:00Z", "in_seconds": -1020, "relative": "17 min ago" },
            })
        );
    }

    #[test]
    fn a_time_that_is_none_is_shown_as_it_is() {
        for exp in [json!("1795392000"), json!(1.5), json!(-1), json!(u64::MAX)] {
            let claims = claims(json!({ "exp": exp }));
            let shown = for_people(&claims, now());
            assert!(shown.trim_end().ends_with(&printable(&exp)), "{shown}");
            assert!(for_programs(&claims, now()).contains("\"times\": {}"));
        }
    }

    #[test]
    fn a_claim_cannot_move_the_cursor_or_hide() {
        let claims =
            claims(json!({ "a\n\u{9b}2J": "x\u{1b}[2J\r\u{202e}y \"é\"", "b": ["\u{7f}"] }));
        let shown = for_people(&claims, now());
        assert!(
            shown.contains("a\\n\\u{9b}2J") && shown.contains("x\\u{1b}[2J\\r\\u{202e}y \"é\""),
            "{shown}"
        );
        assert_eq!(shown.lines().count(), 2, "{shown}");
        assert!(
            shown.chars().all(|c| c == '\n' || !c.is_control()),
            "{shown}"
        );
    }
}

//! `gtoken check`: whether readers find a token that is right, and good for a while yet.
//!
//! It opens one file and asks nobody, so that a probe may run it every second.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use gtoken_contract::duration;

use crate::cli::CheckFlags;
use crate::excerpt::shown_path;
use crate::reader::{self, CannotRead};
use crate::timestamp::{Relative, Timestamp};
use crate::token::{Expectation, InvalidToken};

/// Says until when the token is good, or why it will not do.
pub fn check(
    flags: CheckFlags,
    variable: impl Fn(&str) -> Option<OsString>,
    now: SystemTime,
) -> Result<String, WillNotDo> {
    let path = match flags.file {
        Some(path) => PathBuf::from(path),
        None => reader::usual_path(variable),
    };
    let expectation = Expectation {
        audience: flags.audience,
        identity: flags.expect_identity,
    };
    let text = reader::read(&path)?;
    match judge(text, &expectation, flags.good_for, now) {
        Ok(expires_at) => {
            let (until, left) = (
                Timestamp(expires_at),
                Relative {
                    at: expires_at,
                    now,
                },
            );
            let path = shown_path(&path);
            Ok(format!("the token in `{path}` runs out at {until}, {left}"))
        }
        Err(reason) => Err(WillNotDo::Token { path, reason }),
    }
}

/// Until when a token is good that fits and has enough time left.
fn judge(
    text: String,
    expectation: &Expectation,
    good_for: Duration,
    now: SystemTime,
) -> Result<SystemTime, Unfit> {
    let expires_at = expectation.check(text, now)?.lifetime().expires_at;
    if expires_at.duration_since(now).unwrap_or_default() < good_for {
        return Err(Unfit::TooShort {
            expires_at,
            now,
            good_for,
        });
    }
    Ok(expires_at)
}

/// Why readers have no token that is right and good for a while yet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WillNotDo {
    /// There is nothing to read.
    #[error(transparent)]
    Unreadable(#[from] CannotRead),
    /// There is something, and it does not fit.
    #[error("the token file `{}` will not do: {reason}", shown_path(.path))]
    Token {
        /// The token file.
        path: PathBuf,
        /// What is wrong with it.
        reason: Unfit,
    },
}

/// What is wrong with a token file's content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// No agent of ours would have published it, or it is over.
    #[error("{reason}{}", advice(.reason))]
    Invalid {
        /// What is wrong with it.
        #[from]
        reason: InvalidToken,
    },
    /// It is over soon.
    #[error(
        "it runs out at {}, {}, which is less than --for={}: its agent failed to refresh it, and its log says why",
        Timestamp(*.expires_at),
        Relative { at: *.expires_at, now: *.now },
        duration::format(*.good_for)
    )]
    TooShort {
        /// When it stops to be good.
        expires_at: SystemTime,
        /// What the clock read.
        now: SystemTime,
        /// How long it had to be good.
        good_for: Duration,
    },
}

fn advice(reason: &InvalidToken) -> &'static str {
    match reason {
        InvalidToken::Audience { .. } => "; --audience must be the one that its agent has",
        InvalidToken::Expired { .. } => "; its agent failed to refresh it, and its log says why",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::testing::{NOW, expectation, jwt};

    const SECOND: Duration = Duration::from_secs(1);

    fn judge_at(seconds: u64, good_for: Duration) -> Result<SystemTime, Unfit> {
        let now = UNIX_EPOCH + SECOND * u32::try_from(seconds).unwrap();
        judge(jwt(NOW, NOW + 3600), &expectation(), good_for, now)
    }

    #[test]
    fn a_token_is_good_until_too_little_of_it_is_left() {
        let minute = SECOND * 60;
        assert!(judge_at(NOW, minute).is_ok());
        assert!(judge_at(NOW + 3540, minute).is_ok());
        let error = judge_at(NOW + 3541, minute).unwrap_err().to_string();
        assert!(
            error.starts_with(
                "it runs out at 2026-11-23T01:00:00Z, in 59 s, which is less than --for=60s"
            ),
            "{error}"
        );
        assert!(judge_at(NOW + 3599, Duration::ZERO).is_ok());
        let error = judge_at(NOW + 3600, Duration::ZERO).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("the token ran out at 2026-11-23T01:00:00Z"),
            "{error}"
        );
    }

    #[test]
    fn a_file_that_will_not_do_is_named_with_the_reason_and_nothing_of_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gtoken");
        let now = UNIX_EPOCH + SECOND * u32::try_from(NOW).unwrap();
        let token = jwt(NOW, NOW + 3600);
        for (content, part) in [
            (token.as_str(), "it is meant for `aws`, not for `gtoken/"),
            (
                &token[..token.len() / 2],
                "it is no ID token: it has not three parts",
            ),
            ("", "it is no ID token: it is empty"),
        ] {
            std::fs::write(&path, content).unwrap();
            let flags = CheckFlags {
                file: Some(path.to_str().unwrap().to_owned()),
                ..CheckFlags::default()
            };
            let error = check(flags, |_| None, now).unwrap_err().to_string();
            assert!(error.contains(path.to_str().unwrap()), "{error}");
            let part = part.replace("it is meant", "the token is meant");
            assert!(error.contains(&part), "{error}");
            assert!(!error.contains("eyJ"), "{error}");
        }
    }
}

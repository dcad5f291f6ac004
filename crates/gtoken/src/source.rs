//! Where an ID token comes from, and what a failure to get one means.

pub mod apart;
mod choice;
mod google;
mod metadata;
mod refusal;

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

pub use apart::Apart;
pub use choice::AnySource;
pub use google::{CredentialsError, ExecutableError, GoogleApis, printed_subject, written_subject};
pub use metadata::MetadataServer;
use serde_json::Value;

use crate::credentials::Secret;
use crate::https::InvalidAuthorities;
use crate::token::{Expectation, IdToken, InvalidToken};

/// The longest time for a whole answer: GKE's metadata server is slow at times.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// Something that gives ID tokens.
pub trait Source {
    /// The longest time for an attempt: that of an answer, unless there is something else to wait for.
    fn patience(&self) -> Duration {
        ANSWER_WITHIN
    }

    /// Gets a token that fits, in one attempt that takes no longer than `within`.
    fn id_token(
        &self,
        expectation: &Expectation,
        now: SystemTime,
        within: Duration,
    ) -> Result<IdToken, SourceError>;
}

/// What a failure asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// A person must mend something first; that may happen while the agent goes on trying.
    NeedsPerson,
    /// Trying again can never help.
    Never,
    /// It passes by itself.
    Transient,
}

/// What is asked for, in messages.
const AN_ACCESS_TOKEN: &str = "an access token";
const AN_ID_TOKEN: &str = "an ID token";
const A_SUBJECT_TOKEN: &str = "a subject token";

/// Why an attempt brought no token: what was asked, what came, whose fault it is and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// The file of trusted authorities cannot be used.
    #[error(transparent)]
    Authorities(#[from] InvalidAuthorities),
    /// The credentials at hand cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// An answer came that is not of the form of one.
    #[error("{server} was asked for {wanted}, and {}", none_in(.said))]
    Malformed {
        /// Who was asked.
        server: String,
        /// For what.
        wanted: &'static str,
        /// The beginning of the answer.
        said: String,
    },
    /// An answer came, and there is no token in it to publish.
    #[error("{server} was asked for {AN_ID_TOKEN}: {reason}{}", led_by("; ", .hint))]
    NotUsable {
        /// Who was asked.
        server: String,
        /// What is wrong with the answer.
        reason: InvalidToken,
        /// What to do about it, with the beginning of the answer.
        hint: String,
    },
    /// An answer came that is a refusal.
    #[error("{server} was asked for {wanted} and answered {status}{}; {advice}", led_by(": ", .said))]
    Refused {
        /// Who was asked.
        server: String,
        /// For what.
        wanted: &'static str,
        /// The HTTP status.
        status: u16,
        /// The beginning of the answer.
        said: String,
        /// What to do about it.
        advice: Cow<'static, str>,
        /// The pause that it asked for.
        retry_after: Option<Duration>,
    },
    /// No answer came.
    #[error("{server} gave no {}: {reason}", without_article(.wanted))]
    Unreachable {
        /// Who was asked.
        server: String,
        /// For what.
        wanted: &'static str,
        /// What failed, and what may be behind it.
        reason: String,
    },
    /// What another process of ours, which asked for us, has of these errors.
    #[error("{said}")]
    Relayed {
        /// The error in words.
        said: String,
        /// Whether to go on without a person.
        retry: Retry,
        /// The pause that was asked for.
        retry_after: Option<Duration>,
    },
    /// Somebody answered who cannot prove to be the right server.
    #[error("{server} gave no {}: {reason}", without_article(.wanted))]
    Untrusted {
        /// Who was asked.
        server: String,
        /// For what.
        wanted: &'static str,
        /// What failed, and what may be behind it.
        reason: String,
    },
}

impl SourceError {
    /// Whether to go on without a person.
    pub fn retry(&self) -> Retry {
        match self {
            // What stands between answers such things while it starts or fails, and a server that is cut short too.
            Self::Unreachable { .. } | Self::Malformed { .. } => Retry::Transient,
            Self::NotUsable { reason, .. } if !reason.needs_person() => Retry::Transient,
            Self::Credentials(error) => error.retry(),
            Self::Relayed { retry, .. } => *retry,
            Self::Authorities(_) | Self::NotUsable { .. } | Self::Untrusted { .. } => {
                Retry::NeedsPerson
            }
            Self::Refused { status, .. } => refusal::retry(*status),
        }
    }

    /// The pause that the source asked for.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } | Self::Relayed { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether this attempt would have had a token at another time of day.
    pub fn is_about_time(&self) -> bool {
        match self {
            Self::NotUsable { reason, .. } => reason.is_about_time(),
            Self::Refused { said, .. } | Self::Relayed { said, .. } => refusal::is_about_time(said),
            _ => false,
        }
    }
}

/// The access token in the field of an answer in JSON.
fn access_token(body: &[u8], field: &str) -> Option<Secret> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let token = answer.get(field)?.as_str()?;
    // What has other characters would be no header.
    let is_plain = !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic());
    is_plain.then(|| Secret::new(token))
}

/// What an answer without a token is like.
fn none_in(said: &str) -> String {
    if said.is_empty() {
        "its answer is empty".to_owned()
    } else {
        format!("there is none in its answer, which begins: {said}")
    }
}

fn without_article(wanted: &str) -> &str {
    wanted.split_once(' ').map_or(wanted, |(_, name)| name)
}

/// Nothing when there is nothing to say.
fn led_by(separator: &str, text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!("{separator}{text}")
    }
}

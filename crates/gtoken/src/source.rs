//! Where an ID token comes from, and what a failure to get one means.

mod beside;
mod metadata;
mod refusal;

use std::time::{Duration, SystemTime};

pub use metadata::MetadataServer;

use crate::token::{Expectation, IdToken, InvalidToken};

/// Something that gives ID tokens.
pub trait Source {
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

/// Why an attempt brought no token: what was asked, what came, whose fault it is and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// An answer came, and there is no token in it to publish.
    #[error("the metadata server at {host} was asked for an ID token: {reason}{}", led_by("; ", .hint))]
    NotUsable {
        /// Who was asked.
        host: String,
        /// What is wrong with the answer.
        reason: InvalidToken,
        /// What to do about it, with the beginning of the answer.
        hint: String,
    },
    /// An answer came that is a refusal.
    #[error("the metadata server at {host} was asked for an ID token and answered {status}{}; {advice}", led_by(": ", .said))]
    Refused {
        /// Who was asked.
        host: String,
        /// The HTTP status.
        status: u16,
        /// The beginning of the answer.
        said: String,
        /// What to do about it.
        advice: &'static str,
        /// The pause that it asked for.
        retry_after: Option<Duration>,
    },
    /// No answer came.
    #[error("the metadata server at {host} gave no ID token: {reason}")]
    Unreachable {
        /// Who was asked.
        host: String,
        /// What failed, and what may be behind it.
        reason: String,
    },
}

impl SourceError {
    /// Whether to go on without a person.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Unreachable { .. } => Retry::Transient,
            Self::NotUsable { reason, .. } if reason.is_about_time() => Retry::Transient,
            Self::NotUsable { .. } => Retry::NeedsPerson,
            Self::Refused { status, .. } => refusal::retry(*status),
        }
    }

    /// The pause that the source asked for.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            Self::NotUsable { .. } | Self::Unreachable { .. } => None,
        }
    }

    /// Whether a token came that would be valid at another time of day.
    pub fn is_about_time(&self) -> bool {
        matches!(self, Self::NotUsable { reason, .. } if reason.is_about_time())
    }
}

/// Nothing when there is nothing to say.
fn led_by(separator: &str, text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!("{separator}{text}")
    }
}

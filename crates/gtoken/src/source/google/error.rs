//! Why the credentials at hand give no ID token.

use std::path::PathBuf;

use gtoken_contract::Source as Asked;

use super::advice;
use crate::credentials::{InvalidCredentials, Kind, NAMED_BY, Unreadable};
use crate::excerpt::shown_path;
use crate::source::Retry;

/// Why the credentials at hand give no ID token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// The text of the file is no credentials.
    #[error("the credentials file `{}` cannot be used: {reason}", shown_path(.path))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: InvalidCredentials,
    },
    /// Google gives these credentials no ID token themselves.
    #[error(
        "the credentials file `{}` is of the type {kind}, and Google gives {} no ID token for an audience of ours: name a \
         service account to get it of by --service-account=EMAIL, and grant them {} on it",
        shown_path(.path), whom(*.kind), role(*.kind)
    )]
    NeedsAccount {
        /// The file.
        path: PathBuf,
        /// Its type.
        kind: Kind,
    },
    /// There is no file.
    #[error("--source={0} needs a credentials file: name one by {NAMED_BY}")]
    NoFile(Asked),
    /// The file is of another type than was asked for.
    #[error("the credentials file `{}` is of the type {found}, but --source={asked} takes {expected}", shown_path(.path))]
    OtherKind {
        /// The file.
        path: PathBuf,
        /// Its type.
        found: Kind,
        /// The type that is taken.
        expected: Kind,
        /// What was asked for.
        asked: Asked,
    },
    /// The workload's own token could not be had.
    #[error("the credentials file `{}` says where the subject token is, and it is not to be had there: {reason}", shown_path(.path))]
    Subject {
        /// The file of credentials.
        path: PathBuf,
        /// What is wrong.
        reason: String,
        /// Whether a person must act.
        retry: Retry,
    },
    /// The file could not be read.
    #[error("cannot read the credentials file `{}`, which comes from {by}: {reason}", shown_path(.path))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Who names it.
        by: &'static str,
        /// What the system says.
        reason: Unreadable,
    },
}

impl CredentialsError {
    /// Whether to go on without a person.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Subject { retry, .. } => *retry,
            _ => Retry::NeedsPerson,
        }
    }
}

fn whom(kind: Kind) -> &'static str {
    match kind {
        Kind::AuthorizedUser => "a person",
        _ => "a workload that impersonates nobody",
    }
}

fn role(kind: Kind) -> &'static str {
    match kind {
        Kind::AuthorizedUser => advice::CREATE_ID_TOKENS,
        _ => advice::BE_A_WORKLOAD,
    }
}

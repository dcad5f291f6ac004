//! Google's APIs as a source: from a file of credentials, or the metadata server's access token, to an ID token.
//!
//! Nothing is kept between attempts, which are most of an hour apart, longer than an access token lives.

mod advice;
mod attempt;
mod error;
mod executable;
mod subject;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use gtoken_contract::{Audience, GoogleIdentity, Source as Asked};

use self::attempt::Attempt;
pub(super) use self::attempt::Given;
pub use self::error::CredentialsError;
pub(super) use self::executable::exit;
pub use self::executable::{ExecutableError, printed_subject};
pub use self::subject::written_subject;
use super::{ANSWER_WITHIN, MetadataServer, SourceError};
use crate::config::GoogleSettings;
use crate::credentials::{Credentials, Kind, MAX_BYTES, Named, read_file};
use crate::excerpt::shown_path;
use crate::https::{Deadline, Https};

/// The most requests that an attempt makes one after another: for a subject token, for its exchange, for an access token of
/// the account that the file names, and for the ID token of the account that the flag names.
const LONGEST_CHAIN: u32 = 4;

/// A client of Google's APIs.
#[derive(Debug)]
pub struct GoogleApis {
    settings: GoogleSettings,
    metadata: MetadataServer,
    found: Option<Named>,
}

impl GoogleApis {
    /// Looks where the credentials are; reads nothing and connects to nothing yet.
    pub fn new(settings: GoogleSettings, metadata: MetadataServer) -> Self {
        let found = settings.files.find(Path::is_file);
        Self {
            settings,
            metadata,
            found,
        }
    }

    /// Which source and account were asked for.
    pub(super) fn asked(&self) -> (Asked, Option<GoogleIdentity>) {
        let settings = &self.settings;
        (settings.source, settings.service_account.clone())
    }

    /// Gets an ID token, not checked yet, in one attempt; and says who gave it.
    pub(super) fn fetch(
        &self,
        audience: &Audience,
        now: SystemTime,
        within: Duration,
    ) -> Result<Given, SourceError> {
        let deadline = Deadline::after(within);
        let credentials = self.credentials()?;
        let attempt = Attempt {
            apis: self,
            https: Https::open(self.settings.authorities.as_deref(), deadline)?,
            audience,
            now,
        };
        attempt.id_token(credentials.as_ref())
    }

    /// The longest time for an attempt, which may begin with a program. Each answer has its own limit, so what counts is
    /// only that the chain has room for all of them: which one it is, a file that may be replaced decides.
    pub(super) fn patience(&self) -> Duration {
        let answers = ANSWER_WITHIN * LONGEST_CHAIN;
        if self.settings.may_run_programs {
            answers + executable::LONGEST
        } else {
            answers
        }
    }

    /// Whether there is a file of credentials, or at least a name of one.
    pub(super) fn has_file(&self) -> bool {
        self.found.is_some()
    }

    /// The source in words, with the type of the file as far as that can be told now.
    pub fn describe(&self) -> String {
        let found = match &self.found {
            None => self.metadata.name(),
            Some(found) => {
                let kind =
                    read(found).map(|credentials| format!(" of the type {}", credentials.kind()));
                let (path, by, kind) =
                    (shown_path(&found.path), found.by, kind.unwrap_or_default());
                format!("the credentials file `{path}`{kind}, which comes from {by}")
            }
        };
        match &self.settings.service_account {
            None => found,
            Some(account) => format!("IAM Credentials, for {account}, by {found}"),
        }
    }

    /// The file's credentials; nothing where there is none and the metadata server will do.
    fn credentials(&self) -> Result<Option<Credentials>, CredentialsError> {
        let asked = self.settings.source;
        let expected = expected(asked);
        let Some(found) = &self.found else {
            let none = expected.is_none().then_some(None);
            return none.ok_or(CredentialsError::NoFile(asked));
        };
        let credentials = read(found)?;
        match expected {
            Some(expected) if credentials.kind() != expected => Err(CredentialsError::OtherKind {
                path: found.path.clone(),
                found: credentials.kind(),
                expected,
                asked,
            }),
            _ => Ok(Some(credentials)),
        }
    }

    fn path(&self) -> PathBuf {
        let found = self.found.as_ref();
        found.map(|found| found.path.clone()).unwrap_or_default()
    }
}

fn read(found: &Named) -> Result<Credentials, CredentialsError> {
    let text = read_file(&found.path, MAX_BYTES);
    let text = text.map_err(|reason| CredentialsError::Unreadable {
        path: found.path.clone(),
        by: found.by,
        reason,
    })?;
    Credentials::parse(&text).map_err(|reason| CredentialsError::Invalid {
        path: found.path.clone(),
        reason,
    })
}

/// The type of file that a source takes; any, for those that go by what there is.
fn expected(source: Asked) -> Option<Kind> {
    match source {
        Asked::Auto | Asked::Metadata | Asked::IamCredentials => None,
        Asked::ServiceAccountKey => Some(Kind::ServiceAccount),
        Asked::Impersonation => Some(Kind::Impersonated),
        Asked::ExternalAccount => Some(Kind::ExternalAccount),
    }
}

//! Files of credentials, as Google's tools write them (<https://google.aip.dev/auth/4110>).
//!
//! A file is read anew for each token, so that one that was rotated or mended counts from then on.

mod external;
mod fields;
mod files;
mod key;
#[cfg(test)]
mod tests;
mod url;

use std::fmt;

pub use external::{ExternalAccount, Format, Subject};
use fields::Fields;
pub use files::{Files, NAMED_BY, Named, Unreadable};
pub(crate) use files::{MAX_BYTES, read as read_file};
pub use key::ServiceAccountKey;
use url::names_account;
pub use url::{AccountUrl, HttpsUrl, InvalidUrl, WebUrl};

/// Credentials of a kind that a file can hold.
#[derive(Debug)]
pub enum Credentials {
    /// A person who logged in by gcloud.
    AuthorizedUser(AuthorizedUser),
    /// A workload outside of Google.
    ExternalAccount(Box<ExternalAccount>),
    /// A service account that others impersonate.
    Impersonated(Impersonated),
    /// The key of a service account.
    ServiceAccount(ServiceAccountKey),
}

/// The `type` of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `authorized_user`.
    AuthorizedUser,
    /// `external_account`.
    ExternalAccount,
    /// `impersonated_service_account`.
    Impersonated,
    /// `service_account`.
    ServiceAccount,
}

/// Something that is shown to nobody but Google.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// A person's refresh token, with the OAuth client that it was given to.
#[derive(Debug)]
pub struct AuthorizedUser {
    /// The client's id.
    pub client_id: String,
    /// What the client calls its secret.
    pub client_secret: Secret,
    /// What access tokens are got by.
    pub refresh_token: Secret,
    /// Where they are got.
    pub token_uri: HttpsUrl,
}

/// A service account, the credentials that impersonate it, and the accounts between.
#[derive(Debug)]
pub struct Impersonated {
    /// Who impersonates.
    pub source: Box<Credentials>,
    /// Each acts as the next, as IAM Credentials takes them.
    pub delegates: Vec<String>,
    /// Who is impersonated.
    pub account: AccountUrl,
}

/// Why a text is no credentials. Nothing of it is in here but the names of its fields.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCredentials {
    /// AWS signs what others would read.
    #[error(
        "its subject token comes from AWS itself: where AWS credentials are at hand, no token is needed to assume a role"
    )]
    AwsHosted,
    /// A subject token by a client certificate.
    #[error(
        "its subject token is a client certificate, which is not supported; use a file, url or executable"
    )]
    Certificate,
    /// The text is no JSON.
    #[error("it is not JSON (line {line}, column {column})")]
    NotJson {
        /// Where the JSON ends to be JSON.
        line: usize,
        /// Where in the line.
        column: usize,
    },
    /// The private key is none.
    #[error(
        "its `private_key` is no RSA key in PEM of 2048 bits or more: make a new key and take its file unchanged"
    )]
    Key,
    /// A field is missing or of another form.
    #[error("its `{field}` is not {form}")]
    Field {
        /// The field's name.
        field: &'static str,
        /// What it has to be.
        form: &'static str,
    },
    /// A field is no URL that may be asked.
    #[error("its `{field}` {reason}")]
    Url {
        /// The field's name.
        field: &'static str,
        /// What is wrong with it.
        reason: InvalidUrl,
    },
    /// Another Google than the one that AWS knows.
    #[error(
        "its `universe_domain` is not googleapis.com, and AWS takes tokens of that Google only"
    )]
    Universe,
    /// The type is none of the known ones.
    #[error(
        "its `type` is {0}; known are service_account, impersonated_service_account, external_account and authorized_user"
    )]
    UnknownType(String),
}

/// Where Google's own tools get tokens for keys and people.
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";

impl Credentials {
    /// Reads the text of a file.
    pub fn parse(text: &[u8]) -> Result<Self, InvalidCredentials> {
        let json = serde_json::from_slice(text).map_err(|error| InvalidCredentials::NotJson {
            line: error.line(),
            column: error.column(),
        })?;
        let fields = Fields::of(&json, "content")?;
        if kind(fields)? == Kind::Impersonated {
            return impersonated(fields).map(Self::Impersonated);
        }
        Self::plain(fields)
    }

    /// The type of these credentials.
    pub fn kind(&self) -> Kind {
        match self {
            Self::AuthorizedUser(_) => Kind::AuthorizedUser,
            Self::ExternalAccount(_) => Kind::ExternalAccount,
            Self::Impersonated(_) => Kind::Impersonated,
            Self::ServiceAccount(_) => Kind::ServiceAccount,
        }
    }

    /// Whether Google gives the ID tokens of this account to these credentials themselves.
    pub fn are_of(&self, email: &str) -> bool {
        let account = match self {
            Self::AuthorizedUser(_) => None,
            Self::ExternalAccount(external) => external.account.as_ref().map(AccountUrl::account),
            Self::Impersonated(impersonated) => Some(impersonated.account.account()),
            Self::ServiceAccount(key) => Some(key.email()),
        };
        account == Some(email)
    }

    /// Those that rest on no others.
    fn plain(fields: Fields<'_>) -> Result<Self, InvalidCredentials> {
        match kind(fields)? {
            Kind::AuthorizedUser => authorized_user(fields).map(Self::AuthorizedUser),
            Kind::ExternalAccount => ExternalAccount::parse(fields)
                .map(|external| Self::ExternalAccount(Box::new(external))),
            Kind::ServiceAccount => ServiceAccountKey::parse(fields).map(Self::ServiceAccount),
            Kind::Impersonated => Err(InvalidCredentials::Field {
                field: "source_credentials",
                form: "one that impersonates nobody itself",
            }),
        }
    }
}

impl Kind {
    const ALL: [Self; 4] = [
        Self::AuthorizedUser,
        Self::ExternalAccount,
        Self::Impersonated,
        Self::ServiceAccount,
    ];

    /// The `type` in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizedUser => "authorized_user",
            Self::ExternalAccount => "external_account",
            Self::Impersonated => "impersonated_service_account",
            Self::ServiceAccount => "service_account",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Secret {
    /// Takes a text that must not be shown.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for a request (ARCHITECTURE, invariant 9).
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

fn kind(fields: Fields<'_>) -> Result<Kind, InvalidCredentials> {
    let found = fields.text("type")?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == found);
    let is_name = |b: u8| b.is_ascii_lowercase() || b == b'_';
    kind.ok_or_else(|| {
        // What is no name of a type may be anything, a secret too.
        let shown = if found.len() <= 40 && found.bytes().all(is_name) {
            format!("`{found}`")
        } else {
            "no name of one".to_owned()
        };
        InvalidCredentials::UnknownType(shown)
    })
}

fn authorized_user(fields: Fields<'_>) -> Result<AuthorizedUser, InvalidCredentials> {
    fields.check_universe()?;
    Ok(AuthorizedUser {
        client_id: fields.text("client_id")?.to_owned(),
        client_secret: fields.secret("client_secret")?,
        refresh_token: fields.secret("refresh_token")?,
        token_uri: fields.url_or("token_uri", TOKEN_URI)?,
    })
}

fn impersonated(fields: Fields<'_>) -> Result<Impersonated, InvalidCredentials> {
    fields.check_universe()?;
    let source = Fields::of(fields.value("source_credentials"), "source_credentials")?;
    let account = "service_account_impersonation_url";
    Ok(Impersonated {
        source: Box::new(Credentials::plain(source)?),
        delegates: delegates(fields)?,
        account: fields.account(account)?.ok_or(InvalidCredentials::Field {
            field: account,
            form: "a text",
        })?,
    })
}

/// The accounts between, in a form that IAM Credentials takes: a whole name, or an email or unique id by itself.
fn delegates(fields: Fields<'_>) -> Result<Vec<String>, InvalidCredentials> {
    let delegates = fields.texts("delegates")?;
    let is_account = |name: &String| {
        let account = name.strip_prefix("projects/-/serviceAccounts/");
        names_account(account.unwrap_or(name))
    };
    let all = delegates.iter().all(is_account);
    all.then_some(delegates).ok_or(InvalidCredentials::Field {
        field: "delegates",
        form: "a list of service accounts, as emails or as `projects/-/serviceAccounts/EMAIL`",
    })
}

//! The URLs of a file of credentials: secrets go to these, so they are checked before anything is sent.

use std::fmt;
use std::str::FromStr;

use gtoken_contract::GoogleIdentity;
use ureq::http::Uri;

/// A URL that secrets may be sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpsUrl(WebUrl);

/// A URL of HTTP, with TLS or without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebUrl {
    text: String,
    server: String,
}

/// A service account at IAM Credentials, without a verb.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountUrl {
    url: HttpsUrl,
    account: String,
}

/// The text is no URL that may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUrl {
    /// It names no service account.
    #[error("does not end in `/serviceAccounts/EMAIL:generateAccessToken`")]
    NoAccount,
    /// It is no absolute URL with a host.
    #[error("is no URL with a host, or has a user in it")]
    NoUrl,
    /// Whoever listens could read what is sent.
    #[error("is not an https:// URL")]
    NotHttps,
}

/// The verb in files; the one for ID tokens takes its place.
const ACCESS_TOKEN: &str = ":generateAccessToken";

impl HttpsUrl {
    /// The whole URL.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// Host and port, for messages.
    pub fn server(&self) -> &str {
        &self.0.server
    }
}

impl WebUrl {
    /// The whole URL.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Host and port, for messages.
    pub fn server(&self) -> &str {
        &self.server
    }
}

impl AccountUrl {
    /// The account at the server of IAM Credentials that has this base.
    pub fn new(base: &HttpsUrl, account: &GoogleIdentity) -> Self {
        let WebUrl { text, server } = &base.0;
        let base = text.trim_end_matches('/');
        let text = format!("{base}/v1/projects/-/serviceAccounts/{account}");
        let server = server.clone();
        Self {
            url: HttpsUrl(WebUrl { text, server }),
            account: account.to_string(),
        }
    }

    /// As a file names it, by the URL for access tokens.
    pub fn of_file(text: &str) -> Result<Self, InvalidUrl> {
        let url = text
            .strip_suffix(ACCESS_TOKEN)
            .ok_or(InvalidUrl::NoAccount)?;
        let (_, account) = url
            .rsplit_once("/serviceAccounts/")
            .ok_or(InvalidUrl::NoAccount)?;
        if !names_account(account) {
            return Err(InvalidUrl::NoAccount);
        }
        Ok(Self {
            url: url.parse()?,
            account: account.to_owned(),
        })
    }

    /// The account's email, or its unique id where the file names that.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Host and port, for messages.
    pub fn server(&self) -> &str {
        self.url.server()
    }

    /// Where ID tokens of the account are got.
    pub fn id_token(&self) -> String {
        format!("{}:generateIdToken", self.url.as_str())
    }

    /// Where access tokens of the account are got.
    pub fn access_token(&self) -> String {
        format!("{}{ACCESS_TOKEN}", self.url.as_str())
    }
}

/// Whether a text is a service account's email or unique id.
pub(super) fn names_account(text: &str) -> bool {
    let is_id = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_id || text.parse::<GoogleIdentity>().is_ok()
}

impl FromStr for WebUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        let uri: Uri = text.parse().map_err(|_| InvalidUrl::NoUrl)?;
        let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
        match uri.authority() {
            Some(authority) if is_web && !authority.as_str().contains('@') => Ok(Self {
                text: text.to_owned(),
                server: authority.to_string(),
            }),
            _ => Err(InvalidUrl::NoUrl),
        }
    }
}

impl FromStr for HttpsUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        if !text.starts_with("https://") {
            return Err(InvalidUrl::NotHttps);
        }
        text.parse().map(Self)
    }
}

impl fmt::Display for HttpsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

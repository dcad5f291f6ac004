//! A workload outside of Google: where its own token is, and where that is exchanged
//! (<https://google.aip.dev/auth/4117>).

use std::path::PathBuf;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::Value;
use ureq::http::{HeaderName, HeaderValue};

use super::fields::{Fields, not};
use super::{AccountUrl, HttpsUrl, InvalidCredentials, Secret, WebUrl};

/// A workload or workforce identity.
#[derive(Debug)]
pub struct ExternalAccount {
    /// The provider of the pool, as Google's STS wants it named.
    pub audience: String,
    /// What kind of token the subject token is.
    pub subject_token_type: String,
    /// Where it is exchanged.
    pub token_url: HttpsUrl,
    /// Where it is.
    pub subject: Subject,
    /// Whom the workload impersonates, if anybody.
    pub account: Option<AccountUrl>,
    /// The client that exchanges, where the pool wants one.
    pub client: Option<(String, Secret)>,
    /// The project that a person of a workforce pool works in.
    pub user_project: Option<String>,
}

/// Where the subject token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A program prints it.
    Executable {
        /// The program.
        program: String,
        /// Its arguments, which white space parts in the file.
        arguments: Vec<String>,
        /// How long it may take, where the file says so.
        timeout: Option<Duration>,
        /// Where the program leaves what it printed last.
        output_file: Option<PathBuf>,
    },
    /// A file holds it.
    File {
        /// The file.
        path: PathBuf,
        /// How it stands there.
        format: Format,
    },
    /// A server gives it.
    Url {
        /// Where to ask.
        url: WebUrl,
        /// What to send along.
        headers: Vec<(HeaderName, HeaderValue)>,
        /// How it stands in the answer.
        format: Format,
    },
}

/// How a subject token stands in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// In the field of a JSON object.
    Json(String),
    /// The text is the token.
    Text,
}

impl ExternalAccount {
    pub(super) fn parse(fields: Fields<'_>) -> Result<Self, InvalidCredentials> {
        fields.check_universe()?;
        let source = Fields::of(fields.value("credential_source"), "credential_source")?;
        let client_id = fields.optional_text("client_id")?;
        let client = client_id.map(|id| Ok((id.to_owned(), fields.secret("client_secret")?)));
        let project = fields.optional_text("workforce_pool_user_project")?;
        Ok(Self {
            audience: fields.text("audience")?.to_owned(),
            subject_token_type: fields.text("subject_token_type")?.to_owned(),
            subject: subject(source)?,
            token_url: fields.url_or("token_url", "https://sts.googleapis.com/v1/token")?,
            account: fields.account("service_account_impersonation_url")?,
            client: client.transpose()?,
            user_project: project.map(str::to_owned),
        })
    }

    /// The client as a header has it (RFC 6749, 2.3.1).
    pub fn client_header(&self) -> Option<Secret> {
        let (id, secret) = self.client.as_ref()?;
        let pair = BASE64_STANDARD.encode(format!("{id}:{}", secret.expose()));
        Some(Secret::new(format!("Basic {pair}")))
    }
}

/// What there is of `file`, `url`, `executable`, in the order of Google's libraries.
fn subject(source: Fields<'_>) -> Result<Subject, InvalidCredentials> {
    if source.optional_text("environment_id")?.is_some() {
        return Err(InvalidCredentials::AwsHosted);
    }
    if !source.value("certificate").is_null() {
        return Err(InvalidCredentials::Certificate);
    }
    if let Some(path) = source.optional_text("file")? {
        let (path, format) = (path.into(), format(source)?);
        return Ok(Subject::File { path, format });
    }
    if let Some(url) = source.optional_text("url")? {
        let field = "credential_source.url";
        let parsed = url.parse();
        return Ok(Subject::Url {
            url: parsed.map_err(|reason| InvalidCredentials::Url { field, reason })?,
            headers: headers(source.value("headers"))?,
            format: format(source)?,
        });
    }
    let value = source.value("executable");
    if value.is_null() {
        return Err(not(
            "credential_source",
            "one with a file, url or executable",
        ));
    }
    executable(Fields::of(value, "credential_source.executable")?)
}

fn executable(fields: Fields<'_>) -> Result<Subject, InvalidCredentials> {
    let timeout = match fields.value("timeout_millis") {
        Value::Null => None,
        value => Some(
            value
                .as_u64()
                .ok_or_else(|| not("timeout_millis", "a number of milliseconds"))?,
        ),
    };
    let mut words = fields
        .text("command")?
        .split_whitespace()
        .map(str::to_owned);
    let program = words.next();
    Ok(Subject::Executable {
        program: program.ok_or_else(|| not("command", "a program"))?,
        arguments: words.collect(),
        timeout: timeout.map(Duration::from_millis),
        output_file: fields.optional_text("output_file")?.map(PathBuf::from),
    })
}

fn format(source: Fields<'_>) -> Result<Format, InvalidCredentials> {
    let value = source.value("format");
    if value.is_null() {
        return Ok(Format::Text);
    }
    let format = Fields::of(value, "credential_source.format")?;
    match format.optional_text("type")? {
        None | Some("text") => Ok(Format::Text),
        Some("json") => format
            .text("subject_token_field_name")
            .map(|name| Format::Json(name.to_owned())),
        Some(_) => Err(not("credential_source.format.type", "text or json")),
    }
}

/// Their values count as secrets, so that `Debug` does not show them.
fn headers(value: &Value) -> Result<Vec<(HeaderName, HeaderValue)>, InvalidCredentials> {
    let header = |(name, value): (&String, &Value)| {
        let name = name.parse().ok()?;
        let mut value: HeaderValue = value.as_str()?.parse().ok()?;
        value.set_sensitive(true);
        Some((name, value))
    };
    let headers = match value {
        Value::Null => Some(Vec::new()),
        Value::Object(headers) => headers.iter().map(header).collect(),
        _ => None,
    };
    headers.ok_or_else(|| {
        not(
            "credential_source.headers",
            "an object of names and values of HTTP headers",
        )
    })
}

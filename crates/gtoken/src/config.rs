//! What the flags and the environment mean together.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use gtoken_contract::{AgentFlags, GoogleIdentity, Mode, Source, flag};

use crate::credentials::{Files, HttpsUrl, InvalidUrl};
use crate::excerpt::{HIDDEN, excerpt};
use crate::sink::{NotAFileName, Sink, TokenFile};
use crate::token::Expectation;

/// Names the metadata server, as Google's own libraries read it.
pub const METADATA_HOST: &str = "GCE_METADATA_HOST";

/// Names another server of IAM Credentials, as gcloud reads it: a private endpoint, or one for trying things out.
pub const IAM_ENDPOINT: &str = "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS";

/// Everything that a run depends on.
#[derive(Debug)]
pub struct Config {
    /// Whether it ends after one token.
    pub mode: Mode,
    /// What a token must be to be published.
    pub expectation: Expectation,
    /// Where the token goes.
    pub sink: Sink,
    /// How long a one-shot may take; `None` is as long as it takes.
    pub timeout: Option<Duration>,
    /// The metadata server.
    pub metadata_host: MetadataHost,
    /// Where else a token may come from.
    pub google: GoogleSettings,
}

/// What the sources beside the metadata server depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoogleSettings {
    /// The source that was asked for.
    pub source: Source,
    /// The account to get tokens of by IAM Credentials, where it is not that of the credentials.
    pub service_account: Option<GoogleIdentity>,
    /// Where credentials may be.
    pub files: Files,
    /// A file with the authorities to trust instead of those that are compiled in.
    pub authorities: Option<PathBuf>,
    /// The server of IAM Credentials.
    pub iam: HttpsUrl,
    /// Whether a program may be run for a subject token.
    pub may_run_programs: bool,
}

impl Config {
    /// Reads the flags and, by `variable`, the environment.
    pub fn new(
        flags: AgentFlags,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, InvalidConfig> {
        let AgentFlags {
            mode,
            file,
            audience,
            source,
            service_account,
            expect_identity,
            timeout,
        } = flags;
        check_account(source, service_account.as_ref())?;
        let sink = match file {
            Some(path) => Sink::File(TokenFile::at(&path).map_err(|reason| {
                let value = excerpt(path.as_bytes());
                InvalidConfig::File { value, reason }
            })?),
            None => Sink::stdout(),
        };
        // Google's libraries take an empty variable for none.
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let metadata_host = match set(METADATA_HOST) {
            Some(value) => parse_host(&value)?,
            None => MetadataHost::default(),
        };
        let expectation = Expectation {
            audience,
            identity: expect_identity,
        };
        Ok(Self {
            mode,
            expectation,
            sink,
            timeout,
            metadata_host,
            google: GoogleSettings {
                source,
                service_account,
                files: Files::new(&variable),
                authorities: set("SSL_CERT_FILE").map(PathBuf::from),
                iam: iam(set(IAM_ENDPOINT))?,
                may_run_programs: set("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES")
                    .is_some_and(|value| value == "1"),
            },
        })
    }
}

/// An account beside the source's own is for IAM Credentials alone, which in turn knows no other.
fn check_account(source: Source, account: Option<&GoogleIdentity>) -> Result<(), InvalidConfig> {
    match (source, account) {
        (Source::IamCredentials, None) => Err(InvalidConfig::NoAccount),
        (Source::Auto | Source::IamCredentials, _) | (_, None) => Ok(()),
        (_, Some(_)) => Err(InvalidConfig::AccountOfNoUse { asked: source }),
    }
}

fn iam(endpoint: Option<OsString>) -> Result<HttpsUrl, InvalidConfig> {
    let endpoint = endpoint.unwrap_or_else(|| "https://iamcredentials.googleapis.com".into());
    let parsed = endpoint
        .to_str()
        .ok_or(InvalidUrl::NoUrl)
        .and_then(str::parse);
    parsed.map_err(|reason| InvalidConfig::Endpoint {
        value: without_user(&endpoint),
        reason,
    })
}

fn parse_host(value: &OsStr) -> Result<MetadataHost, InvalidConfig> {
    let parsed = value.to_str().ok_or(InvalidHost).and_then(str::parse);
    parsed.map_err(|reason| InvalidConfig::Host {
        value: without_user(value),
        reason,
    })
}

/// A variable's value as it may be shown: what stands before the host can be a password.
fn without_user(value: &OsStr) -> String {
    let bytes = value.as_encoded_bytes();
    match bytes.iter().rposition(|b| *b == b'@') {
        Some(at) => format!("{HIDDEN}{}", excerpt(&bytes[at..])),
        None => excerpt(bytes),
    }
}

/// `host[:port]` of a metadata server, spoken to by plain HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataHost(String);

impl Default for MetadataHost {
    /// The address, not the name: a static binary may be unable to look names up, and nobody can spoof it by DNS.
    fn default() -> Self {
        Self("169.254.169.254".to_owned())
    }
}

impl fmt::Display for MetadataHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for MetadataHost {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        let (host_fits, rest) = if let Some(rest) = text.strip_prefix('[') {
            let (address, rest) = rest.split_once(']').ok_or(InvalidHost)?;
            (address.parse::<Ipv6Addr>().is_ok(), rest)
        } else {
            let (host, rest) = text.split_at(text.find(':').unwrap_or(text.len()));
            (is_host_name(host), rest)
        };
        let port_fits = rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port);
        if host_fits && port_fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidHost)
        }
    }
}

/// Names as RFC 1123 has them, and underscores, which Docker's have; 253 characters at most. IPv4 addresses are of this form.
fn is_host_name(host: &str) -> bool {
    let label = |label: &str| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        !label.is_empty() && label.len() <= 63 && label.bytes().all(allowed)
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    host.len() <= 253 && host.split('.').all(label)
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port != 0)
}

/// The text is no [`MetadataHost`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is host or host:port, without scheme and path, as in 169.254.169.254")]
pub struct InvalidHost;

/// Which setting cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidConfig {
    /// The source has an account of its own.
    #[error(
        "--{} goes with --source=auto and --source=iam-credentials, and --source={asked} has an account of its own",
        flag::SERVICE_ACCOUNT
    )]
    AccountOfNoUse {
        /// The source.
        asked: Source,
    },
    /// The environment names no server of IAM Credentials.
    #[error("the environment's {IAM_ENDPOINT} `{value}` {reason}")]
    Endpoint {
        /// The variable's value, as far as it may be shown.
        value: String,
        /// What is wrong with it.
        reason: InvalidUrl,
    },
    /// The source needs an account.
    #[error(
        "--source=iam-credentials needs the account to get tokens of, by --{}=EMAIL",
        flag::SERVICE_ACCOUNT
    )]
    NoAccount,
    /// The token file's path names no file.
    #[error("--{} `{value}` cannot be used: {reason}", flag::FILE)]
    File {
        /// The path, as far as it may be shown.
        value: String,
        /// What is wrong with it.
        reason: NotAFileName,
    },
    /// The environment names no metadata server.
    #[error("the environment's {METADATA_HOST} `{value}` cannot be used: {reason}")]
    Host {
        /// The variable's value, as far as it may be shown.
        value: String,
        /// What is wrong with it.
        reason: InvalidHost,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host_from(value: Option<&str>) -> Result<String, InvalidConfig> {
        Config::new(AgentFlags::default(), |name| {
            value.filter(|_| name == METADATA_HOST).map(OsString::from)
        })
        .map(|config| config.metadata_host.to_string())
    }

    #[test]
    fn asks_the_link_local_address_unless_told_otherwise() {
        assert_eq!(host_from(None), Ok("169.254.169.254".to_owned()));
        assert_eq!(host_from(Some("")), Ok("169.254.169.254".to_owned()));
    }

    #[test]
    fn takes_hosts_with_and_without_a_port() {
        for host in [
            "metadata.google.internal",
            "metadata.google.internal.:80",
            "127.0.0.1:8080",
            "metadata_server:1",
            "[::1]",
            "[fd20:ce::254]:65535",
        ] {
            assert_eq!(host_from(Some(host)), Ok(host.to_owned()));
        }
    }

    #[test]
    fn refuses_what_is_no_host() {
        for host in [
            "http://169.254.169.254",
            "169.254.169.254/computeMetadata",
            "user@host",
            "host:",
            "host:0",
            "host:65536",
            "host:+80",
            "::1",
            "[::1",
            "[::1]80",
            "a b",
            "host?x",
            "host#x",
            ".",
            "a..b",
            "host\r\nX: y",
        ] {
            let error = host_from(Some(host)).unwrap_err();
            assert!(matches!(error, InvalidConfig::Host { .. }), "{host:?}");
            assert!(error.to_string().contains(METADATA_HOST), "{error}");
        }
    }

    #[test]
    fn an_account_goes_with_iam_credentials_and_only_there() {
        let with = |source, account: Option<&str>| {
            let flags = AgentFlags {
                source,
                service_account: account.map(|email| email.parse().unwrap()),
                ..AgentFlags::default()
            };
            Config::new(flags, |_| None).map(|_| ())
        };
        for source in Source::ALL {
            let some = with(source, Some("a@b.iam.gserviceaccount.com"));
            let none = with(source, None);
            match source {
                Source::Auto => assert_eq!((some, none), (Ok(()), Ok(()))),
                Source::IamCredentials => {
                    assert_eq!((some, none), (Ok(()), Err(InvalidConfig::NoAccount)));
                }
                _ => {
                    let refused = Err(InvalidConfig::AccountOfNoUse { asked: source });
                    assert_eq!((some, none), (refused, Ok(())));
                }
            }
        }
    }

    #[test]
    fn the_server_of_iam_credentials_can_be_another_with_tls() {
        let iam = |value: &str| {
            let config = Config::new(AgentFlags::default(), |name| {
                (name == IAM_ENDPOINT).then(|| value.into())
            });
            config.map(|config| config.google.iam.to_string())
        };
        let usual = "https://iamcredentials.googleapis.com";
        assert_eq!(iam(""), Ok(usual.to_owned()));
        assert_eq!(
            iam("https://private:8443/"),
            Ok("https://private:8443/".to_owned())
        );
        for value in [
            "http://private",
            "private",
            "https://",
            "https://user@private",
        ] {
            let error = iam(value).unwrap_err().to_string();
            assert!(error.contains(IAM_ENDPOINT), "{error}");
        }
    }

    #[test]
    fn a_password_in_a_variable_is_not_shown() {
        for (name, value) in [
            (IAM_ENDPOINT, "https://user:hunter2@private"),
            (IAM_ENDPOINT, "http://user:hunter2@x@private"),
            (METADATA_HOST, "user:hunter2@private"),
        ] {
            let config = Config::new(AgentFlags::default(), |asked| {
                (asked == name).then(|| value.into())
            });
            let error = config.unwrap_err();
            for shown in [error.to_string(), format!("{error:?}")] {
                assert!(shown.contains("[hidden]@private"), "{shown}");
                assert!(
                    !shown.contains("hunter2") && !shown.contains("user:"),
                    "{shown}"
                );
            }
        }
    }

    #[test]
    fn refuses_a_path_that_names_no_file() {
        for path in ["", "/", "..", "/tmp/", "/tmp/.."] {
            let flags = AgentFlags {
                file: Some(path.to_owned()),
                ..AgentFlags::default()
            };
            let error = Config::new(flags, |_| None).unwrap_err();
            assert!(matches!(error, InvalidConfig::File { .. }), "{path:?}");
            assert!(error.to_string().contains("--file"), "{error}");
        }
    }
}

//! HTTPS to Google's APIs, set up for one attempt at a time: what only needs the metadata server never comes here.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustls::CertificateError;
use ureq::http::{HeaderName, HeaderValue, Request, header};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Error, Proxy, RequestExt as _, Timeout};

use crate::beside::{QUICK, first_answer};
use crate::credentials::{Secret, read_file};
use crate::excerpt::{excerpt, shown_path};
use crate::exchange::{self, Answer};
use crate::resolver::NoThreadForAddresses;
use crate::source::ANSWER_WITHIN;
use crate::tls;
use crate::token::MAX_BYTES;

/// An answer has fewer bytes: a token, and JSON around it.
const MAX_ANSWER: usize = 2 * MAX_BYTES;

/// The authorities of the web have 220 KB in PEM.
const MAX_AUTHORITIES: u64 = 4 * 1024 * 1024;

/// A client that trusts the authorities of the web, or those of a file.
#[derive(Debug)]
pub struct Https {
    http: Agent,
    deadline: Deadline,
}

/// When an attempt must have ended, by the clock that only grows.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    begun: Instant,
    within: Duration,
}

/// Why no answer came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Failure {
    /// Whether it stays so until a person acts.
    pub needs_person: bool,
    reason: String,
}

/// The file of authorities cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the file of trusted authorities `{}`, which SSL_CERT_FILE names, cannot be used: {reason}",
    shown_path(path)
)]
pub struct InvalidAuthorities {
    path: PathBuf,
    reason: String,
}

impl Deadline {
    /// From now on.
    pub fn after(within: Duration) -> Self {
        let begun = Instant::now();
        Self { begun, within }
    }

    /// What is left of the time.
    pub fn left(&self) -> Duration {
        self.within.saturating_sub(self.begun.elapsed())
    }
}

impl Https {
    /// Reads the authorities, the compiled-in ones unless there is a file; connects to nothing yet.
    pub fn open(
        authorities: Option<&Path>,
        deadline: Deadline,
    ) -> Result<Self, InvalidAuthorities> {
        let roots = authorities.map_or(Ok(RootCerts::WebPki), roots)?;
        let config = exchange::client()
            .tls_config(
                TlsConfig::builder()
                    .root_certs(roots)
                    .unversioned_rustls_crypto_provider(tls::provider())
                    .build(),
            )
            .proxy(Proxy::try_from_env())
            .build();
        let resolver = NoThreadForAddresses;
        let http = Agent::with_parts(config, DefaultConnector::new(), resolver);
        Ok(Self { http, deadline })
    }

    /// What is left of the attempt's time.
    pub fn left(&self) -> Duration {
        self.deadline.left()
    }

    /// Sends a form.
    pub fn post_form(
        &self,
        url: &str,
        form: &[(&str, &str)],
        authorization: Option<&Secret>,
    ) -> Result<Answer, Failure> {
        let pairs: Vec<_> = form
            .iter()
            .map(|(name, value)| format!("{}={}", escaped(name), escaped(value)))
            .collect();
        let request = Request::post(url).header(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        let request = match authorization {
            Some(value) => request.header(header::AUTHORIZATION, value.expose()),
            None => request,
        };
        self.send(request.body(pairs.join("&").into_bytes()), false)
    }

    /// Sends JSON as whoever holds this access token.
    pub fn post_json(&self, url: &str, bearer: &Secret, json: String) -> Result<Answer, Failure> {
        let request = Request::post(url)
            .header(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            )
            .header(header::AUTHORIZATION, format!("Bearer {}", bearer.expose()));
        self.send(request.body(json.into_bytes()), false)
    }

    /// Gets what may stand on the same machine or network, past every proxy.
    pub fn get(&self, url: &str, headers: &[(HeaderName, HeaderValue)]) -> Result<Answer, Failure> {
        let mut request = Request::get(url);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        self.send(request.body(Vec::new()), true)
    }

    /// Sends, and sends again beside a request that takes long: each is one for a token, which may be asked for twice.
    fn send(
        &self,
        request: Result<Request<Vec<u8>>, ureq::http::Error>,
        is_local: bool,
    ) -> Result<Answer, Failure> {
        let left = self.left().min(ANSWER_WITHIN);
        let connect = exchange::connect_limit(left);
        let http = self.http.clone();
        let request = request.map_err(|error| Failure::of(&error.into()))?;
        let ask = move |within| {
            let mut request = request.clone().with_agent(&http).configure();
            if is_local {
                request = request.proxy(None);
            }
            let request = request
                .timeout_global(Some(within))
                .timeout_resolve(Some(connect))
                .timeout_connect(Some(connect))
                .build();
            Answer::read(request.run()?, MAX_ANSWER)
        };
        first_answer(left, QUICK, ask).map_err(|error| Failure::of(&error))
    }
}

impl Failure {
    fn of(error: &Error) -> Self {
        let passes = |reason: &str| Self {
            needs_person: false,
            reason: reason.to_owned(),
        };
        match error {
            Error::Timeout(Timeout::Connect) => passes(
                "no connection in time: does a NetworkPolicy or firewall forbid egress to it?",
            ),
            Error::Timeout(Timeout::Resolve) | Error::HostNotFound => {
                passes("its name cannot be looked up: check the DNS")
            }
            Error::Timeout(_) => passes("it did not answer in time"),
            Error::Io(error) => match tls(error) {
                Some(error) => Self::of_tls(error),
                None => passes(&of_connection(error)),
            },
            Error::Rustls(error) => Self::of_tls(error),
            Error::ConnectProxyFailed(_) | Error::InvalidProxyUrl => passes(
                "the proxy that HTTPS_PROXY names did not connect to it; NO_PROXY leaves it out",
            ),
            other => passes(&format!(
                "what came is no HTTP answer ({})",
                excerpt(other.to_string().as_bytes())
            )),
        }
    }

    fn of_tls(error: &rustls::Error) -> Self {
        let advice = match error {
            rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
                "a proxy that inspects TLS has an authority of its own, which SSL_CERT_FILE must name"
            }
            rustls::Error::InvalidCertificate(_) => {
                "is it the right server, and this machine's clock right?"
            }
            _ => "something else than TLS may listen there",
        };
        Self {
            needs_person: matches!(error, rustls::Error::InvalidCertificate(_)),
            reason: format!(
                "TLS failed ({}): {advice}",
                excerpt(error.to_string().as_bytes())
            ),
        }
    }
}

/// What TLS says, which comes wrapped up as a failure of the connection.
fn tls(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

fn of_connection(error: &io::Error) -> String {
    match error.kind() {
        kind @ (ErrorKind::ConnectionRefused
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable) => {
            format!("{kind}: does a NetworkPolicy or firewall forbid egress to it?")
        }
        kind @ (ErrorKind::BrokenPipe
        | ErrorKind::ConnectionAborted
        | ErrorKind::ConnectionReset
        | ErrorKind::UnexpectedEof) => format!("it ended in the middle of an answer ({kind})"),
        _ => excerpt(error.to_string().as_bytes()),
    }
}

fn roots(path: &Path) -> Result<RootCerts, InvalidAuthorities> {
    let invalid = |reason: String| InvalidAuthorities {
        path: path.to_owned(),
        reason,
    };
    let text = read_file(path, MAX_AUTHORITIES).map_err(|error| invalid(error.to_string()))?;
    let certificates: Vec<_> = parse_pem(&text)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(invalid("there is no certificate in PEM in it".to_owned()));
    }
    Ok(RootCerts::from(certificates))
}

/// A text as it stands in a form.
fn escaped(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let digit = |half: u8| char::from(HEX[usize::from(half)]);
            escaped.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_a_form_would_split() {
        assert_eq!(escaped("a-b_c.~1"), "a-b_c.~1");
        assert_eq!(escaped("a b&c=é+/%"), "a%20b%26c%3D%C3%A9%2B%2F%25");
    }

    #[test]
    fn says_what_failed_and_what_may_be_behind_it() {
        let io = |kind: ErrorKind| Error::Io(io::Error::from(kind));
        let untrusted = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let wrapped = Error::Io(io::Error::new(ErrorKind::InvalidData, untrusted));
        let garbage = rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType);
        for (error, words, needs_person) in [
            (io(ErrorKind::ConnectionRefused), "forbid egress", false),
            (
                io(ErrorKind::ConnectionReset),
                "in the middle of an answer",
                false,
            ),
            (Error::HostNotFound, "cannot be looked up", false),
            (
                Error::Timeout(Timeout::Global),
                "did not answer in time",
                false,
            ),
            (
                Error::Timeout(Timeout::Connect),
                "no connection in time",
                false,
            ),
            (wrapped, "which SSL_CERT_FILE must name", true),
            (Error::Rustls(garbage), "something else than TLS", false),
            (Error::InvalidProxyUrl, "HTTPS_PROXY", false),
            (Error::LargeResponseHeader(1, 2), "no HTTP answer", false),
        ] {
            let failure = Failure::of(&error);
            assert!(failure.reason.contains(words), "{failure}");
            assert_eq!(failure.needs_person, needs_person, "{failure}");
        }
    }

    #[test]
    fn a_file_without_authorities_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let open = || Https::open(Some(&path), Deadline::after(Duration::ZERO));
        for text in ["", "no certificate", "-----BEGIN CERTIFICATE-----\n!"] {
            std::fs::write(&path, text).unwrap();
            let error = open().unwrap_err().to_string();
            assert!(
                error.contains("ca.pem") && error.contains("no certificate"),
                "{error}"
            );
        }
        std::fs::remove_file(&path).unwrap();
        assert!(open().unwrap_err().to_string().contains("SSL_CERT_FILE"));
    }
}

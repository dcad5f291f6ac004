//! The metadata server of GKE or Compute Engine: one GET by plain HTTP, past every proxy.
//!
//! `format` and `licenses` are not sent: only Compute Engine knows them, and the default has all that AWS reads
//! (<https://cloud.google.com/compute/docs/instances/verifying-instance-identity>).

use std::io::{ErrorKind, Read as _};
use std::time::{Duration, SystemTime};

use gtoken_contract::{Audience, duration};
use ureq::http::StatusCode;
use ureq::http::header::RETRY_AFTER;
use ureq::unversioned::transport::TcpConnector;
use ureq::{Agent, Error, Timeout};

use super::{AN_ACCESS_TOKEN, AN_ID_TOKEN, Source, SourceError, access_token, refusal};
use crate::beside::{QUICK, first_answer};
use crate::config::MetadataHost;
use crate::credentials::Secret;
use crate::excerpt::excerpt;
use crate::resolver::NoThreadForAddresses;
use crate::token::{Expectation, IdToken, InvalidToken, MAX_BYTES};

/// A server on the same node accepts a connection at once or is not there.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);

/// The head of an answer has fewer bytes; a larger buffer would stay with the process as memory that was used once.
const MAX_HEAD: usize = 4096;

/// The pod's account.
const PATH: &str = "/computeMetadata/v1/instance/service-accounts/default";

/// A client of the metadata server.
#[derive(Clone, Debug)]
pub struct MetadataServer {
    host: MetadataHost,
    http: Agent,
}

/// What came of a request.
struct Answer {
    status: StatusCode,
    retry_after: Option<Duration>,
    body: Vec<u8>,
}

impl MetadataServer {
    /// Connects to nothing yet.
    pub fn new(host: MetadataHost) -> Self {
        let config = Agent::config_builder()
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .user_agent(concat!("gtoken/", env!("CARGO_PKG_VERSION")))
            // Nothing is kept between attempts that are most of an hour apart.
            .max_idle_connections(0)
            .input_buffer_size(MAX_HEAD)
            .output_buffer_size(2048)
            // One that fills the buffer is seen to be too long.
            .max_response_header_size(MAX_HEAD - 1)
            .build();
        let http = Agent::with_parts(
            config,
            // Without TLS, whatever else the program is linked with (ARCHITECTURE, invariant 2).
            TcpConnector::default(),
            NoThreadForAddresses::default(),
        );
        Self { host, http }
    }

    /// Gets an access token of the pod's account, to ask an API of Google with.
    pub fn access_token(&self, within: Duration) -> Result<Secret, SourceError> {
        let body = self.fetch(AN_ACCESS_TOKEN, "token", None, within)?;
        let token = access_token(&body, "access_token");
        token.ok_or_else(|| SourceError::Malformed {
            server: self.name(),
            wanted: AN_ACCESS_TOKEN,
            said: excerpt(&body),
        })
    }

    /// The server in words.
    pub fn name(&self) -> String {
        format!("the metadata server at {}", self.host)
    }

    /// What the server has of the pod's account by this name.
    fn fetch(
        &self,
        wanted: &'static str,
        name: &'static str,
        audience: Option<&Audience>,
        within: Duration,
    ) -> Result<Vec<u8>, SourceError> {
        let answer = self.ask(name, audience, within);
        let Answer {
            status,
            retry_after,
            body,
        } = answer.map_err(|error| SourceError::Unreachable {
            server: self.name(),
            wanted,
            reason: describe(&error, &self.host, connect_limit(within)),
        })?;
        if status == StatusCode::OK {
            return Ok(body);
        }
        Err(SourceError::Refused {
            server: self.name(),
            wanted,
            status: status.as_u16(),
            said: excerpt(&body),
            advice: refusal::advice(status.as_u16(), &body).into(),
            retry_after,
        })
    }

    /// Asks, and asks again beside a request that takes long.
    fn ask(
        &self,
        name: &'static str,
        audience: Option<&Audience>,
        within: Duration,
    ) -> Result<Answer, Error> {
        let (server, audience) = (self.clone(), audience.cloned());
        let ask = move |within| server.get(name, audience.as_ref(), within);
        first_answer(within, QUICK, ask)
    }

    fn get(
        &self,
        name: &str,
        audience: Option<&Audience>,
        within: Duration,
    ) -> Result<Answer, Error> {
        let audience = audience.map(|audience| ("audience", audience.as_str()));
        let request = self
            .http
            .get(format!("http://{}{PATH}/{name}", self.host))
            .query_pairs(audience)
            .header("Metadata-Flavor", "Google")
            .config()
            .timeout_global(Some(within))
            .timeout_resolve(Some(connect_limit(within)))
            .timeout_connect(Some(connect_limit(within)))
            .build();
        let mut response = request.call()?;
        let status = response.status();
        let asked = response.headers().get(RETRY_AFTER);
        let retry_after = asked.and_then(|value| value.to_str().ok());
        let retry_after = refusal::retry_after(status.as_u16(), retry_after);
        let mut body = Vec::new();
        let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
        let read = response
            .body_mut()
            .as_reader()
            .take(limit)
            .read_to_end(&mut body);
        match read {
            // What came of a refusal is enough to show.
            Err(error) if status == StatusCode::OK => Err(Error::from(error)),
            _ => Ok(Answer {
                status,
                retry_after,
                body,
            }),
        }
    }

    fn not_usable(&self, reason: InvalidToken, body: &[u8]) -> SourceError {
        let advice = refusal::advice_on_success(body);
        // What is a token of the wrong kind is described by its claims alone.
        let hint = match &reason {
            InvalidToken::NotAToken(_) if advice.is_empty() => {
                format!("the answer begins: {}", excerpt(body))
            }
            InvalidToken::NotAToken(_) => format!("{advice}; the answer begins: {}", excerpt(body)),
            _ => String::new(),
        };
        SourceError::NotUsable {
            server: self.name(),
            reason,
            hint,
        }
    }
}

impl Source for MetadataServer {
    fn id_token(
        &self,
        expectation: &Expectation,
        now: SystemTime,
        within: Duration,
    ) -> Result<IdToken, SourceError> {
        let audience = Some(&expectation.audience);
        let body = self.fetch(AN_ID_TOKEN, "identity", audience, within)?;
        match String::from_utf8(body) {
            Ok(text) => expectation
                .check(text.clone(), now)
                .map_err(|reason| self.not_usable(reason, text.as_bytes())),
            Err(error) => {
                Err(self.not_usable(InvalidToken::NotAToken("it is not UTF-8"), error.as_bytes()))
            }
        }
    }
}

/// How long connecting may take: less than the whole, or it would be the whole that ran out, and nobody knew on what.
fn connect_limit(within: Duration) -> Duration {
    within.mul_f64(0.9).min(CONNECT_WITHIN)
}

/// What failed on the way, and what may be behind it.
fn describe(error: &Error, host: &MetadataHost, connect_limit: Duration) -> String {
    let not_there = || {
        let port = if *host == MetadataHost::default() {
            ":80"
        } else {
            ""
        };
        format!(
            "the metadata server is not up yet, or a NetworkPolicy forbids egress to {host}{port}"
        )
    };
    match error {
        Error::Timeout(Timeout::Connect) => {
            format!("no connection in {}: {}", duration::format(connect_limit), not_there())
        }
        Error::Timeout(Timeout::Resolve) | Error::HostNotFound => {
            "its name cannot be looked up: check GCE_METADATA_HOST and the pod's DNS, or name the address \
             169.254.169.254"
                .to_owned()
        }
        Error::Timeout(_) => "it did not answer in time".to_owned(),
        Error::Io(error) => match error.kind() {
            kind @ (ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable) => format!("{kind}: {}", not_there()),
            kind @ (ErrorKind::BrokenPipe
            | ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::UnexpectedEof) => format!("it ended in the middle of an answer ({kind})"),
            _ => excerpt(error.to_string().as_bytes()),
        },
        other => format!(
            "what came is no HTTP answer ({}): something else listens at this address",
            excerpt(other.to_string().as_bytes())
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn says_what_failed_and_what_may_be_behind_it() {
        let host = MetadataHost::default();
        let io = |kind: ErrorKind| Error::Io(io::Error::from(kind));
        for (error, words) in [
            (
                io(ErrorKind::ConnectionRefused),
                "connection refused: the metadata server is not up yet",
            ),
            (
                io(ErrorKind::NetworkUnreachable),
                "forbids egress to 169.254.169.254:80",
            ),
            (
                Error::Timeout(Timeout::Connect),
                "no connection in 3s: the metadata server is not up yet",
            ),
            (Error::Timeout(Timeout::Global), "it did not answer in time"),
            (
                io(ErrorKind::UnexpectedEof),
                "it ended in the middle of an answer",
            ),
            (Error::HostNotFound, "its name cannot be looked up"),
            (
                Error::LargeResponseHeader(1, 2),
                "what came is no HTTP answer",
            ),
        ] {
            let described = describe(&error, &host, CONNECT_WITHIN);
            assert!(described.contains(words), "{described}");
        }
    }
}

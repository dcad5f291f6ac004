//! The metadata server of GKE or Compute Engine: one GET by plain HTTP, past every proxy.
//!
//! `format` and `licenses` are not sent: only Compute Engine knows them, and the default has all that AWS reads
//! (<https://cloud.google.com/compute/docs/instances/verifying-instance-identity>).

use std::io::ErrorKind;
use std::time::{Duration, SystemTime};

use gtoken_contract::{Audience, duration};
use ureq::unversioned::transport::TcpConnector;
use ureq::{Agent, Error, Timeout};

use super::{AN_ACCESS_TOKEN, AN_ID_TOKEN, Source, SourceError, access_token, refusal};
use crate::beside::{QUICK, first_answer};
use crate::config::MetadataHost;
use crate::credentials::Secret;
use crate::excerpt::excerpt;
use crate::exchange::{self, Answer, connect_limit};
use crate::resolver::NoThreadForAddresses;
use crate::token::{Expectation, IdToken, InvalidToken, MAX_BYTES};

/// The pod's account.
const PATH: &str = "/computeMetadata/v1/instance/service-accounts/default";

/// A client of the metadata server.
#[derive(Clone, Debug)]
pub struct MetadataServer {
    host: MetadataHost,
    http: Agent,
}

impl MetadataServer {
    /// Connects to nothing yet.
    pub fn new(host: MetadataHost) -> Self {
        let config = exchange::client()
            .proxy(None)
            // Nothing is kept between attempts that are most of an hour apart.
            .max_idle_connections(0)
            .build();
        let http = Agent::with_parts(
            config,
            // Without TLS, whatever else the program is linked with (ARCHITECTURE, invariant 2).
            TcpConnector::default(),
            NoThreadForAddresses,
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
        if status == 200 {
            return Ok(body);
        }
        Err(SourceError::Refused {
            server: self.name(),
            wanted,
            status,
            said: excerpt(&body),
            advice: refusal::advice(status, &body).into(),
            retry_after: refusal::retry_after(status, retry_after.as_deref()),
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
        Answer::read(request.call()?, MAX_BYTES)
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
            let described = describe(&error, &host, Duration::from_secs(3));
            assert!(described.contains(words), "{described}");
        }
    }
}

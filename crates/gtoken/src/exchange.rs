//! What requests share, by plain HTTP to the metadata server or by HTTPS to Google's APIs: their limits, and what is taken
//! of an answer.

use std::io::Read as _;
use std::time::Duration;

use ureq::config::ConfigBuilder;
use ureq::http::{Response, header};
use ureq::typestate::AgentScope;
use ureq::{Agent, Body, Error};

/// A server on the same node accepts a connection at once or is not there, and one of Google's takes a few round trips, of
/// which one may be lost.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);

/// The head of an answer has fewer bytes, of which Google's have about 1,000. A larger buffer, and there are two for TLS, would
/// stay with the process as memory that was used once.
const MAX_HEAD: usize = 4096;

/// What a server answered.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The header `Retry-After`, as it came.
    pub retry_after: Option<String>,
    /// What came with it.
    pub body: Vec<u8>,
}

/// A client that takes any answer as it is, within limits.
pub(crate) fn client() -> ConfigBuilder<AgentScope> {
    Agent::config_builder()
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .user_agent(concat!("gtoken/", env!("CARGO_PKG_VERSION")))
        .input_buffer_size(MAX_HEAD)
        .output_buffer_size(2048)
        // One that fills the buffer is seen to be too long.
        .max_response_header_size(MAX_HEAD - 1)
}

/// How long connecting may take: less than the whole, or it would be the whole that ran out, and nobody knew on what.
pub(crate) fn connect_limit(within: Duration) -> Duration {
    within.mul_f64(0.9).min(CONNECT_WITHIN)
}

impl Answer {
    /// Takes the answer, of its body no more than `limit` bytes.
    pub(crate) fn read(mut response: Response<Body>, limit: usize) -> Result<Self, Error> {
        let mut body = Vec::new();
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        let status = response.status().as_u16();
        let asked = response.headers().get(header::RETRY_AFTER);
        let retry_after = asked
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let reader = response.body_mut().as_reader();
        match reader.take(limit).read_to_end(&mut body) {
            // What came of a refusal is enough to show.
            Err(error) if status == 200 => Err(Error::from(error)),
            _ => Ok(Self {
                status,
                retry_after,
                body,
            }),
        }
    }
}

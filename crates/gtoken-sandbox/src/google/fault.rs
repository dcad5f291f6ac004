//! What a scenario makes of an answer, whichever of Google's endpoints gives it.

use std::future;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper::header::{CONTENT_LENGTH, HeaderValue, LOCATION, RETRY_AFTER};
use hyper::{Response, StatusCode};

use super::Scenario;
use crate::http::{self, Answer, Body};
use crate::wire::Wire;

/// How long [`Scenario::Trickle`] rests after each byte.
const BETWEEN_BYTES: Duration = Duration::from_secs(1);

/// The body that [`Scenario::Oversized`] sends, in bytes.
const OVERSIZED: usize = 16 << 20;

/// Answers as the scenario wants it; `right` gives the right answer, and is asked for it only where something is left of it.
pub(crate) async fn perform(
    scenario: Scenario,
    wire: Option<Wire>,
    right: impl Future<Output = Answer>,
) -> Answer {
    match scenario {
        Scenario::Silent => future::pending::<()>().await,
        Scenario::Refused => return Err(io::ErrorKind::ConnectionAborted.into()),
        Scenario::Slow(pause) => tokio::time::sleep(pause).await,
        _ => {}
    }
    match instead(scenario) {
        Some(faulty) => Ok(faulty),
        None => spoil(scenario, wire, right.await?).await,
    }
}

/// The answers of scenarios that leave nothing of the right one.
fn instead(scenario: Scenario) -> Option<Response<Body>> {
    const JSON: &str = r#"{"error":{"code":500,"message":"internal error","status":"INTERNAL"}}"#;
    match scenario {
        Scenario::Html200 => Some(refusal(200, None)),
        Scenario::NotFound => Some(refusal(404, None)),
        Scenario::ServerError => Some(refusal(500, None)),
        Scenario::Unavailable => Some(refusal(503, None)),
        Scenario::TooManyRequests => Some(refusal(429, None)),
        Scenario::Redirect => Some(refusal(302, None)),
        Scenario::Status { code, retry_after } => Some(refusal(code, retry_after)),
        Scenario::Empty200 => Some(http::answer(StatusCode::OK, "text/html", "")),
        Scenario::JsonInstead => Some(http::answer(StatusCode::OK, "application/json", JSON)),
        Scenario::Oversized => {
            let body = vec![b'A'; OVERSIZED];
            Some(http::answer(StatusCode::OK, "text/html", body))
        }
        _ => None,
    }
}

/// A page in HTML with this status; a redirect leads to where nobody listens.
fn refusal(code: u16, retry_after: Option<u64>) -> Response<Body> {
    const HTML: &str =
        "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Welcome</body></html>\n";
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = http::answer(status, "text/html; charset=UTF-8", HTML);
    let headers = response.headers_mut();
    if status.is_redirection() {
        let elsewhere = HeaderValue::from_static("http://127.0.0.1:9/elsewhere");
        headers.insert(LOCATION, elsewhere);
    }
    if let Some(seconds) = retry_after {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// What is left of the right answer.
async fn spoil(scenario: Scenario, wire: Option<Wire>, right: Response<Body>) -> Answer {
    let (mut parts, body) = right.into_parts();
    let body = body.collect().await?.to_bytes();
    let half = body.slice(..body.len() / 2);
    let announced = HeaderValue::from(body.len());
    let body = match scenario {
        Scenario::Truncated => http::full(half),
        Scenario::Chunked => pieces(&body),
        Scenario::BrokenOff => {
            parts.headers.insert(CONTENT_LENGTH, announced);
            http::broken_after(half)
        }
        Scenario::SilentAfterHead => {
            parts.headers.insert(CONTENT_LENGTH, announced);
            StreamBody::new(stream::pending()).boxed()
        }
        Scenario::EndlessHead
        | Scenario::Reset
        | Scenario::Trickle
        | Scenario::WrongLength { .. } => {
            let head = head(&parts, body.len(), scenario);
            return Err(past_http(scenario, wire, &head, &body).await);
        }
        _ => http::full(body),
    };
    Ok(Response::from_parts(parts, body))
}

/// The body in parts of a few bytes, without a length: HTTP/1.1 sends it in chunks.
fn pieces(body: &Bytes) -> Body {
    let frame = |piece: &[u8]| Ok(Frame::data(Bytes::copy_from_slice(piece)));
    let pieces: Vec<_> = body.chunks(100).map(frame).collect();
    StreamBody::new(stream::iter(pieces)).boxed()
}

/// The head of an answer as HTTP/1.1 has it (RFC 9112), up to the end of its last line.
fn head(parts: &hyper::http::response::Parts, length: usize, scenario: Scenario) -> Vec<u8> {
    let length = match scenario {
        Scenario::WrongLength { by } => {
            length.saturating_add_signed(isize::try_from(by).unwrap_or_default())
        }
        _ => length,
    };
    let mut head =
        format!("HTTP/1.1 {}\r\ncontent-length: {length}\r\n", parts.status).into_bytes();
    for (name, value) in &parts.headers {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head
}

/// Sends what no server of HTTP would, and gives the error that ends the connection.
async fn past_http(scenario: Scenario, wire: Option<Wire>, head: &[u8], body: &[u8]) -> io::Error {
    let end = io::Error::from(io::ErrorKind::ConnectionReset);
    let Some(wire) = wire else { return end };
    let sent = match scenario {
        Scenario::EndlessHead => endless(&wire, head).await,
        Scenario::Reset => reset(&wire, &[head, b"\r\n", &body[..body.len() / 2]].concat()).await,
        Scenario::Trickle => trickle(&wire, &[head, b"\r\n", body].concat()).await,
        _ => wire.send(&[head, b"\r\n", body].concat()).await,
    };
    sent.err().unwrap_or(end)
}

async fn endless(wire: &Wire, head: &[u8]) -> io::Result<()> {
    wire.send(head).await?;
    loop {
        wire.send(b"x-and-another: header\r\n").await?;
    }
}

async fn reset(wire: &Wire, bytes: &[u8]) -> io::Result<()> {
    wire.send(bytes).await?;
    wire.end_in_reset()
}

async fn trickle(wire: &Wire, bytes: &[u8]) -> io::Result<()> {
    for byte in bytes {
        wire.send(&[*byte]).await?;
        tokio::time::sleep(BETWEEN_BYTES).await;
    }
    Ok(())
}

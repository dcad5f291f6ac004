//! Paths, methods, types, sizes and times of requests; what is in them is for [`admit`](crate::admit).

mod body;
#[cfg(test)]
mod tests;

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use body::{MAX_BODY, Unread};
use bytes::Bytes;
use futures_util::FutureExt as _;
use http_body_util::Full;
use hyper::body::Body;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode, Version};
use tokio::time::timeout_at;
use tracing::warn;

use crate::admin::{Admin, not_allowed, reading, text};
use crate::admit::{Admission, Admitter};
use crate::connection::Intake;
use crate::log::Seldom;
use crate::metrics::Answered;
use crate::room::{Room, Share};

/// The time of a request that names none, as the API server has it by default.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest that a webhook configuration may ask for.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(30);

/// How often it is said that a request held no review, which a hostile client may send without end.
static SAID: Seldom = Seldom::new(Duration::from_secs(1));

/// Answers requests on the main listener.
#[derive(Debug)]
pub struct Routes {
    /// Answers reviews.
    pub admitter: Admitter,
    /// Answers operators and kubelet.
    pub admin: Arc<Admin>,
    /// Whether `/metrics` is here: a listener of its own keeps it from whoever reaches this one.
    pub shows_metrics: bool,
    /// The memory that requests share.
    pub room: Arc<Room>,
    /// What is read from all connections.
    pub(crate) intake: Arc<Intake>,
}

impl Routes {
    /// Answers one request within its share of the room; a panic in that is one answer lost, not the process.
    pub async fn answer<B>(&self, request: Request<B>, share: &Share) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes>,
        B::Error: fmt::Display,
    {
        let start = Instant::now();
        let _on_its_way = self.admin.metrics.in_flight();
        let answer = AssertUnwindSafe(self.route(request, share))
            .catch_unwind()
            .await;
        answer.unwrap_or_else(|_| {
            self.refuse("panicked", Answered::Unavailable, start);
            text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "a defect in gtoken-webhook; its log has more",
            )
        })
    }

    async fn route<B>(&self, request: Request<B>, share: &Share) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes>,
        B::Error: fmt::Display,
    {
        let method = request.method();
        match request.uri().path() {
            "/pods" | "/serviceaccounts" if *method == Method::POST => {
                self.review(request, share).await
            }
            "/pods" | "/serviceaccounts" => not_allowed("POST"),
            "/healthz" => reading(method, || self.admin.health()),
            "/readyz" => reading(method, || self.admin.ready()),
            "/metrics" if self.shows_metrics => reading(method, || self.admin.metrics()),
            _ => text(StatusCode::NOT_FOUND, "not found"),
        }
    }

    async fn review<B>(&self, request: Request<B>, share: &Share) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes>,
        B::Error: fmt::Display,
    {
        let start = Instant::now();
        if !is_json(request.headers()) {
            self.refuse("no-json", Answered::Refused, start);
            return text(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the content type is application/json",
            );
        }
        let is_pod = request.uri().path() == "/pods";
        let deadline = start + budget(request.uri().query());
        let is_http1 = request.version() <= Version::HTTP_11;
        let mut body = pin!(request.into_body());
        let read = timeout_at(deadline.into(), body::read(body.as_mut(), share)).await;
        if is_http1 && matches!(read, Ok(Err(Unread::NoRoom | Unread::TooLarge))) {
            // Who is slower does without an answer.
            share.shrink();
            let _ = timeout_at(deadline.into(), body::discard(body)).await;
        }
        match read {
            Ok(Ok(body)) => {
                share.decides();
                let admission = if is_pod {
                    self.admitter.admit(&body, deadline).await
                } else {
                    self.admitter.advise(&body)
                };
                let metrics = &self.admin.metrics;
                metrics.bytes(body.len(), admission.body().len());
                respond(admission)
            }
            Ok(Err(unread)) => self.unread(&unread, start),
            Err(_) => self.unread(&Unread::TooSlow, start),
        }
    }

    fn unread(&self, unread: &Unread, start: Instant) -> Response<Full<Bytes>> {
        let (label, status, answered) = match unread {
            Unread::Broken(_) => ("body-broken", StatusCode::BAD_REQUEST, Answered::Refused),
            Unread::NoRoom => (
                "no-room",
                StatusCode::SERVICE_UNAVAILABLE,
                Answered::Unavailable,
            ),
            Unread::TooLarge => (
                "body-too-large",
                StatusCode::PAYLOAD_TOO_LARGE,
                Answered::Refused,
            ),
            Unread::TooSlow => (
                "body-too-slow",
                StatusCode::REQUEST_TIMEOUT,
                Answered::Refused,
            ),
        };
        if SAID.is_due(Instant::now()) {
            warn!(reason = %unread, "a request without a review; /metrics counts those that are not told here");
        }
        self.refuse(label, answered, start);
        let mut response = if answered == Answered::Unavailable {
            again(unread.to_string())
        } else {
            text(status, unread.to_string())
        };
        // What is left of the body is not waited for.
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }

    fn refuse(&self, label: &'static str, answered: Answered, start: Instant) {
        self.admin.metrics.review(label, answered, start.elapsed());
    }
}

fn respond(admission: Admission) -> Response<Full<Bytes>> {
    let status = admission.status();
    match admission {
        Admission::Answer(json) => {
            let mut response = Response::new(Full::new(json.into()));
            let json = HeaderValue::from_static("application/json");
            response.headers_mut().insert(CONTENT_TYPE, json);
            response
        }
        Admission::Invalid(reason) => text(status, reason),
        Admission::Unknown(reason) => again(reason),
    }
}

/// 503, and without `Retry-After` the API server would not ask again.
fn again(reason: String) -> Response<Full<Bytes>> {
    let mut response = text(StatusCode::SERVICE_UNAVAILABLE, reason);
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// Parameters, such as a charset, change nothing: JSON is UTF-8.
fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let media_type = content_type.and_then(|text| text.split(';').next());
    media_type.is_some_and(|text| text.trim().eq_ignore_ascii_case("application/json"))
}

/// Nine tenths of what `?timeout=` names: the rest is for the way back, or the answer would come to nobody.
fn budget(query: Option<&str>) -> Duration {
    let mut parameters = query.unwrap_or_default().split('&');
    let named = parameters
        .find_map(|parameter| parameter.strip_prefix("timeout="))
        .and_then(|text| gtoken_contract::duration::parse(text).ok())
        .filter(|timeout| !timeout.is_zero());
    named.unwrap_or(DEFAULT_TIMEOUT).min(LONGEST_TIMEOUT) * 9 / 10
}

const _: () = assert!(
    MAX_BODY >= 3 << 20,
    "the API server sends bodies of up to 3 MiB"
);

//! What operators and kubelet ask: metrics, health and readiness, on the main listener or one of its own.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use clap::Args;
use http_body_util::Full;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

use crate::accounts::Accounts;
use crate::address::{CannotListen, ListenAddress};
use crate::connection::{self, HEAD_TIMEOUT};
use crate::metrics::Metrics;
use crate::ready::Readiness;

/// Where metrics are shown.
#[derive(Args, Debug)]
pub struct AdminArgs {
    /// Where /metrics, /healthz and /readyz are served by plain HTTP; when empty, /metrics is on the main listener.
    #[arg(long, default_value = "", hide_default_value = true, value_parser = optional_address, value_name = "ADDRESS")]
    pub telemetry_listen_address: OptionalAddress,
}

/// An address, or none where the flag is empty; under a name of its own, since clap reads `Option` as a flag that may be absent.
pub type OptionalAddress = Option<ListenAddress>;

fn optional_address(text: &str) -> Result<OptionalAddress, crate::address::InvalidAddress> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some)
}

impl AdminArgs {
    /// Opens the listener, where one is asked for.
    pub async fn bind(&self) -> Result<Option<TcpListener>, CannotListen> {
        match &self.telemetry_listen_address {
            Some(address) => address.bind().await.map(Some),
            None => Ok(None),
        }
    }
}

/// Answers what operators and kubelet ask.
#[derive(Debug)]
pub struct Admin {
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Whether traffic should come.
    pub readiness: Readiness,
    /// What is known of ServiceAccounts.
    pub accounts: Arc<Accounts>,
}

impl Admin {
    /// `/healthz`: the process answers, which is all that a restart could mend.
    pub fn health(&self) -> Response<Full<Bytes>> {
        text(StatusCode::OK, "ok")
    }

    /// `/readyz`: whether traffic should come, and why not.
    pub fn ready(&self) -> Response<Full<Bytes>> {
        match self.readiness.check() {
            Ok(()) => match self.readiness.troubles() {
                Some(troubles) => text(StatusCode::OK, format!("ok, but {troubles}")),
                None => text(StatusCode::OK, "ok"),
            },
            Err(reason) => text(StatusCode::SERVICE_UNAVAILABLE, reason.to_string()),
        }
    }

    /// `/metrics`, in the text format of Prometheus.
    pub fn metrics(&self) -> Response<Full<Bytes>> {
        let mut response = text(StatusCode::OK, self.metrics.encode(&self.accounts.state()));
        let format = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static(format));
        response
    }

    fn answer(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        let answer: fn(&Self) -> Response<Full<Bytes>> = match path {
            "/healthz" => Self::health,
            "/metrics" => Self::metrics,
            "/readyz" => Self::ready,
            _ => return text(StatusCode::NOT_FOUND, "not found"),
        };
        reading(method, || answer(self))
    }

    /// Serves the listener for as long as the process lives, the end included, when people look closest.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) {
        loop {
            let stream = connection::accept(&listener).await;
            let admin = Arc::clone(&self);
            let service = service_fn(move |request: Request<_>| {
                let answer = admin.answer(request.method(), request.uri().path());
                async move { Ok::<_, Infallible>(answer) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .serve_connection(TokioIo::new(stream), service);
            tokio::spawn(async move {
                // What goes wrong on one connection is for its client to see.
                let _ = connection.await;
            });
        }
    }
}

/// Answers GET and HEAD, and says so to any other method.
pub(crate) fn reading(
    method: &Method,
    answer: impl FnOnce() -> Response<Full<Bytes>>,
) -> Response<Full<Bytes>> {
    if *method == Method::GET || *method == Method::HEAD {
        return answer();
    }
    not_allowed("GET, HEAD")
}

/// 405, with the methods that are.
pub(crate) fn not_allowed(methods: &'static str) -> Response<Full<Bytes>> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, format!("only {methods}"));
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(methods));
    response
}

/// An answer for people.
pub(crate) fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}

//! A small Kubernetes API.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};

use crate::http::{self, Body};

/// The state of the Kubernetes API.
#[derive(Debug)]
pub struct Kubernetes {}

impl Kubernetes {
    /// An empty cluster that takes this bearer token.
    pub fn new(_bearer_token: String) -> Arc<Self> {
        Arc::new(Self {})
    }

    /// Answers one request.
    pub(crate) async fn respond(self: Arc<Self>, _request: Request<Incoming>) -> Response<Body> {
        http::answer(StatusCode::NOT_FOUND, "text/plain", "not here yet")
    }
}

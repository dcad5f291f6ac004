//! AWS's side: an STS that verifies tokens and evaluates trust policies.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Request, StatusCode};

use crate::google::Google;
use crate::http::{self, Answer};
use crate::sandbox::Config;

/// An AWS.
pub struct Aws {}

pub(crate) struct Provider {}

impl Provider {
    pub(crate) fn google(_google: &Arc<Google>) -> Self {
        Self {}
    }
}

impl Aws {
    pub(crate) fn new(_config: &Config, _google: Provider) -> Self {
        Self {}
    }

    pub(crate) async fn respond(self: Arc<Self>, _request: Request<Incoming>) -> Answer {
        Ok(http::answer(StatusCode::NOT_IMPLEMENTED, "text/plain", ""))
    }
}

//! The sandbox's own API.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Request, StatusCode};

use crate::aws::Aws;
use crate::google::Google;
use crate::http::{self, Answer};

/// What the control API acts on.
#[derive(Clone)]
pub(crate) struct Control {}

impl Control {
    pub(crate) fn new(_google: &Arc<Google>, _aws: &Arc<Aws>) -> Self {
        Self {}
    }

    pub(crate) async fn respond(self, _request: Request<Incoming>) -> Answer {
        Ok(http::answer(StatusCode::NOT_IMPLEMENTED, "text/plain", ""))
    }
}

//! The sandbox's own API, for processes that cannot call it as a library: plain HTTP with JSON.
//!
//! | request | body | does |
//! |---|---|---|
//! | `PUT /roles` | `{"arn": …, "trustPolicy": {…}, "maxSessionDuration": 3600}` | creates or replaces a role |
//! | `PUT /identity` | `{"linked": {"email": …, "uniqueId": …}}`, `{"node": …}` or `{"unlinked": {"namespace": …, "serviceAccount": …}}` | changes whose tokens the metadata server hands out |
//! | `PUT /scenario` | `"unavailable"`, `{"slow": 500}` (milliseconds), or a list, one for each of the next requests | plays a [`Scenario`] |
//! | `POST /keys/rotate` | | signs with a new key |
//! | `POST /keys/retire` | | publishes the signing key only |
//! | `GET /journal` | | STS's calls and the reasons for its answers |
//! | `GET /requests` | | what reached the metadata server |
//!
//! What changes something answers 204; what cannot be done answers 400 with `{"error": …}`.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::aws::{Aws, Role};
use crate::google::{Google, Identity, Scenario};
use crate::http::{self, Answer, Body};

/// What the API acts on.
#[derive(Clone)]
pub(crate) struct Control {
    google: Arc<Google>,
    aws: Arc<Aws>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Play {
    Lasting(Scenario),
    InTurn(Vec<Scenario>),
}

impl Control {
    pub(crate) fn new(google: &Arc<Google>, aws: &Arc<Aws>) -> Self {
        Self {
            google: Arc::clone(google),
            aws: Arc::clone(aws),
        }
    }

    /// Answers one request.
    pub(crate) async fn respond(self, request: Request<Incoming>) -> Answer {
        let (parts, body) = request.into_parts();
        let body = http::read(body).await?;
        // Making a key takes too long for a thread that serves others as well.
        let work = move || self.act(&parts.method, parts.uri.path(), &body);
        tokio::task::spawn_blocking(work)
            .await
            .map_err(std::io::Error::other)
    }

    fn act(&self, method: &Method, path: &str, body: &[u8]) -> Response<Body> {
        let done = match (method.as_str(), path) {
            ("GET", "/journal") => return http::json(StatusCode::OK, &self.aws.journal()),
            ("GET", "/requests") => return http::json(StatusCode::OK, &self.google.requests()),
            ("PUT", "/roles") => parse::<Role>(body)
                .and_then(|role| self.aws.put_role(&role).map_err(|error| error.to_string())),
            ("PUT", "/identity") => {
                parse::<Identity>(body).map(|identity| self.google.set_identity(identity))
            }
            ("PUT", "/scenario") => parse(body).map(|play| match play {
                Play::Lasting(scenario) => self.google.play(scenario),
                Play::InTurn(scenarios) => self.google.play_in_turn(scenarios),
            }),
            ("POST", "/keys/rotate") => {
                self.google.rotate_keys();
                Ok(())
            }
            ("POST", "/keys/retire") => {
                self.google.retire_keys();
                Ok(())
            }
            _ => return nothing_here(method, path),
        };
        match done {
            Ok(()) => {
                let mut response = Response::new(http::full(""));
                *response.status_mut() = StatusCode::NO_CONTENT;
                response
            }
            Err(error) => http::json(StatusCode::BAD_REQUEST, &json!({"error": error})),
        }
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body)
        .map_err(|error| format!("the body is not what is taken here: {error}"))
}

fn nothing_here(method: &Method, path: &str) -> Response<Body> {
    let error = format!(
        "there is no {method} {path}; there are PUT /roles, /identity and /scenario, \
         POST /keys/rotate and /keys/retire, GET /journal and /requests"
    );
    http::json(StatusCode::NOT_FOUND, &json!({"error": error}))
}

//! The sandbox's own API, for processes that cannot call it as a library: plain HTTP with JSON.
//!
//! | request | body | does |
//! |---|---|---|
//! | `PUT /roles` | `{"arn": …, "trustPolicy": {…}, "maxSessionDuration": 3600}` | creates or replaces a role |
//! | `PUT /identity` | `{"linked": {"email": …, "uniqueId": …}}`, `{"node": …}` or `{"unlinked": {"namespace": …, "serviceAccount": …}}` | changes whose tokens the metadata server hands out where it does not tell pods apart |
//! | `PUT /scenario` | `"unavailable"`, `{"slow": 500}` (milliseconds), `{"status": {"code": 429, "retryAfter": 5}}`, or a list, one for each of the next requests | plays a [`Scenario`]; they are listed below |
//! | `PUT /scenario?namespace=…&pod=…&youngerThan=20` | as above | plays it to that pod, or to every pod of the namespace, while the pod's network is younger than these seconds; `pod` and `youngerThan` may be left out |
//! | `PUT /scenario/apis` | as above | plays it to the requests to Google's APIs |
//! | `PUT /grants` | `{"member": …, "role": "roles/iam.serviceAccountOpenIdTokenCreator", "on": …}` | grants a role on a service account ([`crate::google::Grant`]) |
//! | `PUT /lifetimes` | `{"account": …, "token": 60, "session": 60, "grace": 0}` (seconds) | changes how long tokens and sessions live of the Google account with this email or unique id (or another issuer's `sub`), or of everybody; what is left out stays |
//! | `PUT /providers` | `{"account": "123456789012", "issuer": …, "clientIds": […], "jwks": {"keys": […]}}` | creates or replaces an OIDC provider of an AWS account |
//! | `POST /keys/rotate` | | signs with a new key |
//! | `POST /keys/retire` | | publishes the signing key only |
//! | `GET /journal` | | STS's calls and the reasons for its answers |
//! | `GET /requests` | | what reached the metadata server |
//! | `GET /accounts?email=…` | | `{"email": …, "uniqueId": …}`, as `gcloud iam service-accounts describe` tells it: what a trust policy names |
//!
//! A query filters the journal and the requests by the fields of what they answer, as `GET /journal?role=…&outcome=Success` and
//! `GET /requests?namespace=…&pod=…` do. The fields are those of [`crate::aws::Entry`] and [`crate::google::SeenRequest`].
//!
//! | scenario | the metadata server |
//! |---|---|
//! | `"healthy"` | answers as GKE's does |
//! | `"refused"`, `"silent"` | closes the connection without an answer; never answers |
//! | `{"slow": 12000}` | answers rightly after these milliseconds |
//! | `"silentAfterHead"`, `"trickle"` | sends the head only; sends one byte a second |
//! | `"brokenOff"`, `"reset"` | sends half and closes the connection; sends half and resets it |
//! | `{"wrongLength": {"by": -100}}` | announces a length that differs by this |
//! | `"chunked"` | answers rightly, in chunks |
//! | `"oversized"`, `"endlessHead"` | sends a body of 16 MiB; sends headers without end |
//! | `"notFound"`, `"tooManyRequests"`, `"serverError"`, `"unavailable"`, `"redirect"` | answers 404, 429, 500, 503, 302 |
//! | `{"status": {"code": 429, "retryAfter": 5}}` | answers any status; `retryAfter` (seconds) may be left out |
//! | `"html200"`, `"jsonInstead"`, `"empty200"`, `"truncated"` | answers 200 with a page, an error in JSON, nothing, half a token |
//! | `"sameToken"`, `"olderToken"`, `"expiredToken"` | hands out the last token again; one that ends before it; one that has ended |
//! | `{"unbornToken": 60000}` | hands out a token that begins so many milliseconds after now |
//! | `"wrongAudience"`, `"noExpiry"`, `"expiryAsText"` | hands out a token with this claim wrong |
//! | `"nodesToken"` | hands out the token of the node's identity |
//!
//! What changes something answers 204; what cannot be done answers 400 with `{"error": …}`.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode, Uri};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::aws::{Aws, Provider, Role};
use crate::form;
use crate::google::{Google, Grant, Identity, Scenario, Target};
use crate::http::{self, Answer, Body};
use crate::lifetimes::Lifetimes;

/// What the API acts on.
#[derive(Clone)]
pub(crate) struct Control {
    google: Arc<Google>,
    aws: Arc<Aws>,
    lifetimes: Lifetimes,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Play {
    Lasting(Scenario),
    InTurn(Vec<Scenario>),
}

/// An OIDC provider as `aws iam create-open-id-connect-provider` makes it, with its keys.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewProvider {
    account: String,
    issuer: String,
    client_ids: Vec<String>,
    jwks: Value,
}

impl Control {
    pub(crate) fn new(google: &Arc<Google>, aws: &Arc<Aws>, lifetimes: &Lifetimes) -> Self {
        Self {
            google: Arc::clone(google),
            aws: Arc::clone(aws),
            lifetimes: lifetimes.clone(),
        }
    }

    /// Answers one request.
    pub(crate) async fn respond(self, request: Request<Incoming>) -> Answer {
        let (parts, body) = request.into_parts();
        let body = http::read(body).await?;
        // Making a key takes too long for a thread that serves others as well.
        let work = move || self.act(&parts.method, &parts.uri, &body);
        tokio::task::spawn_blocking(work)
            .await
            .map_err(std::io::Error::other)
    }

    fn act(&self, method: &Method, uri: &Uri, body: &[u8]) -> Response<Body> {
        let query = form::pairs(uri.query().unwrap_or_default());
        let path = uri.path();
        let done = match (method.as_str(), path) {
            ("GET", "/journal") => return found(&self.aws.journal(), &query),
            ("GET", "/requests") => return found(&self.google.requests(), &query),
            ("GET", "/accounts") => return self.account(&query),
            ("PUT", "/roles") => parse::<Role>(body)
                .and_then(|role| self.aws.put_role(&role).map_err(|error| error.to_string())),
            ("PUT", "/providers") => {
                parse::<NewProvider>(body).map(|new| self.aws.put_provider(new.provider()))
            }
            ("PUT", "/identity") => {
                parse::<Identity>(body).map(|identity| self.google.set_identity(identity))
            }
            ("PUT", "/lifetimes") => parse(body).map(|change| self.lifetimes.change(&change)),
            ("PUT", "/scenario") => self.play(&query, body),
            ("PUT", "/scenario/apis") => parse(body).map(|play| match play {
                Play::Lasting(scenario) => self.google.play_apis(scenario),
                Play::InTurn(scenarios) => self.google.play_apis_in_turn(scenarios),
            }),
            ("PUT", "/grants") => parse::<Grant>(body)
                .map(|Grant { member, role, on }| self.google.grant(&member, role, &on)),
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
            Err(error) => refused(&error),
        }
    }

    /// The Google account of the email that the query names.
    fn account(&self, query: &[(String, String)]) -> Response<Body> {
        let email = form::value(query, "email").filter(|email| email.contains('@'));
        email.map_or_else(
            || refused("an account is asked for by its email, as /accounts?email=NAME@PROJECT.iam.gserviceaccount.com"),
            |email| http::json(StatusCode::OK, &self.google.account(email)),
        )
    }

    fn play(&self, query: &[(String, String)], body: &[u8]) -> Result<(), String> {
        let target = target(query)?;
        match parse(body)? {
            Play::Lasting(scenario) => self.google.play_to(&target, scenario),
            Play::InTurn(scenarios) => self.google.play_in_turn_to(&target, scenarios),
        }
        Ok(())
    }
}

impl NewProvider {
    fn provider(self) -> Provider {
        let client_ids: Vec<_> = self.client_ids.iter().map(String::as_str).collect();
        let jwks = self.jwks;
        Provider::oidc(&self.account, &self.issuer, &client_ids, move || {
            Some(jwks.clone())
        })
    }
}

fn target(query: &[(String, String)]) -> Result<Target, String> {
    let mut target = Target::default();
    for (name, value) in query {
        match name.as_str() {
            "namespace" => target.namespace = Some(value.clone()),
            "pod" => target.pod = Some(value.clone()),
            "youngerThan" => {
                let seconds = value
                    .parse()
                    .map_err(|_| format!("youngerThan is in whole seconds, not `{value}`"))?;
                target.younger_than = Some(Duration::from_secs(seconds));
            }
            other => {
                return Err(format!(
                    "a scenario is for a namespace, a pod and youngerThan, not for `{other}`"
                ));
            }
        }
    }
    if target.pod.is_some() && target.namespace.is_none() {
        return Err("a pod needs its namespace as well".into());
    }
    Ok(target)
}

/// The entries whose fields have the values that the query names.
fn found<T: Serialize>(entries: &[T], query: &[(String, String)]) -> Response<Body> {
    let entries = entries.iter().map(|entry| json!(entry));
    let mut left = Vec::new();
    for entry in entries {
        if let Some((name, _)) = query.iter().find(|(name, _)| entry.get(name).is_none()) {
            return refused(&format!("there is no `{name}` to filter by"));
        }
        let is = |(name, value): &(String, String)| entry[name.as_str()].as_str() == Some(value);
        if query.iter().all(is) {
            left.push(entry);
        }
    }
    http::json(StatusCode::OK, &left)
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body)
        .map_err(|error| format!("the body is not what is taken here: {error}"))
}

fn refused(error: &str) -> Response<Body> {
    http::json(StatusCode::BAD_REQUEST, &json!({"error": error}))
}

fn nothing_here(method: &Method, path: &str) -> Response<Body> {
    let error = format!(
        "there is no {method} {path}; there are PUT /roles, /providers, /identity, /grants, /lifetimes, /scenario and /scenario/apis, \
         POST /keys/rotate and /keys/retire, GET /journal, /requests and /accounts"
    );
    http::json(StatusCode::NOT_FOUND, &json!({"error": error}))
}

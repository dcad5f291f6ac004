//! Google over HTTP: the metadata server with its faults, and the public documents.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use hyper::body::Incoming;
use hyper::header::{HeaderValue, SERVER};
use hyper::{Method, Request, Response, StatusCode};
use serde::Serialize;
use serde_json::json;

use super::identity::{ISSUER, Identity};
use super::metadata::{self, Endpoint, Refusal};
use super::{Google, Scenario, fault};
use crate::calendar;
use crate::clock::Clock;
use crate::cluster::{CallerError, Pod};
use crate::http::{self, Answer, Body, Peer};
use crate::wire::Wire;

/// A request that reached the metadata server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SeenRequest {
    /// When, in ISO 8601.
    pub time: String,
    /// When, to the nanosecond.
    #[serde(skip)]
    pub at: SystemTime,
    /// The address it came from.
    pub address: Option<IpAddr>,
    /// The namespace of the pod that has the address, where pods are told apart.
    pub namespace: Option<String>,
    /// The name of that pod.
    pub pod: Option<String>,
    /// What was played to it.
    pub scenario: Scenario,
    /// The method.
    pub method: String,
    /// Path and query as they were sent.
    pub path: String,
    /// The headers in the order they were sent, names in lower case.
    pub headers: Vec<(String, String)>,
}

/// The path of the JWKS on the server of Google's public documents.
pub(crate) const JWKS_PATH: &str = "/oauth2/v3/certs";

/// The path of the discovery document (OpenID Connect Discovery 1.0).
pub(crate) const DISCOVERY_PATH: &str = "/.well-known/openid-configuration";

impl SeenRequest {
    /// The first value of the header, which is named in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(super) fn of<B>(
        request: &Request<B>,
        clock: &Clock,
        pod: Option<&Pod>,
        scenario: Scenario,
    ) -> Self {
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = request.headers().iter();
        Self {
            time: calendar::iso8601(clock.unix()),
            at: clock.now(),
            address: Peer::of(request),
            namespace: pod.map(|pod| pod.namespace.clone()),
            pod: pod.map(|pod| pod.name.clone()),
            scenario,
            method: request.method().to_string(),
            path: request.uri().to_string(),
            headers: headers
                .map(|(name, value)| (name.to_string(), text(value)))
                .collect(),
        }
    }
}

impl Google {
    /// Answers one request to the metadata server as the scenario of the moment wants it.
    pub(crate) async fn respond_metadata(self: Arc<Self>, request: Request<Incoming>) -> Answer {
        let pod = self.pod(&request);
        let known = pod.as_ref().ok().and_then(Option::as_ref);
        let scenario = self.state.lock().playbills.take(known, self.now());
        let seen = SeenRequest::of(&request, &self.clock, known, scenario);
        self.requests.push(seen);
        let wire = Wire::of(&request);
        let right = async move {
            let identity = match pod {
                Ok(pod) => Arc::clone(&self).whom(pod).await?,
                Err(error) => Err(error),
            };
            Ok(match identity {
                Ok(identity) => self.metadata(&request, scenario, &identity),
                Err(error) => {
                    let text = format!("{error}\n");
                    http::answer(StatusCode::SERVICE_UNAVAILABLE, "text/plain", text)
                }
            })
        };
        fault::perform(scenario, wire, right).await
    }

    /// Answers one request for the discovery document, the keys or an API, all at the address `base`.
    pub(crate) async fn respond_public(
        self: Arc<Self>,
        request: Request<Incoming>,
        base: String,
    ) -> Answer {
        match request.uri().path() {
            JWKS_PATH | DISCOVERY_PATH => Ok(self.document(request.uri().path(), &base)),
            _ => self.respond_apis(request, &base).await,
        }
    }

    fn document(&self, path: &str, base: &str) -> Response<Body> {
        let Some(jwks) = self.jwks() else {
            return http::answer(
                StatusCode::SERVICE_UNAVAILABLE,
                "text/plain",
                "unavailable\n",
            );
        };
        if path == JWKS_PATH {
            return http::json(StatusCode::OK, &jwks);
        }
        let discovery = json!({
            "issuer": ISSUER,
            "jwks_uri": format!("{base}{JWKS_PATH}"),
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "claims_supported": ["aud", "email", "email_verified", "exp", "iat", "iss", "sub"],
        });
        http::json(StatusCode::OK, &discovery)
    }

    /// The pod that calls, where pods are told apart and it is one.
    fn pod(&self, request: &Request<Incoming>) -> Result<Option<Pod>, CallerError> {
        match (&self.cluster, Peer::of(request)) {
            (Some(cluster), Some(address)) => cluster.pod(address),
            _ => Ok(None),
        }
    }

    /// Whom the caller may act as.
    async fn whom(self: Arc<Self>, pod: Option<Pod>) -> io::Result<Result<Identity, CallerError>> {
        if self.cluster.is_none() {
            return Ok(Ok(self.identity()));
        }
        // The cluster is asked on a thread that may wait.
        let ask = move || match &self.cluster {
            Some(cluster) => cluster.identity(pod.as_ref()),
            None => Ok(self.identity()),
        };
        tokio::task::spawn_blocking(ask)
            .await
            .map_err(io::Error::other)
    }

    fn metadata(
        &self,
        request: &Request<Incoming>,
        scenario: Scenario,
        identity: &Identity,
    ) -> Response<Body> {
        let mut response = endpoint(request, identity).map_or_else(
            |(status, text)| http::answer(status, "text/html; charset=UTF-8", text),
            |endpoint| self.content(&endpoint, scenario, identity),
        );
        let server = match identity {
            Identity::Node(_) => "Metadata Server for VM",
            _ => "GKE Metadata Server",
        };
        let headers = response.headers_mut();
        headers.insert("metadata-flavor", HeaderValue::from_static("Google"));
        headers.insert(SERVER, HeaderValue::from_static(server));
        response
    }

    fn content(
        &self,
        endpoint: &Endpoint,
        scenario: Scenario,
        identity: &Identity,
    ) -> Response<Body> {
        let text = |text: String| http::answer(StatusCode::OK, "application/text", text);
        match endpoint {
            Endpoint::Text(fixed) => text(fixed.clone()),
            Endpoint::Email => text(metadata::email(identity)),
            Endpoint::Description => {
                let description = metadata::description(identity);
                http::answer(StatusCode::OK, "application/json", description)
            }
            Endpoint::AccessToken => self.access_token(identity),
            Endpoint::IdToken { audience, full } => {
                if let Identity::Unlinked {
                    namespace,
                    service_account,
                } = identity
                {
                    let (status, text) = metadata::unlinked(namespace, service_account);
                    return http::answer(status, "text/plain; charset=utf-8", text);
                }
                let token = self.issue(identity, audience, *full, scenario);
                let token = token.expect("only the unlinked have none");
                http::answer(StatusCode::OK, "text/html", token)
            }
        }
    }

    fn access_token(&self, identity: &Identity) -> Response<Body> {
        let issued = self.access_token_for(&metadata::principal(identity));
        let body = json!({
            "access_token": issued.token,
            "expires_in": issued.expires_in,
            "token_type": "Bearer",
        });
        http::json(StatusCode::OK, &body)
    }
}

/// What the request asks for, or the refusal of it.
fn endpoint(request: &Request<Incoming>, identity: &Identity) -> Result<Endpoint, Refusal> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let text = "only GET is answered here\n";
        return Err((StatusCode::METHOD_NOT_ALLOWED, text.into()));
    }
    let query = request.uri().query().unwrap_or_default();
    metadata::route(request.uri().path(), query, request.headers(), identity)
}

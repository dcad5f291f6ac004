//! The API through its front door, without sockets.

mod faults;
mod reading;
mod watching;
mod writing;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, StatusCode};
use serde_json::{Value, json};

use super::Kubernetes;
use crate::http::Body;

const ALL: &str = "/api/v1/serviceaccounts";
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
const METADATA_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/// A client with the right token.
struct Client(Arc<Kubernetes>);

impl Client {
    fn new() -> Self {
        Self(Kubernetes::new("secret".to_owned()))
    }

    /// With one ServiceAccount of each name, in the namespace `team`.
    fn with(names: &[&str]) -> Self {
        let client = Self::new();
        for name in names {
            client.0.put_service_account("team", name, &[]);
        }
        client
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response<Body> {
        let request = headers.iter().fold(
            Request::builder()
                .method(method)
                .uri(path)
                .header("authorization", "Bearer secret"),
            |request, (name, value)| request.header(*name, *value),
        );
        let body = Full::new(Bytes::from(body.to_owned()));
        Arc::clone(&self.0)
            .answer(request.body(body).expect("a request"))
            .await
    }

    async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (u16, Value) {
        let response = self.send(method, path, headers, body).await;
        let code = response.status().as_u16();
        let body = response.into_body().collect().await.expect("a whole body");
        let object = serde_json::from_slice(&body.to_bytes()).expect("JSON");
        (code, object)
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.call("GET", path, &[], "").await
    }

    async fn get_as(&self, path: &str, accept: &str) -> (u16, Value) {
        self.call("GET", path, &[("accept", accept)], "").await
    }

    /// Opens a watch over all ServiceAccounts.
    async fn watch(&self, parameters: &str) -> Watch {
        self.watch_as(parameters, "application/json").await
    }

    async fn watch_as(&self, parameters: &str, accept: &str) -> Watch {
        let path = format!("{ALL}?watch=true&{parameters}");
        let response = self.send("GET", &path, &[("accept", accept)], "").await;
        assert_eq!(response.status(), StatusCode::OK);
        Watch(response.into_body())
    }

    async fn revision(&self) -> String {
        let (_, list) = self.get(&format!("{ALL}?limit=1")).await;
        list["metadata"]["resourceVersion"]
            .as_str()
            .expect("a version")
            .to_owned()
    }
}

/// The client's end of a watch.
struct Watch(Body);

impl Watch {
    /// The next event; none at a clean end.
    async fn next(&mut self) -> Option<Value> {
        let bytes = self
            .0
            .frame()
            .await?
            .expect("no cut")
            .into_data()
            .expect("data");
        assert!(bytes.ends_with(b"\n"));
        Some(serde_json::from_slice(&bytes).expect("a JSON line"))
    }

    /// The type and the name of the next event.
    async fn told(&mut self) -> (String, String) {
        let event = self.next().await.expect("an event");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (
            text(&event["type"]),
            text(&event["object"]["metadata"]["name"]),
        )
    }

    async fn tells(&mut self, kind: &str, name: &str) {
        assert_eq!(self.told().await, (kind.to_owned(), name.to_owned()));
    }

    /// Whether nothing comes for `time`, of a clock that runs ahead when all are waiting.
    async fn is_silent_for(&mut self, time: Duration) -> bool {
        tokio::time::timeout(time, self.0.frame()).await.is_err()
    }
}

fn names(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().expect("items");
    items
        .iter()
        .map(|item| item["metadata"]["name"].as_str().expect("a name"))
        .collect()
}

fn path(name: &str) -> String {
    format!("/api/v1/namespaces/team/serviceaccounts/{name}")
}

#[test]
fn debug_does_not_show_the_bearer_token() {
    assert!(!format!("{:?}", Client::new().0).contains("secret"));
}

#[tokio::test]
async fn only_health_is_open_to_all() {
    let kubernetes = Kubernetes::new("secret".to_owned());
    let ask = |path: &'static str, header: Option<&'static str>| {
        let mut request = Request::builder().uri(path);
        if let Some(header) = header {
            request = request.header("authorization", header);
        }
        let request = request.body(Full::new(Bytes::new())).expect("a request");
        Arc::clone(&kubernetes).answer(request)
    };
    for path in ["/livez", "/readyz"] {
        assert_eq!(ask(path, None).await.status(), StatusCode::OK);
    }
    for header in [
        None,
        Some("Bearer other"),
        Some("Basic secret"),
        Some("secret"),
    ] {
        let refused = ask("/version", header).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "{header:?}");
        let body = refused
            .into_body()
            .collect()
            .await
            .expect("a body")
            .to_bytes();
        let status: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(
            status,
            json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": "Unauthorized", "reason": "Unauthorized", "code": 401,
            })
        );
    }
}

#[tokio::test]
async fn the_version_and_the_resources_can_be_discovered() {
    let client = Client::new();
    client.0.set_version("1", "31+");
    let (_, version) = client.get("/version").await;
    assert_eq!(
        (&version["major"], &version["minor"]),
        (&json!("1"), &json!("31+"))
    );
    assert_eq!(version["gitVersion"], "v1.31.0-sandbox");
    let (_, core) = client
        .get_as(
            "/api",
            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json",
        )
        .await;
    assert_eq!(core["versions"], json!(["v1"]));
    assert_eq!(client.get("/apis").await.1["kind"], "APIGroupList");
    let (_, resources) = client.get("/api/v1").await;
    assert_eq!(resources["resources"][0]["name"], "serviceaccounts");
    assert_eq!(client.call("POST", "/version", &[], "").await.0, 405);
}

#[tokio::test]
async fn what_is_not_here_is_not_found() {
    let client = Client::new();
    let (code, status) = client.get("/api/v1/pods").await;
    assert_eq!((code, &status["reason"]), (404, &json!("NotFound")));
    assert_eq!(
        status["message"],
        "the server could not find the requested resource"
    );
    let page = client.send("GET", "/elsewhere", &[], "").await;
    assert_eq!(page.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn every_request_is_seen() {
    let client = Client::new();
    client
        .get_as("/api/v1/serviceaccounts?limit=5", METADATA_LIST)
        .await;
    client.call("DELETE", &path("x"), &[], "").await;
    let seen = client.0.requests();
    assert_eq!(seen[0].method, "GET");
    assert_eq!(seen[0].path, "/api/v1/serviceaccounts?limit=5");
    assert_eq!(seen[0].accept.as_deref(), Some(METADATA_LIST));
    assert_eq!(
        (seen[1].method.as_str(), seen[1].accept.as_deref()),
        ("DELETE", None)
    );
    assert_eq!(seen.len(), 2);
}

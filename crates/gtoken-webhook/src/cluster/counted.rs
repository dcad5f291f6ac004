//! A client of the Kubernetes API whose requests are counted.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use hyper::{Request, Response};
use kube::Client;
use kube::client::Body;
use tower::Service;

use crate::metrics::Metrics;

/// Counts what is asked by this client, and how it is answered.
pub fn counted(client: Client, metrics: Arc<Metrics>) -> Client {
    let namespace = client.default_namespace().to_owned();
    Client::new(Counted { client, metrics }, namespace)
}

struct Counted {
    client: Client,
    metrics: Arc<Metrics>,
}

impl Service<Request<Body>> for Counted {
    type Response = Response<Body>;
    type Error = kube::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, kube::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), kube::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let client = self.client.clone();
        let mut asked = Asked {
            metrics: Arc::clone(&self.metrics),
            resource: resource(request.uri().path()),
            status: None,
        };
        let answered = async move {
            let answer = client.send(request).await;
            if let Ok(answer) = &answer {
                asked.answered(answer.status().as_u16());
            }
            answer
        };
        answered.boxed()
    }
}

/// A request on its way, which is counted when it has its answer, or when nobody waits for that any more.
struct Asked {
    metrics: Arc<Metrics>,
    resource: &'static str,
    status: Option<u16>,
}

impl Asked {
    fn answered(&mut self, status: u16) {
        self.status = Some(status);
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.metrics.api_request(self.resource, self.status);
    }
}

/// What a path is about, of a kind that has few values.
fn resource(path: &str) -> &'static str {
    const KNOWN: [&str; 4] = [
        "mutatingwebhookconfigurations",
        "secrets",
        "serviceaccounts",
        "version",
    ];
    let mut parts = path.split('/');
    let known = parts.find_map(|part| KNOWN.into_iter().find(|known| *known == part));
    known.unwrap_or("other")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_counted_by_its_resource() {
        for (path, name) in [
            ("/version", "version"),
            ("/api/v1/serviceaccounts", "serviceaccounts"),
            (
                "/api/v1/namespaces/team-a/serviceaccounts/version",
                "serviceaccounts",
            ),
            ("/api/v1/pods", "other"),
        ] {
            assert_eq!(resource(path), name, "{path}");
        }
    }
}

//! SIGTERM under load, with clients that behave as kube-apiserver: they keep their connections, go elsewhere once the
//! replica is no endpoint any more, and repeat a request only where it was never taken up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use gtoken_sandbox::kubernetes::Fault;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustix::process::Signal;
use tokio::time::sleep;

use crate::clients::tls;
use crate::harness::{ROLE, Webhook, answer, put_role};
use crate::reviews::review;

/// A connection that is kept.
enum Kept {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// What became of a request that has no answer.
#[derive(Debug)]
enum Unanswered {
    /// It was cut on its way: the API server does not repeat it, and the pod is lost.
    Cut(#[expect(dead_code, reason = "shown where it fails")] hyper::Error),
    /// It never was taken up, so that the API server repeats it over another connection.
    NotTaken,
}

impl Kept {
    async fn connect(webhook: &Webhook, is_http2: bool) -> std::io::Result<Self> {
        if is_http2 {
            let stream = TokioIo::new(tls(webhook, b"h2").await?);
            let (sender, connection) = http2::handshake(TokioExecutor::new(), stream)
                .await
                .unwrap();
            tokio::spawn(connection);
            Ok(Self::Http2(sender))
        } else {
            let stream = TokioIo::new(tls(webhook, b"http/1.1").await?);
            let (sender, connection) = http1::handshake(stream).await.unwrap();
            tokio::spawn(connection);
            Ok(Self::Http1(sender))
        }
    }

    async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Unanswered> {
        // A connection that has ended while it carried nothing.
        let closed = |_| Unanswered::NotTaken;
        let sent = match self {
            Self::Http1(sender) => {
                sender.ready().await.map_err(closed)?;
                sender.try_send_request(request).await
            }
            Self::Http2(sender) => {
                sender.ready().await.map_err(closed)?;
                sender.try_send_request(request).await
            }
        };
        sent.map_err(|mut error| {
            if error.take_message().is_some() {
                return Unanswered::NotTaken;
            }
            let error = error.into_error();
            // Go's client, too, repeats what a GOAWAY tells was never taken up.
            if format!("{error:?}").contains("GoAway") {
                return Unanswered::NotTaken;
            }
            Unanswered::Cut(error)
        })
    }
}

/// Sends one review after the other until there is nowhere to send them.
async fn client(
    webhook: &Webhook,
    number: usize,
    is_endpoint: &AtomicBool,
    answered: &AtomicUsize,
) {
    // The index knows one of them; the other takes a slow GET each time.
    let service_account = if number.is_multiple_of(4) {
        "new"
    } else {
        "reader"
    };
    let body = Bytes::from(review(service_account).to_string());
    let mut kept = None;
    loop {
        let connection = match &mut kept {
            Some(connection) => connection,
            None if is_endpoint.load(Ordering::Relaxed) => kept.insert(
                Kept::connect(webhook, number.is_multiple_of(2))
                    .await
                    .unwrap(),
            ),
            None => return,
        };
        let url = format!("https://{}/pods?timeout=5s", webhook.address);
        let url = if number.is_multiple_of(2) {
            url
        } else {
            "/pods?timeout=5s".to_owned()
        };
        let request = Request::post(url)
            .header("host", &webhook.address)
            .header("content-type", "application/json")
            .body(Full::new(body.clone()))
            .unwrap();
        match connection.send(request).await {
            Ok(response) => {
                let (head, body) = response.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                assert_eq!(head.status, 200, "{body:?}");
                assert!(
                    String::from_utf8_lossy(&body).contains("JSONPatch"),
                    "{body:?}"
                );
                answered.fetch_add(1, Ordering::Relaxed);
                let closes = head
                    .headers
                    .get("connection")
                    .is_some_and(|value| value == "close");
                if closes {
                    kept = None;
                }
            }
            Err(Unanswered::NotTaken) => kept = None,
            Err(cut) => panic!("client {number}: {cut:?}"),
        }
    }
}

#[tokio::test]
async fn twenty_ends_under_load_cut_no_request() {
    for round in 0..20 {
        let mut webhook = Webhook::start_with(&["--drain-delay=300ms"]);
        webhook.kubernetes().play(Fault::RadioSilence);
        let slow = Fault::GetSlow(Duration::from_millis(100));
        webhook.kubernetes().play(slow);
        put_role(webhook.kubernetes(), "new", ROLE);
        let (is_endpoint, answered) = (Arc::new(AtomicBool::new(true)), AtomicUsize::new(0));
        let clients =
            join_all((0..8).map(|number| client(&webhook, number, &is_endpoint, &answered)));
        let end = async {
            while answered.load(Ordering::Relaxed) < 40 + round {
                sleep(Duration::from_millis(1)).await;
            }
            webhook.signal(Signal::TERM);
            // It is an endpoint for as long as it is ready, and the delay is longer than it takes to see that.
            let (agent, url) = (webhook.agent(), webhook.url("/readyz"));
            let is_ready = move || answer(agent.get(&url).call()).status == 200;
            let gone = tokio::task::spawn_blocking(move || while is_ready() {});
            gone.await.unwrap();
            is_endpoint.store(false, Ordering::Relaxed);
        };
        tokio::time::timeout(
            Duration::from_secs(30),
            futures_util::future::join(clients, end),
        )
        .await
        .unwrap_or_else(|_| panic!("round {round}: a client still has a connection"));
        assert_eq!(webhook.wait().code(), Some(0), "round {round}");
    }
}

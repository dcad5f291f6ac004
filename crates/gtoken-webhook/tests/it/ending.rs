//! SIGTERM cuts no request; and many requests at once are all answered.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use gtoken_sandbox::kubernetes::Fault;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustix::process::Signal;
use rustls::pki_types::ServerName;
use rustls::version::TLS13;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::harness::{ROLE, Webhook, answer, awaited, client_config, put_role};
use crate::reviews::review;

/// An HTTP/2 connection, which is what API servers use.
async fn connect(webhook: &Webhook) -> SendRequest<Full<Bytes>> {
    let mut config = client_config(&webhook.sandbox, &[&TLS13]);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(&webhook.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .unwrap();
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

async fn post(sender: &SendRequest<Full<Bytes>>, service_account: &str) -> (u16, Bytes) {
    let request = Request::post("https://localhost/pods?timeout=10s")
        .header("content-type", "application/json")
        .body(Full::new(review(service_account).to_string().into()))
        .unwrap();
    let mut sender = sender.clone();
    sender.ready().await.unwrap();
    let response = sender.send_request(request).await.unwrap();
    let status = response.status().as_u16();
    (
        status,
        response.into_body().collect().await.unwrap().to_bytes(),
    )
}

#[test]
fn d29_go_gtoken_cut_requests_on_sigterm() {
    let mut webhook = Webhook::start();
    webhook.kubernetes().play(Fault::RadioSilence);
    webhook
        .kubernetes()
        .play(Fault::GetSlow(Duration::from_millis(600)));
    put_role(webhook.kubernetes(), "new", ROLE);
    let (agent, url) = (webhook.agent(), webhook.url("/pods"));
    let on_its_way = thread::spawn(move || {
        let body = review("new").to_string();
        answer(agent.post(url).content_type("application/json").send(body))
    });
    awaited("the GET", || {
        let asked = webhook.kubernetes().requests();
        asked
            .iter()
            .any(|request| request.path.ends_with("/new"))
            .then_some(())
    });
    webhook.signal(Signal::TERM);
    let answer = on_its_way.join().unwrap();
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("JSONPatch"), "{answer:?}");
    assert_eq!(webhook.wait().code(), Some(0));
}

#[tokio::test]
async fn http2_requests_on_their_way_are_answered_before_the_end() {
    let mut webhook = Webhook::start();
    webhook.kubernetes().play(Fault::RadioSilence);
    webhook
        .kubernetes()
        .play(Fault::GetSlow(Duration::from_millis(600)));
    put_role(webhook.kubernetes(), "new", ROLE);
    let sender = connect(&webhook).await;
    let on_its_way = tokio::spawn(async move { post(&sender, "new").await });
    while !webhook
        .kubernetes()
        .requests()
        .iter()
        .any(|request| request.path.ends_with("/new"))
    {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    webhook.signal(Signal::TERM);
    let (status, body) = on_its_way.await.unwrap();
    assert_eq!(status, 200, "{body:?}");
    assert_eq!(webhook.wait().code(), Some(0));
}

#[test]
fn new_connections_are_served_during_the_drain_delay_but_not_called_for() {
    let mut webhook = Webhook::start_with(&["--drain-delay=1s500ms"]);
    webhook.signal(Signal::TERM);
    awaited("the end of readiness", || {
        (webhook.get("/readyz").status == 503).then_some(())
    });
    let answer = answer(webhook.agent().get(webhook.url("/healthz")).call());
    assert_eq!(answer.status, 200);
    assert_eq!(webhook.post(&review("reader")).status, 200);
    assert_eq!(webhook.wait().code(), Some(0));
}

#[test]
fn a_second_signal_ends_at_once() {
    let mut webhook = Webhook::start_with(&["--drain-delay=10m"]);
    webhook.signal(Signal::INT);
    awaited("the end of readiness", || {
        (webhook.get("/readyz").status == 503).then_some(())
    });
    webhook.signal(Signal::INT);
    assert_eq!(webhook.wait().code(), Some(130));
}

#[tokio::test]
async fn go_gtoken_ended_on_three_hundred_reviews_at_once() {
    let mut webhook = Webhook::start();
    webhook.kubernetes().play(Fault::RadioSilence);
    put_role(webhook.kubernetes(), "new", ROLE);
    let sender = connect(&webhook).await;
    // One is known by the watch; the other costs one GET, or a few, not three hundred.
    for service_account in ["reader", "new"] {
        let answers = join_all((0..300).map(|_| post(&sender, service_account))).await;
        assert!(
            answers.iter().all(|(status, _)| *status == 200),
            "{service_account}"
        );
    }
    webhook.assert_lives();
}

//! An API server's side of many reviews: one body sent again and again over HTTP/2, for `cargo xtask bench webhook`.
//!
//! `review-load URL AUTHORITY BODY COUNT CONNECTIONS STREAMS`; it prints one line of JSON and fails unless every review is
//! answered by an AdmissionReview that allows.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use futures_util::future::try_join_all;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper::{Method, Request, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// How long all reviews together may take.
const PATIENCE: Duration = Duration::from_mins(10);

/// What all senders share.
struct Load {
    uri: Uri,
    body: Bytes,
    left: Cell<u32>,
    slowest: Cell<Duration>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, authority, body, count, connections, streams] = &arguments[..] else {
        anyhow::bail!("the arguments are: URL AUTHORITY BODY COUNT CONNECTIONS STREAMS");
    };
    let (count, connections, streams): (u32, usize, usize) =
        (count.parse()?, connections.parse()?, streams.parse()?);
    let uri: Uri = format!("{url}?timeout=10s").parse()?;
    let address = uri
        .authority()
        .context("the URL names no host")?
        .to_string();
    let load = Rc::new(Load {
        uri,
        body: std::fs::read(body).context("cannot read the body")?.into(),
        left: Cell::new(count),
        slowest: Cell::default(),
    });
    let tls = connector(authority)?;
    let connect = (0..connections).map(|_| connect(&address, &tls));
    let senders = try_join_all(connect).await?;
    let each = senders
        .iter()
        .flat_map(|sender| (0..streams).map(|_| send(sender.clone(), &load)));
    timeout(PATIENCE, try_join_all(each)).await??;
    let said = json!({
        "slowestMilliseconds": load.slowest.get().as_secs_f64() * 1000.0,
    });
    println!("{said}");
    Ok(())
}

fn connector(authority: &str) -> anyhow::Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority)?)?;
    let mut config = ClientConfig::builder_with_provider(gtoken_webhook::certs::provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

async fn connect(address: &str, tls: &TlsConnector) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let stream = tls.connect(ServerName::try_from("localhost")?, stream);
    let stream = TokioIo::new(stream.await?);
    let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Sends one review after the other until all are sent.
async fn send(mut sender: SendRequest<Full<Bytes>>, load: &Load) -> anyhow::Result<()> {
    while let Some(left) = load.left.get().checked_sub(1) {
        load.left.set(left);
        let start = Instant::now();
        let request = Request::builder()
            .method(Method::POST)
            .uri(load.uri.clone())
            .header("content-type", "application/json")
            .body(Full::new(load.body.clone()))?;
        sender.ready().await?;
        let response = sender.send_request(request).await?;
        let status = response.status();
        let answer = response.into_body().collect().await?.to_bytes();
        let text = String::from_utf8_lossy(&answer);
        ensure!(
            status == 200 && text.contains(r#""allowed":true"#),
            "{status}: {text}"
        );
        load.slowest.set(load.slowest.get().max(start.elapsed()));
    }
    Ok(())
}

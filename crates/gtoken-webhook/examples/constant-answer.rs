//! A server of the webhook's stack that answers every request alike without looking at it: no webhook that is built
//! like ours can be faster, so `cargo xtask bench webhook` tells what ours does as a share of it.
//!
//! `constant-answer ADDRESS CERTIFICATE KEY ANSWER`, the last three files.

use std::convert::Infallible;
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use gtoken_webhook::certs::files::Files;
use gtoken_webhook::certs::{self, Leaf, OldestTls};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, certificate, key, answer] = &arguments[..] else {
        anyhow::bail!("the arguments are: ADDRESS CERTIFICATE KEY ANSWER");
    };
    let files = Files {
        certificate: certificate.into(),
        key: key.into(),
    };
    let leaf = Leaf::new(files.parse(&files.read()?)?);
    let tls = certs::server_config(leaf, OldestTls::default())?;
    let tls = TlsAcceptor::from(Arc::new(tls));
    let answer = Bytes::from(std::fs::read(answer).context("cannot read the answer")?);
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        // What a client does wrong concerns its own connection only.
        tokio::spawn(serve(stream, tls.clone(), answer.clone()));
    }
}

async fn serve(stream: TcpStream, tls: TlsAcceptor, answer: Bytes) -> anyhow::Result<()> {
    let stream = tls.accept(stream).await?;
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let service = service_fn(move |request| respond(request, answer.clone()));
    let stream = TokioIo::new(stream);
    if is_http2 {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        let builder = builder.timer(TokioTimer::new());
        builder.serve_connection(stream, service).await?;
    } else {
        let connection = http1::Builder::new().serve_connection(stream, service);
        connection.await?;
    }
    Ok(())
}

/// The body is taken in, as whoever reads it has to, and thrown away.
async fn respond(
    request: Request<Incoming>,
    answer: Bytes,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut body = request.into_body();
    while let Some(Ok(_)) = body.frame().await {}
    let mut response = Response::new(Full::new(answer));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    Ok(response)
}

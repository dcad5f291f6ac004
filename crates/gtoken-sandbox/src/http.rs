//! The HTTP that all of the sandbox's servers share: bodies that can break off, and one loop that serves a listener.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde::Serialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::wire::Wire;

/// A body of any kind; an error in it cuts the connection, which is how a fault breaks off in mid-answer.
pub(crate) type Body = BoxBody<Bytes, io::Error>;

/// What a service answers; `Err` closes the connection without a byte of an answer.
pub(crate) type Answer = Result<Response<Body>, io::Error>;

/// Where a request came from; every request that [`serve`] hands on carries one among its extensions, and a [`Wire`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer(SocketAddr);

/// The largest request body read, in bytes: more than any of the APIs here takes.
const MAX_REQUEST: usize = 4 << 20;

/// How long an accept loop rests when the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

impl Peer {
    /// The caller's address, in IPv4's form where it is one.
    pub(crate) fn of<B>(request: &Request<B>) -> Option<IpAddr> {
        let Self(address) = request.extensions().get()?;
        Some(address.ip().to_canonical())
    }
}

/// A body that is known in full.
pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never: Infallible| match never {})
        .boxed()
}

/// A body that sends `bytes` and then breaks off, leaving the client with part of an answer.
pub(crate) fn broken_after(bytes: impl Into<Bytes>) -> Body {
    let frames = [
        Ok(Frame::data(bytes.into())),
        Err(io::Error::from(io::ErrorKind::ConnectionReset)),
    ];
    StreamBody::new(stream::iter(frames)).boxed()
}

/// An answer of the given type.
pub(crate) fn answer(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Body> {
    let mut response = Response::new(full(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, content_type.parse().expect("a literal"));
    response
}

/// An answer in JSON.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    let body = serde_json::to_vec(value).expect("maps with text keys always serialise");
    answer(status, "application/json", body)
}

/// Reads a whole request body of at most 4 MiB.
pub(crate) async fn read(body: Incoming) -> io::Result<Bytes> {
    Limited::new(body, MAX_REQUEST)
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .map_err(io::Error::other)
}

/// Serves HTTP/1 and HTTP/2 on `listener` until `shutdown` changes, with TLS where an acceptor is given.
pub(crate) async fn serve<S, F>(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    mut shutdown: watch::Receiver<bool>,
    service: S,
) where
    S: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = shutdown.changed() => return,
        };
        match accepted {
            Ok((stream, address)) => {
                let service = service.clone();
                let service = move |mut request: Request<Incoming>| {
                    request.extensions_mut().insert(Peer(address));
                    service(request)
                };
                tokio::spawn(connection(stream, tls.clone(), service));
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Errors of one connection are the client's to see; the sandbox serves on.
async fn connection<S, F>(stream: TcpStream, tls: Option<TlsAcceptor>, service: S)
where
    S: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    // Small answers go out at once: watches and tests would otherwise wait for Nagle.
    let _ = stream.set_nodelay(true);
    match tls {
        None => converse(Wire::new(stream), service).await,
        Some(acceptor) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                converse(Wire::new(stream), service).await;
            }
        }
    }
}

async fn converse<S, F>(wire: Wire, service: S)
where
    S: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let under = wire.clone();
    let service = move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(under.clone());
        service(request)
    };
    let _ = auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(wire), service_fn(service))
        .await;
}

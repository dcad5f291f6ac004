//! One connection: TLS, HTTP/1.1 or HTTP/2, and an end when it carries nothing.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tracing::debug;

use crate::routes::Routes;

/// How long a handshake may take, and a request's head: who is slower holds a connection for nothing.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may carry no request; the API server keeps its own for the next one.
const IDLE_TIMEOUT: Duration = Duration::from_mins(3);
/// How long a client may take to say goodbye.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(5);
/// How often an HTTP/2 client is asked whether it is still there.
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// How long accepting rests when the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The next connection; failures to accept pass.
pub(crate) async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // An answer is one small write, which must not wait for another.
                let _ = stream.set_nodelay(true);
                return stream;
            }
            Err(error) => {
                debug!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves a connection to its end; once `ending` changes it finishes what is on its way and closes.
pub(crate) async fn serve<I>(
    stream: I,
    tls: TlsAcceptor,
    routes: Arc<Routes>,
    ending: watch::Receiver<bool>,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stream = match timeout(HEAD_TIMEOUT, tls.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return debug!(%error, "a TLS handshake failed"),
        Err(_) => return debug!("a TLS handshake did not end in time"),
    };
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    speak(stream, is_http2, routes, ending).await;
}

async fn speak<I>(stream: I, is_http2: bool, routes: Arc<Routes>, ending: watch::Receiver<bool>)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let activity = Arc::new(Activity::new());
    let service = {
        let activity = Arc::clone(&activity);
        service_fn(move |request| respond(Arc::clone(&routes), request, Activity::begin(&activity)))
    };
    let io = TokioIo::new(stream);
    if is_http2 {
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_INTERVAL)
            .serve_connection(io, service);
        converse(connection, &activity, ending).await;
    } else {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .serve_connection(io, service);
        converse(connection, &activity, ending).await;
    }
}

async fn respond(
    routes: Arc<Routes>,
    request: Request<Incoming>,
    _active: Active,
) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(routes.answer(request).await)
}

async fn converse<C>(connection: C, activity: &Activity, mut ending: watch::Receiver<bool>)
where
    C: GracefulConnection,
    C::Error: std::fmt::Display,
{
    let mut connection = pin!(connection);
    tokio::select! {
        result = &mut connection => return log(result),
        () = told(&mut ending) => {
            connection.as_mut().graceful_shutdown();
            return log(connection.await);
        }
        () = activity.idle_for_too_long() => {}
    }
    connection.as_mut().graceful_shutdown();
    if let Ok(result) = timeout(GOODBYE_TIMEOUT, connection).await {
        log(result);
    } else {
        debug!("an idle connection was cut");
    }
}

/// Waits for the word to end; a sender that is gone means it too.
pub(crate) async fn told(ending: &mut watch::Receiver<bool>) {
    // The guard of a value must not be held across another await.
    let _ = ending.wait_for(|ending| *ending).await.map(|_| ());
}

fn log(result: Result<(), impl std::fmt::Display>) {
    if let Err(error) = result {
        debug!(%error, "a connection ended badly");
    }
}

/// What a connection carries, and since when it carries nothing.
#[derive(Debug)]
struct Activity(Mutex<Carries>);

#[derive(Clone, Copy, Debug)]
struct Carries {
    requests: usize,
    closes_at: Instant,
}

/// A request on its way.
#[derive(Debug)]
struct Active(Arc<Activity>);

impl Activity {
    /// The first request has to come as soon as a head: HTTP/2 by itself would wait for it for ever.
    fn new() -> Self {
        Self(Mutex::new(Carries {
            requests: 0,
            closes_at: Instant::now() + HEAD_TIMEOUT,
        }))
    }

    fn begin(this: &Arc<Self>) -> Active {
        this.update(|carries| carries.requests += 1);
        Active(Arc::clone(this))
    }

    async fn idle_for_too_long(&self) {
        loop {
            let Carries {
                requests,
                closes_at,
            } = self.update(|carries| *carries);
            if requests > 0 {
                sleep(IDLE_TIMEOUT).await;
            } else if closes_at > Instant::now() {
                sleep_until(closes_at).await;
            } else {
                return;
            }
        }
    }

    fn update<T>(&self, change: impl FnOnce(&mut Carries) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.update(|carries| {
            carries.requests -= 1;
            carries.closes_at = Instant::now() + IDLE_TIMEOUT;
        });
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;
    use crate::testing::routes;

    /// How long a connection is kept whose client sends these bytes and then nothing.
    async fn kept_after(bytes: &[u8], is_http2: bool) -> Duration {
        let (mut client, server) = duplex(1024);
        let (_end, ending) = watch::channel(false);
        client.write_all(bytes).await.unwrap();
        let start = Instant::now();
        let serving = tokio::spawn(speak(server, is_http2, Arc::new(routes()), ending));
        let _ = client.read_to_end(&mut Vec::new()).await;
        serving.await.unwrap();
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn all_peers_left_a_connection_with_an_unfinished_head_open() {
        let unfinished = b"POST /pods HTTP/1.1\r\nhost: x";
        assert!(kept_after(unfinished, false).await <= HEAD_TIMEOUT + Duration::from_millis(10));
        let preface = b"PRI * HTTP/2.0\r\n\r\n";
        assert!(kept_after(preface, true).await <= HEAD_TIMEOUT + GOODBYE_TIMEOUT * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_handshake_that_does_not_come_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let generated = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let [certificate, key] = ["tls.crt", "tls.key"].map(|name| folder.path().join(name));
        std::fs::write(&certificate, generated.cert.pem()).unwrap();
        std::fs::write(&key, generated.signing_key.serialize_pem()).unwrap();
        let leaf = crate::certs::Leaf::new(crate::certs::files::load(&certificate, &key).unwrap());
        let tls = TlsAcceptor::from(Arc::new(crate::certs::server_config(leaf).unwrap()));

        let (_client, server) = duplex(1024);
        let (_end, ending) = watch::channel(false);
        let start = Instant::now();
        serve(server, tls, Arc::new(routes()), ending).await;
        assert!(start.elapsed() <= HEAD_TIMEOUT + Duration::from_millis(10));
    }

    async fn closes_within(activity: &Activity, time: Duration) -> bool {
        timeout(time, activity.idle_for_too_long()).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_a_first_request_is_closed_as_soon_as_a_slow_head() {
        let activity = Activity::new();
        assert!(!closes_within(&activity, HEAD_TIMEOUT * 99 / 100).await);
        assert!(closes_within(&activity, Duration::from_secs(2)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_not_idle_while_it_carries_a_request() {
        let activity = Arc::new(Activity::new());
        let active = Activity::begin(&activity);
        assert!(!closes_within(&activity, IDLE_TIMEOUT * 5).await);
        drop(active);
        assert!(!closes_within(&activity, IDLE_TIMEOUT * 99 / 100).await);
        assert!(closes_within(&activity, Duration::from_secs(2)).await);
    }
}

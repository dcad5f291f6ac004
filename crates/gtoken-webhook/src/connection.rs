//! One connection: TLS, HTTP/1.1 or HTTP/2, and an end when it carries nothing.

/// A stream that only looks at what is read: what is written goes to the stream within.
macro_rules! write_through {
    ($stream:ident) => {
        impl<I: AsyncWrite + Unpin> AsyncWrite for $stream<I> {
            fn poll_write(
                mut self: Pin<&mut Self>,
                context: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.stream).poll_write(context, bytes)
            }

            // An answer's head and body go together, or each would be a packet of its own.
            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                context: &mut Context<'_>,
                slices: &[io::IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.stream).poll_write_vectored(context, slices)
            }

            fn is_write_vectored(&self) -> bool {
                self.stream.is_write_vectored()
            }

            fn poll_flush(
                mut self: Pin<&mut Self>,
                context: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                Pin::new(&mut self.stream).poll_flush(context)
            }

            fn poll_shutdown(
                mut self: Pin<&mut Self>,
                context: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                Pin::new(&mut self.stream).poll_shutdown(context)
            }
        }
    };
}

mod activity;
mod answer;
mod crowd;
mod fair;
mod gather;
mod handshake;
mod intake;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use activity::{Active, Activity, Heard};
use answer::Answer;
pub(crate) use crowd::{Crowd, Member, Place};
use fair::Fair;
use gather::Gather;
use handshake::Failed;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
pub(crate) use intake::Intake;
use intake::{Inlet, Unbegun};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

use crate::log::Seldom;
use crate::room::Room;
use crate::routes::Routes;

/// The most connections of the main listener: some 30 KiB each, and several times that where all streams were used.
/// API servers multiplex, and need a few.
pub(crate) const MOST_CONNECTIONS: usize = 512;
/// The most requests at once on a connection, which is what Go's and hyper's clients take it to be until they are told;
/// with fewer, the first burst on a connection would be refused in part. API servers open another for more.
const MOST_STREAMS: u32 = 100;
/// The bytes of a request's head; those of API servers have one or two thousand.
const MOST_HEAD: u16 = 16 << 10;
/// The bytes of answers that wait for a connection, which is more than one answer has.
const SEND_BUFFER: usize = 64 << 10;
/// How long a handshake may take, and a request's head: who is slower holds a connection for nothing.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may carry no request. API servers keep theirs for 90 s, and whoever is about to send must
/// not find it closed: such a request is lost and not sent again.
const IDLE_TIMEOUT: Duration = Duration::from_mins(3);
/// How long, once the process ends, a new connection may take to bring the request it was made for.
const FIRST_REQUEST_GRACE: Duration = Duration::from_secs(1);
/// How long a client may take to say goodbye.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(5);
/// How often an HTTP/2 client is asked whether it is still there.
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// How often it is said that accepting fails.
const SAY_AGAIN: Duration = Duration::from_mins(1);

/// The next connection, and its place in the crowd; failures to accept pass.
pub(crate) async fn accept(listener: &TcpListener, crowd: &Arc<Crowd>) -> (TcpStream, Place) {
    let said = Seldom::new(SAY_AGAIN);
    loop {
        crowd.make_room().await;
        match listener.accept().await {
            Ok((stream, _)) => {
                // An answer is one small write, which must not wait for another.
                let _ = stream.set_nodelay(true);
                return (stream, Crowd::enter(crowd));
            }
            Err(error) => {
                if said.is_due(Instant::now().into_std()) {
                    warn!(%error, "cannot accept connections; trying again");
                }
                // Where no file descriptor is left, this frees one, as soon as the other has its turn.
                match crowd.shed(Instant::now()) {
                    Duration::ZERO => yield_now().await,
                    rest => sleep(rest).await,
                }
            }
        }
    }
}

/// Serves a connection to its end, by plain HTTP/1.1 where there is no TLS; once `ending` changes it finishes what is on its way and closes.
pub(crate) async fn serve<I>(
    stream: I,
    tls: Option<TlsAcceptor>,
    routes: Arc<Routes>,
    place: Place,
    ending: watch::Receiver<bool>,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Some(tls) = tls else {
        return speak(stream, false, routes, Arc::new(place), ending).await;
    };
    let handshake = tokio::select! {
        handshake = timeout(HEAD_TIMEOUT, tls.accept(stream)) => handshake,
        () = place.member().sent_away() => return fail(&routes, Failed::NoRoom),
    };
    let stream = match handshake {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return fail(&routes, Failed::by(&error)),
        Err(_) => return fail(&routes, Failed::Slow),
    };
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    speak(stream, is_http2, routes, Arc::new(place), ending).await;
}

fn fail(routes: &Routes, failed: Failed) {
    routes.admin.metrics.handshake_failed(failed.label());
    failed.tell();
}

async fn speak<I>(
    stream: I,
    is_http2: bool,
    routes: Arc<Routes>,
    place: Arc<Place>,
    ending: watch::Receiver<bool>,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let activity = Arc::new(Activity::new());
    let stream = Fair::new(stream, Inlet::open(&routes.intake));
    let member = Arc::clone(place.member());
    let service = {
        let activity = Arc::clone(&activity);
        service_fn(move |request| {
            let active = Activity::begin(&activity);
            let unbegun = Unbegun::enter(&routes.intake);
            // What deciding takes of memory is given back before the answer is sent, which may wait for its client.
            Box::pin(respond(
                Arc::clone(&routes),
                request,
                Arc::clone(&place),
                active,
                unbegun,
            ))
        })
    };
    if is_http2 {
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_INTERVAL)
            .max_concurrent_streams(MOST_STREAMS)
            .max_header_list_size(MOST_HEAD.into())
            .max_send_buf_size(SEND_BUFFER)
            .serve_connection(TokioIo::new(Gather::new(stream)), service);
        converse(Box::pin(connection), &activity, &member, ending).await;
    } else {
        // hyper's own limit for heads begins when the answer before it ends, and would end idle connections with it.
        let stream = Heard::new(stream, Arc::clone(&activity));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .max_buf_size(MOST_HEAD.into())
            .serve_connection(TokioIo::new(stream), service);
        converse(Box::pin(connection), &activity, &member, ending).await;
    }
}

async fn respond(
    routes: Arc<Routes>,
    request: Request<Incoming>,
    place: Arc<Place>,
    _active: Active,
    unbegun: Unbegun,
) -> Result<Response<Answer>, Infallible> {
    drop(unbegun);
    let is_http1 = request.version() <= Version::HTTP_11;
    let is_post = *request.method() == Method::POST;
    let share = Room::enter(&routes.room, place.member());
    let mut response = routes.answer(request, &share).await;
    place.brought(is_post && response.status() == StatusCode::OK);
    if is_http1 && routes.admin.readiness.is_ending() {
        // The client makes its next connection elsewhere, before this one has to be closed under it.
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response.map(|body| Answer::new(body, share)))
}

/// The connection is boxed, for its task would hold it once for each function that hands it on.
async fn converse<C>(
    mut connection: Pin<Box<C>>,
    activity: &Activity,
    member: &Member,
    mut ending: watch::Receiver<bool>,
) where
    C: GracefulConnection,
    C::Error: std::fmt::Display,
{
    let over = async {
        told(&mut ending).await;
        activity.first_request(FIRST_REQUEST_GRACE).await;
    };
    // The connection goes first: a request that has arrived is taken up before anything is closed.
    tokio::select! {
        biased;
        result = &mut connection => return log(result),
        () = over => {
            connection.as_mut().graceful_shutdown();
            return log(connection.await);
        }
        () = activity.idle_for_too_long() => {}
        () = member.sent_away() => {
            if !member.has_merit() {
                return debug!("a connection made room for others");
            }
        }
    }
    if activity.is_in_head() {
        return debug!("a request's head did not come in time");
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;
    use crate::certs::files::Files;
    use crate::certs::{Leaf, OldestTls, server_config};
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
        let files = Files { certificate, key };
        let leaf = Leaf::new(files.parse(&files.read().unwrap()).unwrap());
        let tls = server_config(leaf, OldestTls::default()).unwrap();
        let tls = Some(TlsAcceptor::from(Arc::new(tls)));

        let (_client, server) = duplex(1024);
        let (_end, ending) = watch::channel(false);
        let start = Instant::now();
        let routes = Arc::new(routes());
        let place = alone(&routes);
        serve(server, tls, routes, place, ending).await;
        assert!(start.elapsed() <= HEAD_TIMEOUT + Duration::from_millis(10));
    }

    /// A connection among no others.
    fn alone(routes: &Routes) -> Place {
        Crowd::enter(&Crowd::new(1, Arc::clone(&routes.admin.metrics)))
    }

    /// Speaks on a connection among no others.
    async fn speak<I>(stream: I, is_http2: bool, routes: Arc<Routes>, ending: watch::Receiver<bool>)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let place = Arc::new(alone(&routes));
        super::speak(stream, is_http2, routes, place, ending).await;
    }

    /// Each write is a TLS record and a packet of its own.
    #[test]
    fn the_head_and_the_body_of_an_answer_are_written_together() {
        let (_client, server) = duplex(1);
        let stream = Heard::new(server, Arc::new(Activity::new()));
        assert!(stream.is_write_vectored());
    }

    const GET: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";

    /// Reads until an answer with a body of `ok` has come, or the connection is closed.
    async fn is_answered(client: &mut (impl AsyncRead + Unpin)) -> bool {
        let mut text = Vec::new();
        while !text.ends_with(b"ok") {
            if client.read_buf(&mut text).await.unwrap_or(0) == 0 {
                return false;
            }
        }
        true
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_kept_for_the_next_request_longer_than_for_a_slow_head() {
        let (mut client, server) = duplex(4096);
        let (_end, ending) = watch::channel(false);
        tokio::spawn(speak(server, false, Arc::new(routes()), ending));
        for _ in 0..3 {
            client.write_all(GET).await.unwrap();
            assert!(is_answered(&mut client).await);
            sleep(IDLE_TIMEOUT * 9 / 10).await;
        }
        client.write_all(&GET[..10]).await.unwrap();
        let start = Instant::now();
        assert!(!is_answered(&mut client).await);
        assert!(start.elapsed() <= HEAD_TIMEOUT + Duration::from_millis(10));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_has_arrived_is_answered_at_the_end() {
        for round in 0..200 {
            let (mut client, server) = duplex(4096);
            let (end, ending) = watch::channel(false);
            let is_kept = round % 2 == 0;
            if is_kept {
                tokio::spawn(speak(server, false, Arc::new(routes()), ending));
                client.write_all(GET).await.unwrap();
                assert!(is_answered(&mut client).await);
                client.write_all(GET).await.unwrap();
                end.send_replace(true);
            } else {
                client.write_all(GET).await.unwrap();
                end.send_replace(true);
                tokio::spawn(speak(server, false, Arc::new(routes()), ending));
            }
            assert!(is_answered(&mut client).await, "round {round}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_connection_may_bring_its_request_at_the_end() {
        let (mut client, server) = duplex(4096);
        let (end, ending) = watch::channel(false);
        end.send_replace(true);
        tokio::spawn(speak(server, false, Arc::new(routes()), ending));
        sleep(FIRST_REQUEST_GRACE / 2).await;
        client.write_all(GET).await.unwrap();
        assert!(is_answered(&mut client).await);
        assert!(!is_answered(&mut client).await, "closed after its answer");
    }

    #[tokio::test(start_paused = true)]
    async fn while_ending_an_answer_sends_its_client_elsewhere() {
        let (mut client, server) = duplex(4096);
        let (_end, ending) = watch::channel(false);
        let routes = Arc::new(routes());
        routes.admin.readiness.end();
        tokio::spawn(speak(server, false, routes, ending));
        client.write_all(GET).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(
            answer.to_lowercase().contains("connection: close"),
            "{answer}"
        );
    }
}

//! Clients that mean harm, beside a good one that must not notice: all its reviews are answered, none later than
//! API servers wait, and the process takes no more than 64 MiB.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use futures_util::future::join_all;
use gtoken_sandbox::kubernetes::Fault;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::Request;
use hyper::body::Frame;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustix::process::{Resource, Signal, getrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::clients::{Frames, Stream, tls};
use crate::harness::{ROLE, Webhook, answer, awaited};
use crate::reviews::{review, role, stored};

/// What API servers wait for an answer, as shipped.
const NOTICED: Duration = Duration::from_secs(5);
/// How many connections are made at once.
const AT_ONCE: usize = 20;
/// The pages of the program itself, in KiB, as shipped.
const SHIPPED_PROGRAM: u64 = 8 << 10;
/// What the process may take, in KiB.
const MOST_MEMORY: u64 = 64 << 10;

/// Runs an attack beside a good client, which sends one review after the other before, meanwhile and after, over a
/// connection that it keeps and over new ones.
async fn beside_a_good_client(attack: impl AsyncFnOnce(&Webhook)) {
    let mut webhook = Webhook::start();
    let is_over = Arc::new(AtomicBool::new(false));
    let good = thread::spawn({
        let (is_over, kept) = (Arc::clone(&is_over), webhook.agent());
        let (url, new) = (webhook.url("/pods?timeout=5s"), webhook.agents());
        move || {
            let review = review("reader");
            let mut answered = 0;
            while !is_over.load(Ordering::Relaxed) || answered < 20 {
                for agent in [&kept, &new()] {
                    let start = Instant::now();
                    let post = agent.post(&url).content_type("application/json");
                    let answer = answer(post.send(review.to_string()));
                    assert_eq!(answer.status, 200, "after {answered}: {answer:?}");
                    let answer: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
                    let pod = stored(&review, &answer["response"]);
                    assert_eq!(role(&pod), Some(ROLE));
                    assert!(
                        start.elapsed() < NOTICED,
                        "after {answered}: {:?}",
                        start.elapsed()
                    );
                    answered += 1;
                }
            }
        }
    });
    attack(&webhook).await;
    is_over.store(true, Ordering::Relaxed);
    good.join().unwrap();
    assert_bounded(&mut webhook);
}

#[track_caller]
fn assert_bounded(webhook: &mut Webhook) {
    webhook.assert_lives();
    let peak = webhook.peak_memory();
    // The pages of the program itself, of which a debug build has more than what is shipped.
    let program = webhook.memory("RssFile:");
    eprintln!("{peak} KiB at the peak, {program} KiB of the program");
    let shipped = peak - program + program.min(SHIPPED_PROGRAM);
    assert!(
        shipped < MOST_MEMORY,
        "{peak} KiB at the peak, {program} KiB of the program"
    );
}

/// Opens connections, sends the same over each of them, and keeps them open.
async fn over_each(webhook: &Webhook, count: usize, alpn: &[u8], bytes: &[u8]) -> Vec<Stream> {
    let one = async || {
        let mut stream = tls(webhook, alpn).await.ok()?;
        // Whoever is sent away has done what was wanted.
        let _ = stream.write_all(bytes).await;
        Some(stream)
    };
    let mut open = Vec::new();
    for from in (0..count).step_by(AT_ONCE) {
        let some = (from..count.min(from + AT_ONCE)).map(|_| one());
        open.extend(join_all(some).await.into_iter().flatten());
    }
    open
}

/// Reads until the connection ends, whatever comes.
async fn until_the_end(stream: &mut Stream) {
    let mut bytes = vec![0; 64 << 10];
    while matches!(stream.read(&mut bytes).await, Ok(1..)) {}
}

#[tokio::test]
async fn slow_heads_do_not_matter() {
    beside_a_good_client(async |webhook| {
        let head = format!(
            "POST /pods HTTP/1.1\r\nhost: x\r\nx: {}",
            "a".repeat(12 << 10)
        );
        let open = over_each(webhook, 300, b"http/1.1", head.as_bytes()).await;
        let frames = Frames::begin().headers_without_end(1).bytes;
        drop((open, over_each(webhook, 300, b"h2", &frames).await));
    })
    .await;
}

#[tokio::test]
async fn slow_bodies_do_not_matter() {
    beside_a_good_client(async |webhook| {
        let head = "POST /pods HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 8388608\r\n\r\n";
        let mut bytes = head.as_bytes().to_vec();
        bytes.resize(bytes.len() + (1 << 20), b' ');
        drop(over_each(webhook, 150, b"http/1.1", &bytes).await);
        let mut frames = Frames::begin();
        for stream in 0..100 {
            frames = frames.post(2 * stream + 1).data(2 * stream + 1, &[b' '; 9 << 10]);
        }
        drop(over_each(webhook, 60, b"h2", &frames.bytes).await);
    })
    .await;
}

#[tokio::test]
async fn ten_thousand_idle_connections_do_not_matter() {
    beside_a_good_client(async |webhook| {
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        // The others are for this process' other tests.
        let count = usize::try_from(limit / 2).unwrap_or(usize::MAX).min(10_000);
        eprintln!("{count} connections, since {limit} files may be open");
        // A tenth of them have done their handshake, and of those half have been answered.
        let mut open = Vec::new();
        for _ in 0..count / 10 {
            for _ in 0..9 {
                open.push(TcpStream::connect(&webhook.address).await.unwrap());
            }
        }
        let get = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
        let answered = over_each(webhook, count / 20, b"http/1.1", get).await;
        drop((
            open,
            answered,
            over_each(webhook, count / 20, b"h2", b"").await,
        ));
        webhook.assert_counted("gtoken_webhook_connections_shed_total");
    })
    .await;
}

#[tokio::test]
async fn running_out_of_files_does_not_matter() {
    beside_a_good_client(async |webhook| {
        webhook.limit_files(50);
        let mut open = Vec::new();
        for _ in 0..500 {
            open.push(TcpStream::connect(&webhook.address).await.unwrap());
        }
        drop((open, over_each(webhook, 200, b"http/1.1", b"GET").await));
    })
    .await;
}

#[tokio::test]
async fn bodies_that_are_too_large_do_not_matter() {
    beside_a_good_client(async |webhook| {
        let posts = [(8 << 20) + 1, 64 << 20].map(|length| {
            let head = format!(
                "POST /pods HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
            );
            let mut bytes = head.into_bytes();
            bytes.resize(bytes.len() + length, b' ');
            bytes
        });
        let one = async |bytes: &[u8]| {
            let mut stream = tls(webhook, b"http/1.1").await.unwrap();
            stream.write_all(bytes).await.unwrap();
            let mut answer = String::new();
            let _ = stream.read_to_string(&mut answer).await;
            assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        };
        join_all([0, 0, 1, 0, 0].map(|number| one(&posts[number]))).await;
    })
    .await;
}

#[tokio::test]
async fn a_body_that_is_too_large_is_told_so_by_http2_too() {
    let webhook = Webhook::start();
    let stream = TokioIo::new(tls(&webhook, b"h2").await.unwrap());
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream)
        .await
        .unwrap();
    tokio::spawn(connection);
    let whole = Full::new(Bytes::from(vec![b' '; (8 << 20) + 1]));
    let pieces = whole.clone().into_data_stream().map_ok(Frame::data);
    // Its length is told in the head, or shows only when it has come.
    for body in [whole.boxed(), StreamBody::new(pieces).boxed()] {
        let request = Request::post("https://localhost/pods")
            .header("content-type", "application/json")
            .body(body)
            .unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.status(), 413);
        let text = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(text, "the body is larger than 8388608 bytes");
    }
}

#[tokio::test]
async fn bodies_that_are_no_reviews_do_not_matter() {
    beside_a_good_client(async |webhook| {
        let whole = review("reader").to_string();
        let deep = whole.replace(
            "[1,2]",
            &format!("{}{}", "[".repeat(1 << 20), "]".repeat(1 << 20)),
        );
        let bodies = [
            "[".repeat(4 << 20).into_bytes(),
            "{\"a\":".repeat(1 << 20).into_bytes(),
            deep.into_bytes(),
            whole.replace("team-a", "team-\u{0}").into_bytes(),
            whole.replace("web", "\u{1}").into_bytes(),
            [whole.as_bytes(), b"\0"].concat(),
            whole
                .bytes()
                .map(|byte| if byte == b'w' { 0xff } else { byte })
                .collect(),
            vec![0; 1 << 20],
            vec![0xff; 1 << 20],
        ];
        let agent = webhook.agent();
        for body in bodies {
            let post = agent
                .post(webhook.url("/pods"))
                .content_type("application/json");
            let status = answer(post.send(&body)).status;
            assert!([200, 400].contains(&status), "{status}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_no_tls_does_not_matter() {
    beside_a_good_client(async |webhook| {
        let mut hello = vec![22, 3, 1, 0xff, 0xff, 1, 0, 0xff, 0xfb, 3, 3];
        hello.resize(5 + (16 << 10), 7);
        let garbage: Vec<u8> = (0..100_000_u32)
            .map(|number| (number * 7 % 251) as u8)
            .collect();
        let mut open = Vec::new();
        for round in 0..600 {
            let mut stream = TcpStream::connect(&webhook.address).await.unwrap();
            let bytes: &[u8] = match round % 4 {
                0 => &hello,
                1 => &hello[..50],
                2 => &garbage,
                _ => b"GET / HTTP/1.1\r\n\r\n",
            };
            let _ = stream.write_all(bytes).await;
            open.push(stream);
        }
    })
    .await;
}

/// Sends so many frames of a kind over a few connections, reads what comes, and needs no answer.
async fn flood(webhook: &Webhook, frames: Frames, reads: bool) {
    let one = async || {
        let stream = tls(webhook, b"h2").await.unwrap();
        let (mut read, mut write) = tokio::io::split(stream);
        let writing = async {
            let _ = write.write_all(&frames.bytes).await;
            let _ = write.shutdown().await;
        };
        if reads {
            let reading = async {
                let mut bytes = vec![0; 64 << 10];
                while matches!(read.read(&mut bytes).await, Ok(1..)) {}
            };
            tokio::join!(writing, reading);
        } else {
            // Where nobody reads, the server may rightly stop reading too.
            let _ = timeout(Duration::from_secs(2), writing).await;
        }
    };
    join_all((0..8).map(|_| one())).await;
}

#[tokio::test]
async fn a_flood_of_resets_does_not_matter() {
    beside_a_good_client(async |webhook| {
        let mut frames = Frames::begin();
        for stream in 0..20_000 {
            frames = frames.post(2 * stream + 1).reset(2 * stream + 1);
        }
        flood(webhook, frames, true).await;
    })
    .await;
}

#[tokio::test]
async fn floods_of_pings_and_settings_do_not_matter() {
    beside_a_good_client(async |webhook| {
        for reads in [true, false] {
            let (mut pings, mut settings) = (Frames::begin(), Frames::begin());
            for _ in 0..50_000 {
                pings = pings.ping();
                settings = settings.settings(4, 65_535);
            }
            flood(webhook, pings, reads).await;
            flood(webhook, settings, reads).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_flood_of_continuations_does_not_matter() {
    beside_a_good_client(async |webhook| {
        let mut frames = Frames::begin().headers_without_end(1);
        for _ in 0..2_000 {
            frames = frames.continuation(1);
        }
        flood(webhook, frames, true).await;
    })
    .await;
}

#[tokio::test]
async fn answers_that_nobody_takes_do_not_matter() {
    beside_a_good_client(async |webhook| {
        let mut open = Vec::new();
        // A window of 1 lets an answer begin, and never end.
        for window in [0, 1] {
            let mut frames = Frames::begin().settings(4, window);
            for stream in 0..100 {
                frames = frames.get(2 * stream + 1, "/metrics");
            }
            open.extend(over_each(webhook, 150, b"h2", &frames.bytes).await);
        }
    })
    .await;
}

/// No client is beside it: for one that waits while the process is held, that time counts as its own.
#[tokio::test]
async fn a_burst_whose_answers_nobody_takes_does_not_matter() {
    let body = review("unseen").to_string();
    let (mut reviews, mut probes) = (Frames::default(), Frames::default());
    for stream in (1..200).step_by(2) {
        reviews = reviews.post(stream).last_data(stream, body.as_bytes());
        probes = probes.get(stream, "/healthz");
    }
    for frames in [reviews, probes] {
        let mut webhook = Webhook::start();
        webhook.kubernetes().play(Fault::GetSlow(NOTICED));
        let begin = Frames::begin().settings(4, 0);
        let mut open = over_each(&webhook, 300, b"h2", &begin.bytes).await;
        // It is read only when all of it has come, as far as the system takes it.
        webhook.signal(Signal::STOP);
        let sent = open.iter_mut().map(async |stream| {
            let _ = timeout(NOTICED / 10, stream.write_all(&frames.bytes)).await;
        });
        join_all(sent).await;
        webhook.signal(Signal::CONT);
        // Its answers are waited for until the oldest connections have to go for them.
        let _ = timeout(NOTICED / 5, until_the_end(&mut open[0])).await;
        drop(open);
        webhook.kubernetes().play(Fault::None);
        // What the burst began has to end first.
        awaited("a review is answered", || {
            let post = webhook.agent().post(webhook.url("/pods?timeout=5s"));
            let post = post.content_type("application/json");
            let answer = post.send(review("reader").to_string());
            answer
                .is_ok_and(|answer| answer.status() == 200)
                .then_some(())
        });
        assert_bounded(&mut webhook);
    }
}

#[tokio::test]
async fn a_connection_that_is_sent_away_ends() {
    let webhook = Webhook::start();
    let mut first = tls(&webhook, b"http/1.1").await.unwrap();
    let open = over_each(&webhook, 600, b"http/1.1", b"").await;
    until_the_end(&mut first).await;
    drop(open);
    webhook.assert_counted("gtoken_webhook_connections_shed_total");
}

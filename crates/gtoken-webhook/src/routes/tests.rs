//! Requests without a network.

use std::convert::Infallible;
use std::task::Poll;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, StreamBody};
use hyper::body::Frame;
use hyper::header::ALLOW;
use serde_json::{Value, json};

use super::*;
use crate::testing::{review, routes};

async fn answer<B>(routes: &Routes, request: Request<B>) -> Response<Full<Bytes>>
where
    B: Body<Data = Bytes>,
    B::Error: fmt::Display,
{
    let share = Room::enter(&routes.room, &Arc::default());
    routes.answer(request, &share).await
}

async fn status_of<B>(routes: &Routes, request: Request<B>) -> StatusCode
where
    B: Body<Data = Bytes>,
    B::Error: fmt::Display,
{
    answer(routes, request).await.status()
}

fn post(content_type: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post("/pods?timeout=5s")
        .header(CONTENT_TYPE, content_type)
        .body(Full::new(body.into()))
        .unwrap()
}

#[tokio::test]
async fn each_path_takes_its_methods() {
    let routes = routes();
    for (method, path, status) in [
        ("GET", "/healthz", 200),
        ("HEAD", "/healthz", 200),
        ("GET", "/readyz", 200),
        ("GET", "/metrics", 200),
        ("POST", "/healthz", 405),
        ("GET", "/pods", 405),
        ("PUT", "/pods", 405),
        ("GET", "/serviceaccounts", 405),
        ("POST", "/", 404),
        ("POST", "/pods/", 404),
        ("GET", "/metrics/x", 404),
    ] {
        let request = Request::builder().method(method).uri(path);
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        assert_eq!(status_of(&routes, request).await, status, "{method} {path}");
    }
    let request = Request::get("/pods").body(Empty::<Bytes>::new()).unwrap();
    assert_eq!(answer(&routes, request).await.headers()[ALLOW], "POST");
}

#[tokio::test]
async fn whoever_annotates_a_service_account_is_told_what_is_wrong() {
    let routes = routes();
    let annotations = json!({"amazonaws.com/rolearn": "arn:aws:iam::123456789012:role/reader"});
    let mut review = review("reader");
    review["request"]["kind"]["kind"] = json!("ServiceAccount");
    review["request"]["object"] = json!({"metadata": {"annotations": annotations}});
    let request = Request::post("/serviceaccounts?timeout=5s")
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(review.to_string())))
        .unwrap();
    let response = answer(&routes, request).await;
    assert_eq!(response.status(), 200);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let answer: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(answer["response"]["allowed"], json!(true));
    assert_eq!(
        answer["response"]["warnings"],
        json!(["amazonaws.com/rolearn is not read: amazonaws.com/role-arn?"])
    );
}

#[tokio::test]
async fn metrics_with_a_listener_of_their_own_are_not_here() {
    let mut routes = routes();
    routes.shows_metrics = false;
    let request = Request::get("/metrics")
        .body(Empty::<Bytes>::new())
        .unwrap();
    assert_eq!(status_of(&routes, request).await, 404);
}

#[tokio::test]
async fn readiness_says_what_it_waits_for() {
    let routes = routes();
    let _awaited = routes.admin.readiness.awaits("the ServiceAccounts");
    let request = Request::get("/readyz").body(Empty::<Bytes>::new()).unwrap();
    let response = answer(&routes, request).await;
    assert_eq!(response.status(), 503);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let text = "waiting for the ServiceAccounts\n[-] the ServiceAccounts: awaited\n";
    assert_eq!(body, text);
}

#[tokio::test]
async fn eks_and_azure_refused_json_with_a_charset() {
    let routes = routes();
    let body = review("reader").to_string();
    for content_type in [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON;charset=UTF-8",
    ] {
        let request = post(content_type, body.clone());
        assert_eq!(status_of(&routes, request).await, 200, "{content_type}");
    }
    for content_type in ["", "text/plain", "application/jsonp", "application/yaml"] {
        let request = post(content_type, body.clone());
        assert_eq!(status_of(&routes, request).await, 415, "{content_type}");
    }
}

#[tokio::test]
async fn a_body_that_is_no_review_gets_one_sentence() {
    let routes = routes();
    for body in [
        "",
        "null",
        "{",
        "[]",
        "{}",
        r#"{"kind":"Pod","apiVersion":"v1"}"#,
    ] {
        let response = answer(&routes, post("application/json", body)).await;
        assert_eq!(response.status(), 400, "{body}");
        let text = response.into_body().collect().await.unwrap().to_bytes();
        assert!(!text.is_empty() && !text.contains(&b'\n'), "{text:?}");
    }
}

#[tokio::test]
async fn a_body_may_be_eight_mebibytes_and_no_more() {
    let routes = routes();
    let mut body = review("reader").to_string().into_bytes();
    body.resize(MAX_BODY, b' ');
    assert_eq!(
        status_of(&routes, post("application/json", body.clone())).await,
        200
    );
    body.push(b' ');
    assert_eq!(
        status_of(&routes, post("application/json", body)).await,
        413
    );
}

#[tokio::test]
async fn an_unknown_answer_asks_to_be_asked_again() {
    let request = post("application/json", review("unseen").to_string());
    let response = answer(&routes(), request).await;
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()[RETRY_AFTER], "1");
}

#[tokio::test(start_paused = true)]
async fn the_time_that_the_api_server_gives_bounds_a_slow_body() {
    let never = futures_util::stream::pending::<Result<Frame<Bytes>, Infallible>>();
    let request = Request::post("/pods?timeout=5s")
        .header(CONTENT_TYPE, "application/json")
        .body(StreamBody::new(never))
        .unwrap();
    let before = tokio::time::Instant::now();
    assert_eq!(status_of(&routes(), request).await, 408);
    let taken = before.elapsed();
    assert!(
        taken > Duration::from_secs(4) && taken < Duration::from_secs(5),
        "{taken:?}"
    );
}

#[tokio::test]
async fn a_panic_costs_one_answer_and_is_counted() {
    let routes = routes();
    let panics =
        futures_util::stream::poll_fn(|_| -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            panic!("on purpose")
        });
    let request = Request::post("/pods")
        .header(CONTENT_TYPE, "application/json")
        .body(StreamBody::new(panics))
        .unwrap();
    assert_eq!(status_of(&routes, request).await, 500);
    let metrics = routes.admin.metrics.encode(&routes.admin.accounts.state());
    assert!(
        metrics.contains(r#"outcome="panicked",answer="unavailable"} 1"#),
        "{metrics}"
    );
    let request = post("application/json", review("reader").to_string());
    assert_eq!(status_of(&routes, request).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_has_to_make_room_is_asked_for_again() {
    let routes = routes();
    let never = futures_util::stream::pending::<Result<Frame<Bytes>, Infallible>>();
    let request = Request::post("/pods")
        .header(CONTENT_TYPE, "application/json")
        .body(StreamBody::new(never))
        .unwrap();
    let others = async {
        let member = Arc::default();
        let shares: Vec<_> = (0..3).map(|_| Room::enter(&routes.room, &member)).collect();
        for share in &shares {
            let _ = share.grow(MAX_BODY);
            share.decides();
        }
    };
    let (response, ()) = tokio::join!(answer(&routes, request), others);
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()[RETRY_AFTER], "1");
}

#[test]
fn nine_tenths_of_the_named_time_are_ours() {
    for (query, millis) in [
        (None, 9_000),
        (Some("timeout=5s"), 4_500),
        (Some("x=1&timeout=1s500ms"), 1_350),
        (Some("timeout=0s"), 9_000),
        (Some("timeout=soon"), 9_000),
        (Some("timeout=1h"), 27_000),
    ] {
        assert_eq!(budget(query), Duration::from_millis(millis), "{query:?}");
    }
}

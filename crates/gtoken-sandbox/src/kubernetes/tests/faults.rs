//! What a client meets while a fault is played.

use super::*;
use crate::kubernetes::Fault;

const HOUR: Duration = Duration::from_hours(1);

impl Watch {
    /// Whether the connection is cut next.
    async fn is_cut(&mut self) -> bool {
        matches!(self.0.frame().await, Some(Err(_)))
    }

    async fn error(&mut self) -> Value {
        let event = self.next().await.expect("an event");
        assert_eq!(event["type"], "ERROR");
        event["object"]["code"].clone()
    }
}

#[tokio::test]
async fn forbidden_requests_say_what_is_not_allowed() {
    let client = Client::with(&["a"]);
    for fault in [
        Fault::GetForbidden,
        Fault::ListForbidden,
        Fault::WatchRefused,
    ] {
        client.0.play(fault.times(1));
    }
    for (place, message) in [
        (
            path("a"),
            "serviceaccounts \"a\" is forbidden: User \"sandbox\" cannot get resource \"serviceaccounts\" in API group \"\" in the namespace \"team\"",
        ),
        (
            ALL.to_owned(),
            "serviceaccounts is forbidden: User \"sandbox\" cannot list resource \"serviceaccounts\" in API group \"\" at the cluster scope",
        ),
        (
            format!("{ALL}?watch=1"),
            "serviceaccounts is forbidden: User \"sandbox\" cannot watch resource \"serviceaccounts\" in API group \"\" at the cluster scope",
        ),
    ] {
        let (code, status) = client.get(&place).await;
        assert_eq!(
            (code, &status["reason"], &status["message"]),
            (403, &json!("Forbidden"), &json!(message))
        );
        assert_eq!(
            client.send("GET", &place, &[], "").await.status(),
            StatusCode::OK,
            "after the fault"
        );
    }
}

#[tokio::test]
async fn a_get_may_fail_or_be_cut() {
    let client = Client::with(&["a"]);
    client.0.play(Fault::GetError);
    let (code, status) = client.get(&path("a")).await;
    assert_eq!((code, &status["reason"]), (500, &json!("InternalError")));
    client.0.play(Fault::GetReset.times(1));
    let response = client.send("GET", &path("a"), &[], "").await;
    assert!(response.into_body().collect().await.is_err());
    assert_eq!(client.get(&path("a")).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn gets_and_lists_may_be_slow() {
    let client = Client::with(&["a"]);
    client.0.play(Fault::GetSlow(Duration::from_secs(3)));
    client.0.play(Fault::ListSlow(Duration::from_secs(40)));
    let started = tokio::time::Instant::now();
    assert_eq!(client.get(&path("a")).await.0, 200);
    assert_eq!(started.elapsed().as_secs(), 3);
    assert_eq!(client.get(ALL).await.0, 200);
    assert_eq!(started.elapsed().as_secs(), 43);
    client.0.play(Fault::None);
    client.get(ALL).await;
    assert_eq!(started.elapsed().as_secs(), 43);
}

#[tokio::test(start_paused = true)]
async fn a_watch_may_end_at_once_or_with_an_error() {
    let client = Client::with(&["a"]);
    client.0.play(Fault::WatchClosedAtOnce);
    assert_eq!(client.watch("").await.next().await, None);
    client.0.play(Fault::WatchGone);
    let mut gone = client.watch("").await;
    assert_eq!((gone.error().await, gone.next().await), (json!(410), None));
    client.0.play(Fault::ErrorInStream);
    let mut failed = client.watch("").await;
    assert_eq!(
        (failed.error().await, failed.next().await),
        (json!(500), None)
    );
    assert_eq!(client.0.open_watches(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_silent_watch_stays_silent_past_its_time_and_past_the_fault() {
    let client = Client::with(&["a"]);
    let mut before = client
        .watch("allowWatchBookmarks=1&timeoutSeconds=60")
        .await;
    before.tells("ADDED", "a").await;
    client.0.play(Fault::RadioSilence);
    let mut during = client
        .watch("allowWatchBookmarks=1&timeoutSeconds=60")
        .await;
    client.0.put_service_account("team", "b", &[]);
    client.0.send_bookmark();
    assert!(before.is_silent_for(HOUR).await);
    client.0.compact();
    let mut forgotten = client.watch("resourceVersion=1").await;
    assert!(forgotten.is_silent_for(HOUR).await);
    client.0.play(Fault::None);
    client.0.put_service_account("team", "c", &[]);
    assert!(before.is_silent_for(HOUR).await);
    assert!(during.is_silent_for(HOUR).await);
    client.watch("").await.tells("ADDED", "a").await;
    client.0.close_watches();
    assert_eq!(during.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn bookmarks_alone_stand_still_so_that_no_change_is_lost() {
    let client = Client::with(&["a"]);
    let mut watch = client.watch("allowWatchBookmarks=1").await;
    watch.tells("ADDED", "a").await;
    let standing = client.revision().await;
    client.0.play(Fault::BookmarksOnly);
    client.0.put_service_account("team", "b", &[]);
    client.0.send_bookmark();
    for _ in 0..2 {
        let event = watch.next().await.expect("a bookmark");
        assert_eq!(
            (
                &event["type"],
                &event["object"]["metadata"]["resourceVersion"]
            ),
            (&json!("BOOKMARK"), &json!(standing))
        );
    }
    let mut another = client
        .watch(&format!("allowWatchBookmarks=1&resourceVersion={standing}"))
        .await;
    another.tells("BOOKMARK", "").await;
    client.0.play(Fault::None);
    let mut after = client.watch(&format!("resourceVersion={standing}")).await;
    after.tells("ADDED", "b").await;
}

#[tokio::test(start_paused = true)]
async fn an_event_may_be_cut_in_the_middle() {
    for client in [Client::with(&["a"]), Client::new()] {
        client.0.play(Fault::HalfObject.times(1));
        let mut watch = client.watch("").await;
        let half = watch
            .0
            .frame()
            .await
            .expect("a frame")
            .expect("data")
            .into_data()
            .expect("data");
        assert!(half.starts_with(b"{"));
        assert!(serde_json::from_slice::<Value>(&half).is_err());
        assert!(watch.is_cut().await);
    }
}

#[tokio::test(start_paused = true)]
async fn away_cuts_every_request_and_every_watch() {
    let client = Client::with(&["a"]);
    let mut watch = client.watch("").await;
    client.0.play(Fault::Away);
    watch.tells("ADDED", "a").await;
    assert!(watch.is_cut().await);
    for place in [ALL, "/version", "/livez", &path("a")] {
        let response = client.send("GET", place, &[], "").await;
        assert!(response.into_body().collect().await.is_err(), "{place}");
    }
    client.0.play(Fault::None);
    assert_eq!(client.get(ALL).await.0, 200);
}

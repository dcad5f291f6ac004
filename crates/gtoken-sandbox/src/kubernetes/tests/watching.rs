//! Watches when all is well.

use super::*;

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test(start_paused = true)]
async fn a_watch_tells_of_every_change_after_a_revision() {
    let client = Client::with(&["a"]);
    let from = client.revision().await;
    client.0.put_service_account("team", "b", &[]);
    let mut watch = client.watch(&format!("resourceVersion={from}")).await;
    watch.tells("ADDED", "b").await;
    client.0.put_service_account("team", "a", &[("x", "y")]);
    client.0.delete_service_account("team", "b");
    watch.tells("MODIFIED", "a").await;
    let deleted = watch.next().await.expect("an event");
    assert_eq!(
        (&deleted["type"], &deleted["object"]["metadata"]["name"]),
        (&json!("DELETED"), &json!("b"))
    );
    assert_eq!(
        deleted["object"]["metadata"]["resourceVersion"],
        json!(client.revision().await)
    );
    assert!(watch.is_silent_for(Duration::from_secs(50)).await);
}

#[tokio::test(start_paused = true)]
async fn a_watch_without_a_revision_begins_with_what_there_is() {
    let client = Client::with(&["a", "b"]);
    for parameters in ["", "resourceVersion=0", "resourceVersion="] {
        let mut watch = client.watch(parameters).await;
        watch.tells("ADDED", "a").await;
        watch.tells("ADDED", "b").await;
        assert!(watch.is_silent_for(Duration::from_secs(50)).await);
    }
}

#[tokio::test(start_paused = true)]
async fn initial_events_end_with_a_marked_bookmark() {
    let client = Client::with(&["a", "b"]);
    let parameters =
        "allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
    for version in ["", "&resourceVersion=0", "&resourceVersion=2"] {
        let mut watch = client.watch(&format!("{parameters}{version}")).await;
        watch.tells("ADDED", "a").await;
        watch.tells("ADDED", "b").await;
        let end = watch.next().await.expect("the bookmark");
        let annotations = json!({"k8s.io/initial-events-end": "true"});
        assert_eq!(
            end,
            json!({"type": "BOOKMARK", "object": {"kind": "ServiceAccount", "apiVersion": "v1", "metadata": {
                "resourceVersion": client.revision().await, "annotations": annotations,
            }}})
        );
        client
            .0
            .put_service_account("team", "a", &[("version", version)]);
        watch.tells("MODIFIED", "a").await;
    }
}

#[tokio::test(start_paused = true)]
async fn initial_events_can_be_declined() {
    let client = Client::with(&["a"]);
    let mut watch = client
        .watch("sendInitialEvents=false&resourceVersionMatch=NotOlderThan")
        .await;
    client.0.put_service_account("team", "b", &[]);
    watch.tells("ADDED", "b").await;
}

#[tokio::test(start_paused = true)]
async fn a_watch_from_a_forgotten_revision_ends_with_410_in_the_stream() {
    let client = Client::with(&["a"]);
    let newest = client.revision().await;
    client.0.compact();
    let mut watch = client.watch(&format!("resourceVersion={newest}")).await;
    let event = watch.next().await.expect("an event");
    assert_eq!(
        (&event["type"], &event["object"]["kind"]),
        (&json!("ERROR"), &json!("Status"))
    );
    assert_eq!(
        (&event["object"]["code"], &event["object"]["reason"]),
        (&json!(410), &json!("Expired"))
    );
    assert_eq!(watch.next().await, None);
    let mut watch = client
        .watch(&format!("resourceVersion={}", client.revision().await))
        .await;
    assert!(watch.is_silent_for(Duration::from_secs(50)).await);
}

#[tokio::test(start_paused = true)]
async fn an_open_watch_outlives_a_compaction() {
    let client = Client::with(&["a"]);
    let mut watch = client.watch("resourceVersion=1").await;
    client.0.put_service_account("team", "b", &[]);
    client.0.compact();
    watch.tells("ADDED", "a").await;
    watch.tells("ADDED", "b").await;
}

#[tokio::test(start_paused = true)]
async fn a_watch_from_a_revision_to_come_waits_for_it() {
    let client = Client::with(&["a"]);
    let next = client.revision().await.parse::<u64>().expect("a number") + 1;
    let mut watch = client.watch(&format!("resourceVersion={next}")).await;
    client.0.put_service_account("team", "b", &[]);
    client.0.put_service_account("team", "c", &[]);
    watch.tells("ADDED", "c").await;
}

#[tokio::test(start_paused = true)]
async fn bookmarks_come_when_sent_and_every_minute_to_who_allows_them() {
    let client = Client::with(&["a"]);
    let from = format!("resourceVersion={}", client.revision().await);
    let mut without = client.watch(&from).await;
    let mut with = client
        .watch(&format!("{from}&allowWatchBookmarks=true"))
        .await;
    client.0.put_service_account("team", "b", &[]);
    client.0.send_bookmark();
    with.tells("ADDED", "b").await;
    let bookmark = with.next().await.expect("a bookmark");
    let metadata = json!({"resourceVersion": client.revision().await});
    assert_eq!(
        bookmark["object"],
        json!({"kind": "ServiceAccount", "apiVersion": "v1", "metadata": metadata})
    );

    let started = tokio::time::Instant::now();
    with.tells("BOOKMARK", "").await;
    with.tells("BOOKMARK", "").await;
    assert_eq!(started.elapsed().as_secs(), 120);
    without.tells("ADDED", "b").await;
    assert!(without.is_silent_for(Duration::from_mins(10)).await);
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_when_its_time_is_up() {
    let client = Client::new();
    let started = tokio::time::Instant::now();
    let mut watch = client.watch("timeoutSeconds=7").await;
    assert_eq!(client.0.open_watches(), 1);
    assert_eq!(watch.next().await, None);
    assert_eq!(started.elapsed().as_secs(), 7);
    assert_eq!(client.0.open_watches(), 0);
    let mut watch = client.watch("timeoutSeconds=0").await;
    assert_eq!(watch.next().await, None);
    assert_eq!(started.elapsed().as_secs(), 1807);
}

#[tokio::test(start_paused = true)]
async fn watches_can_be_closed_and_end_after_what_they_have_to_tell() {
    let client = Client::with(&["a"]);
    let mut watch = client.watch("").await;
    client.0.close_watches();
    watch.tells("ADDED", "a").await;
    assert_eq!(watch.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_left_is_forgotten() {
    let client = Client::new();
    let watch = client.watch("").await;
    assert_eq!(client.0.open_watches(), 1);
    drop(watch);
    assert_eq!(client.0.open_watches(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_watch_tells_only_of_what_it_selects() {
    let client = Client::with(&["a", "b"]);
    let mut by_name = client.watch("fieldSelector=metadata.name=b").await;
    by_name.tells("ADDED", "b").await;
    let response = client
        .send(
            "GET",
            "/api/v1/namespaces/other/serviceaccounts?watch",
            &[],
            "",
        )
        .await;
    let mut by_namespace = Watch(response.into_body());
    client.0.put_service_account("team", "a", &[("x", "y")]);
    client.0.put_service_account("other", "b", &[]);
    by_name.tells("ADDED", "b").await;
    by_namespace.tells("ADDED", "b").await;
    assert!(by_namespace.is_silent_for(Duration::from_secs(50)).await);
}

#[tokio::test(start_paused = true)]
async fn a_watch_of_metadata_holds_metadata_in_every_event() {
    let client = Client::with(&["a"]);
    let mut watch = client.watch_as("allowWatchBookmarks=1", METADATA).await;
    client.0.send_bookmark();
    client.0.delete_service_account("team", "a");
    for kind in ["ADDED", "BOOKMARK", "DELETED"] {
        let event = watch.next().await.expect("an event");
        assert_eq!(event["type"], kind);
        let object = &event["object"];
        assert_eq!(
            (&object["kind"], &object["apiVersion"]),
            (&json!("PartialObjectMetadata"), &json!("meta.k8s.io/v1"))
        );
        assert!(object["metadata"]["resourceVersion"].is_string());
    }
    client.0.close_watches();
    assert!(
        tokio::time::timeout(HOUR, watch.next())
            .await
            .expect("an end")
            .is_none()
    );
}

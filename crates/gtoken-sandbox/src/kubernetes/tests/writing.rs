//! POST, PUT, PATCH and DELETE.

use super::*;

const TEAM: &str = "/api/v1/namespaces/team/serviceaccounts";
const JSON: &[(&str, &str)] = &[("content-type", "application/json")];
const MERGE: &[(&str, &str)] = &[("content-type", "application/merge-patch+json")];

fn named(name: &str) -> String {
    json!({"metadata": {"name": name}}).to_string()
}

#[tokio::test]
async fn create_keeps_what_it_is_given_once() {
    let client = Client::new();
    let body = json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": "a", "labels": {"app": "x"}}, "automountServiceAccountToken": false,
    });
    let headers = [
        ("content-type", "application/json; charset=utf-8"),
        ("user-agent", "kubectl/v1.34"),
    ];
    let (code, created) = client.call("POST", TEAM, &headers, &body.to_string()).await;
    assert_eq!(code, 201);
    assert_eq!(created["automountServiceAccountToken"], false);
    assert_eq!(created["metadata"]["namespace"], "team");
    assert_eq!(
        created["metadata"]["managedFields"][0]["manager"],
        "kubectl"
    );
    assert_eq!(client.get(&path("a")).await.1, created);

    let (code, status) = client.call("POST", TEAM, JSON, &named("a")).await;
    assert_eq!((code, &status["reason"]), (409, &json!("AlreadyExists")));
}

#[tokio::test]
async fn a_name_can_be_generated() {
    let client = Client::new();
    let body = json!({"metadata": {"generateName": "job-"}}).to_string();
    let (_, one) = client.call("POST", TEAM, JSON, &body).await;
    let (_, other) = client.call("POST", TEAM, JSON, &body).await;
    let name = one["metadata"]["name"].as_str().expect("a name");
    assert!(name.starts_with("job-") && name.len() == 9, "{name}");
    assert_ne!(one["metadata"]["name"], other["metadata"]["name"]);
}

#[tokio::test]
async fn what_is_no_service_account_is_refused() {
    let client = Client::new();
    for (body, expected) in [
        ("{", 400),
        ("[]", 400),
        (
            r#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a"}}"#,
            400,
        ),
        (r#"{"metadata":{"name":"a","annotations":{"a":1}}}"#, 400),
        (r#"{"metadata":{"name":"a","namespace":"other"}}"#, 400),
        (r#"{"metadata":{"name":"a","resourceVersion":"7"}}"#, 400),
        (r#"{"metadata":{}}"#, 422),
        (r#"{"metadata":{"name":"A_b"}}"#, 422),
    ] {
        assert_eq!(
            client.call("POST", TEAM, JSON, body).await.0,
            expected,
            "{body}"
        );
    }
    let yaml = [("content-type", "application/yaml")];
    let (code, status) = client.call("POST", TEAM, &yaml, &named("a")).await;
    assert_eq!(
        (code, &status["reason"]),
        (415, &json!("UnsupportedMediaType"))
    );
    assert_eq!(names(&client.get(ALL).await.1), Vec::<&str>::new());
}

#[tokio::test]
async fn replace_needs_the_version_it_names() {
    let client = Client::with(&["a"]);
    let (_, mut object) = client.get(&path("a")).await;
    object["metadata"]["annotations"] = json!({"a": "1"});
    let (code, replaced) = client
        .call("PUT", &path("a"), JSON, &object.to_string())
        .await;
    assert_eq!(
        (code, &replaced["metadata"]["annotations"]),
        (200, &json!({"a": "1"}))
    );
    assert_eq!(replaced["metadata"]["uid"], object["metadata"]["uid"]);

    object["metadata"]["annotations"] = json!({"a": "2"});
    let (code, status) = client
        .call("PUT", &path("a"), JSON, &object.to_string())
        .await;
    assert_eq!((code, &status["reason"]), (409, &json!("Conflict")));
    assert!(
        status["message"]
            .as_str()
            .is_some_and(|text| text.contains("the object has been modified"))
    );

    let without = named("a");
    assert_eq!(client.call("PUT", &path("a"), JSON, &without).await.0, 200);
    assert_eq!(client.call("PUT", &path("b"), JSON, &without).await.0, 400);
    assert_eq!(
        client.call("PUT", &path("b"), JSON, &named("b")).await.0,
        404
    );
}

#[tokio::test]
async fn a_write_that_changes_nothing_writes_nothing() {
    let client = Client::with(&["a"]);
    let (_, before) = client.get(&path("a")).await;
    let (_, after) = client
        .call("PUT", &path("a"), JSON, &before.to_string())
        .await;
    assert_eq!(after, before);
    client.0.put_service_account("team", "a", &[]);
    assert_eq!(client.get(&path("a")).await.1, before);
}

#[tokio::test]
async fn patch_merges() {
    let client = Client::new();
    client
        .0
        .put_service_account("team", "a", &[("keep", "1"), ("drop", "2")]);
    let patch = json!({"metadata": {"annotations": {"drop": null, "new": "3"}}}).to_string();
    for content_type in [
        "application/merge-patch+json",
        "application/strategic-merge-patch+json",
    ] {
        let (code, patched) = client
            .call(
                "PATCH",
                &path("a"),
                &[("content-type", content_type)],
                &patch,
            )
            .await;
        assert_eq!(code, 200);
        assert_eq!(
            patched["metadata"]["annotations"],
            json!({"keep": "1", "new": "3"})
        );
    }
    let headers = [MERGE[0], ("accept", METADATA)];
    let (_, partial) = client.call("PATCH", &path("a"), &headers, &patch).await;
    assert_eq!(partial["kind"], "PartialObjectMetadata");
}

#[tokio::test]
async fn a_patch_that_cannot_be_is_refused() {
    let client = Client::with(&["a"]);
    for (body, expected) in [
        (r#"{"metadata":{"resourceVersion":"1"}}"#, 409),
        (r#"{"metadata":{"uid":"another"}}"#, 409),
        (r#"{"metadata":{"name":"b"}}"#, 400),
        (r#"{"metadata":{"namespace":"b"}}"#, 400),
        (r#"{"metadata":null}"#, 400),
        (r#"{"metadata":{"labels":[]}}"#, 400),
        ("[]", 400),
    ] {
        assert_eq!(
            client.call("PATCH", &path("a"), MERGE, body).await.0,
            expected,
            "{body}"
        );
    }
    assert_eq!(client.call("PATCH", &path("b"), MERGE, "{}").await.0, 404);
    for content_type in [
        "application/apply-patch+yaml",
        "application/json-patch+json",
        "application/json",
    ] {
        let headers = [("content-type", content_type)];
        let (code, status) = client.call("PATCH", &path("a"), &headers, "{}").await;
        assert_eq!(
            (code, &status["reason"]),
            (415, &json!("UnsupportedMediaType"))
        );
    }
}

#[tokio::test]
async fn delete_returns_the_object_and_heeds_preconditions() {
    let client = Client::with(&["a", "b"]);
    let other = json!({"preconditions": {"uid": "another"}}).to_string();
    assert_eq!(client.call("DELETE", &path("a"), JSON, &other).await.0, 409);
    let (code, deleted) = client.call("DELETE", &path("a"), JSON, "{}").await;
    assert_eq!((code, &deleted["metadata"]["name"]), (200, &json!("a")));
    assert_eq!(client.call("DELETE", &path("a"), &[], "").await.0, 404);
    assert_eq!(client.get(&path("a")).await.0, 404);
    assert_eq!(client.call("DELETE", &path("b"), &[], "").await.0, 200);
}

#[tokio::test]
async fn a_dry_run_keeps_nothing() {
    let client = Client::with(&["a"]);
    let before = client.revision().await;
    let (code, created) = client
        .call("POST", &format!("{TEAM}?dryRun=All"), JSON, &named("b"))
        .await;
    assert_eq!((code, &created["metadata"]["name"]), (201, &json!("b")));
    let patch = json!({"metadata": {"annotations": {"a": "1"}}}).to_string();
    client
        .call("PATCH", &format!("{}?dryRun=All", path("a")), MERGE, &patch)
        .await;
    client
        .call("DELETE", &format!("{}?dryRun=All", path("a")), &[], "")
        .await;
    client
        .call("DELETE", &path("a"), JSON, r#"{"dryRun":["All"]}"#)
        .await;
    assert_eq!(client.revision().await, before);
}

#[tokio::test]
async fn other_methods_are_not_allowed() {
    let client = Client::with(&["a"]);
    for (method, place) in [
        ("POST", ALL),
        ("DELETE", ALL),
        ("PUT", TEAM),
        ("PATCH", TEAM),
        ("POST", &path("a")),
    ] {
        let (code, status) = client.call(method, place, JSON, "{}").await;
        assert_eq!(
            (code, &status["reason"]),
            (405, &json!("MethodNotAllowed")),
            "{method} {place}"
        );
    }
}

#[tokio::test]
async fn an_object_made_anew_has_another_uid() {
    let client = Client::with(&["a"]);
    let (_, before) = client.get(&path("a")).await;
    client.0.delete_service_account("team", "a");
    client.0.put_service_account("team", "a", &[]);
    let (_, after) = client.get(&path("a")).await;
    assert_ne!(before["metadata"]["uid"], after["metadata"]["uid"]);
}

#[test]
#[should_panic(expected = "needs metadata.namespace")]
fn an_object_without_a_place_cannot_be_put() {
    Client::new()
        .0
        .put_object(json!({"metadata": {"name": "a"}}));
}

//! GET and list.

use super::*;

#[tokio::test]
async fn an_object_has_the_fields_that_the_server_owns() {
    let client = Client::new();
    client
        .0
        .put_service_account("team", "reader", &[("amazonaws.com/role-arn", "arn")]);
    let (code, object) = client.get(&path("reader")).await;
    assert_eq!(
        (code, &object["kind"], &object["apiVersion"]),
        (200, &json!("ServiceAccount"), &json!("v1"))
    );
    let metadata = &object["metadata"];
    assert_eq!(
        metadata["annotations"],
        json!({"amazonaws.com/role-arn": "arn"})
    );
    assert_eq!(metadata["uid"].as_str().map(str::len), Some(36));
    assert!(
        metadata["creationTimestamp"]
            .as_str()
            .is_some_and(|time| time.ends_with('Z'))
    );
    let version = metadata["resourceVersion"]
        .as_str()
        .and_then(|v| v.parse::<u64>().ok());
    assert!(version.is_some_and(|version| version > 1));
    let fields = &metadata["managedFields"][0]["fieldsV1"]["f:metadata"]["f:annotations"];
    assert_eq!(*fields, json!({".": {}, "f:amazonaws.com/role-arn": {}}));
}

#[tokio::test]
async fn what_does_not_exist_is_a_status_with_its_name() {
    let (code, status) = Client::new().get(&path("nobody")).await;
    assert_eq!(code, 404);
    assert_eq!(
        status,
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": "serviceaccounts \"nobody\" not found", "reason": "NotFound",
            "details": {"name": "nobody", "kind": "serviceaccounts"}, "code": 404,
        })
    );
}

#[tokio::test]
async fn lists_are_of_one_namespace_or_of_all_in_the_order_of_etcd() {
    let client = Client::new();
    for (namespace, name) in [("a", "x"), ("a-b", "y"), ("b", "z")] {
        client.0.put_service_account(namespace, name, &[]);
    }
    let (_, all) = client.get(ALL).await;
    assert_eq!(names(&all), ["y", "x", "z"]);
    assert_eq!(
        (&all["kind"], &all["apiVersion"]),
        (&json!("ServiceAccountList"), &json!("v1"))
    );
    assert_eq!(all["items"][0].get("kind"), None);
    let (_, one) = client.get("/api/v1/namespaces/a/serviceaccounts").await;
    assert_eq!(names(&one), ["x"]);
    let (_, none) = client.get("/api/v1/namespaces/c/serviceaccounts").await;
    assert_eq!(none["items"], json!([]));
}

#[tokio::test]
async fn pages_show_one_state_whatever_happens_between_them() {
    let client = Client::with(&["a", "b", "c", "d", "e"]);
    let (_, first) = client.get(&format!("{ALL}?limit=2")).await;
    assert_eq!(names(&first), ["a", "b"]);
    assert_eq!(first["metadata"]["remainingItemCount"], 3);

    client.0.delete_service_account("team", "b");
    client.0.delete_service_account("team", "c");
    client.0.put_service_account("team", "bb", &[]);
    client
        .0
        .put_service_account("team", "d", &[("changed", "yes")]);

    let token = first["metadata"]["continue"].as_str().expect("a token");
    let (_, second) = client.get(&format!("{ALL}?limit=2&continue={token}")).await;
    assert_eq!(names(&second), ["c", "d"]);
    assert_eq!(second["items"][1]["metadata"]["annotations"], json!({}));
    assert_eq!(
        second["metadata"]["resourceVersion"],
        first["metadata"]["resourceVersion"]
    );

    let token = second["metadata"]["continue"].as_str().expect("a token");
    let (_, third) = client.get(&format!("{ALL}?limit=2&continue={token}")).await;
    assert_eq!(names(&third), ["e"]);
    assert_eq!(third["metadata"].get("continue"), None);
    assert_eq!(third["metadata"].get("remainingItemCount"), None);

    assert_eq!(names(&client.get(ALL).await.1), ["a", "bb", "d", "e"]);
}

#[tokio::test]
async fn a_page_of_a_forgotten_state_is_gone_and_says_how_to_go_on() {
    let client = Client::with(&["a", "b", "c"]);
    let (_, first) = client.get(&format!("{ALL}?limit=1")).await;
    client.0.delete_service_account("team", "b");
    client.0.compact();
    let token = first["metadata"]["continue"].as_str().expect("a token");
    let (code, gone) = client.get(&format!("{ALL}?limit=1&continue={token}")).await;
    assert_eq!((code, &gone["reason"]), (410, &json!("Expired")));
    let token = gone["metadata"]["continue"].as_str().expect("a new token");
    let (code, rest) = client.get(&format!("{ALL}?limit=1&continue={token}")).await;
    assert_eq!((code, names(&rest)), (200, vec!["c"]));
}

#[tokio::test]
async fn a_list_is_at_least_or_exactly_of_a_revision() {
    let client = Client::with(&["a"]);
    let old = client.revision().await;
    client.0.put_service_account("team", "b", &[]);
    for (parameters, expected) in [
        (String::new(), vec!["a", "b"]),
        ("resourceVersion=0".to_owned(), vec!["a", "b"]),
        (
            "resourceVersion=0&resourceVersionMatch=NotOlderThan".to_owned(),
            vec!["a", "b"],
        ),
        (format!("resourceVersion={old}"), vec!["a", "b"]),
        (
            format!("resourceVersion={old}&limit=5&resourceVersionMatch=NotOlderThan"),
            vec!["a", "b"],
        ),
        (format!("resourceVersion={old}&limit=5"), vec!["a"]),
        (
            format!("resourceVersion={old}&resourceVersionMatch=Exact"),
            vec!["a"],
        ),
    ] {
        let (_, list) = client.get(&format!("{ALL}?{parameters}")).await;
        assert_eq!(names(&list), expected, "{parameters}");
    }
    client.0.compact();
    let (code, status) = client
        .get(&format!(
            "{ALL}?resourceVersion={old}&resourceVersionMatch=Exact"
        ))
        .await;
    assert_eq!((code, &status["reason"]), (410, &json!("Expired")));
}

#[tokio::test]
async fn a_revision_to_come_is_too_large() {
    let client = Client::with(&["a"]);
    for place in [ALL, &path("a")] {
        let response = client
            .send("GET", &format!("{place}?resourceVersion=999"), &[], "")
            .await;
        assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
        assert_eq!(response.headers()["retry-after"], "1");
    }
}

#[tokio::test]
async fn fields_select_and_labels_are_refused() {
    let client = Client::with(&["a", "b"]);
    client.0.put_service_account("other", "a", &[]);
    for (selector, expected) in [
        ("metadata.name%3Da", vec!["a", "a"]),
        ("metadata.name==a,metadata.namespace=team", vec!["a"]),
        ("metadata.namespace!=other", vec!["a", "b"]),
    ] {
        let (_, list) = client
            .get(&format!("{ALL}?limit=1000&fieldSelector={selector}"))
            .await;
        assert_eq!(names(&list), expected, "{selector}");
    }
    let (_, page) = client
        .get(&format!("{ALL}?limit=1&fieldSelector=metadata.name=a"))
        .await;
    assert!(page["metadata"]["continue"].is_string());
    assert_eq!(page["metadata"].get("remainingItemCount"), None);
    for refused in [
        "fieldSelector=spec.x=1",
        "fieldSelector=a",
        "labelSelector=app=x",
    ] {
        let (code, status) = client.get(&format!("{ALL}?{refused}")).await;
        assert_eq!(
            (code, &status["reason"]),
            (400, &json!("BadRequest")),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn parameters_that_make_no_sense_are_refused() {
    let client = Client::with(&["a", "b"]);
    let (_, first) = client.get(&format!("{ALL}?limit=1")).await;
    let token = first["metadata"]["continue"].as_str().expect("a token");
    let with_token = format!("continue={token}&resourceVersion=2");
    for (parameters, expected) in [
        ("limit=many", 400),
        ("resourceVersion=new", 400),
        ("continue=nonsense", 400),
        (&with_token, 400),
        ("resourceVersionMatch=Exact", 422),
        ("resourceVersion=0&resourceVersionMatch=Exact", 422),
        ("resourceVersion=1&resourceVersionMatch=Roughly", 422),
        ("sendInitialEvents=true", 422),
        ("watch=1&resourceVersionMatch=NotOlderThan", 422),
        ("watch=1&sendInitialEvents=true", 422),
    ] {
        assert_eq!(
            client.get(&format!("{ALL}?{parameters}")).await.0,
            expected,
            "{parameters}"
        );
    }
    let elsewhere = format!("/api/v1/namespaces/other/serviceaccounts?continue={token}");
    assert_eq!(client.get(&elsewhere).await.0, 400);
}

#[tokio::test]
async fn metadata_comes_alone_when_asked_for() {
    let client = Client::new();
    client.0.put_object(json!({
        "metadata": {"namespace": "team", "name": "a"}, "imagePullSecrets": [{"name": "pull"}],
    }));
    let (_, object) = client.get_as(&path("a"), METADATA).await;
    assert_eq!(
        (&object["kind"], &object["apiVersion"]),
        (&json!("PartialObjectMetadata"), &json!("meta.k8s.io/v1"))
    );
    assert_eq!(object["metadata"]["name"], "a");
    assert_eq!(object.as_object().map(serde_json::Map::len), Some(3));
    let (_, list) = client.get_as(ALL, METADATA_LIST).await;
    assert_eq!(
        (&list["kind"], &list["apiVersion"]),
        (
            &json!("PartialObjectMetadataList"),
            &json!("meta.k8s.io/v1")
        )
    );
    assert_eq!(list["items"][0], object);
    let (_, whole) = client.get(&path("a")).await;
    assert_eq!(whole["imagePullSecrets"], json!([{"name": "pull"}]));
}

#[tokio::test]
async fn a_form_that_does_not_fit_is_not_acceptable() {
    let client = Client::with(&["a"]);
    let watch = format!("{ALL}?watch=1");
    for (place, accept) in [
        (ALL, METADATA),
        (ALL, "application/vnd.kubernetes.protobuf"),
        (&path("a"), METADATA_LIST),
        (&watch, METADATA_LIST),
    ] {
        let (code, status) = client.get_as(place, accept).await;
        assert_eq!(
            (code, &status["reason"]),
            (406, &json!("NotAcceptable")),
            "{place} {accept}"
        );
    }
}

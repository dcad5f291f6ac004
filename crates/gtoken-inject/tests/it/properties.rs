//! What holds for every pod, whatever fields some Kubernetes to come gives it.

use gtoken_inject::{
    Binding, Decision, Review, ServerVersion, Settings, SidecarMode, Subject, Unbound, decide,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

const SERVER: ServerVersion = ServerVersion {
    major: 1,
    minor: 34,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn injecting_twice_is_injecting_once(pod in any_pod(), mode in any_mode()) {
        let once = applied(&pod, &review(&pod, Ok(&binding()), mode));
        let again = review(&once, Ok(&binding()), mode);
        prop_assert_eq!(applied(&once, &again), once);
    }

    #[test]
    fn a_patch_always_applies_to_the_pod_that_was_sent(pod in any_pod(), mode in any_mode()) {
        let response = review(&pod, Ok(&binding()), mode);
        prop_assert_eq!(response.get("patch").is_some(), response.get("patchType").is_some());
        applied(&pod, &response);
    }

    #[test]
    fn whatever_the_user_set_stays_in_its_order(pod in any_pod(), mode in any_mode()) {
        let patched = applied(&pod, &review(&pod, Ok(&binding()), mode));
        prop_assert!(keeps(&pod, &patched), "lost something:\n{pod:#}\n{patched:#}");
        for (path, value) in additions(&pod, mode) {
            prop_assert!(may_add(&path), "{path} is not ours to add: {value}");
        }
    }

    #[test]
    fn a_pod_with_nothing_to_inject_gets_no_patch(pod in any_pod(), unbound in any_unbound(), mode in any_mode()) {
        let response = review(&pod, Err(&unbound), mode);
        prop_assert_eq!(response.get("patch"), None);
        prop_assert_eq!(response.get("patchType"), None);
    }

    #[test]
    fn only_a_pod_that_demands_credentials_is_denied(pod in any_pod(), unbound in any_unbound(), mode in any_mode()) {
        let response = review(&pod, Err(&unbound), mode);
        let demands = pod["metadata"]["labels"]["amazonaws.com/inject"] == "true";
        let mirror = pod["metadata"]["annotations"].get("kubernetes.io/config.mirror").is_some();
        prop_assert_eq!(response["allowed"] == true, !demands || mirror);
    }

    #[test]
    fn no_bytes_make_the_codec_panic(bytes in vec(any::<u8>(), 0..256)) {
        let _ = Review::parse(&bytes);
    }

    #[test]
    fn a_review_cut_anywhere_is_refused(pod in any_pod(), cut in any::<prop::sample::Index>()) {
        let body = body(&pod);
        prop_assert!(Review::parse(&body[..cut.index(body.len())]).is_err());
    }
}

fn binding() -> Binding {
    Binding::parse(|name| match name {
        "amazonaws.com/role-arn" => Some("arn:aws:iam::123456789012:role/reader"),
        "iam.gke.io/gcp-service-account" => Some("reader@my-project.iam.gserviceaccount.com"),
        _ => None,
    })
    .expect("the annotations are right")
}

fn body(pod: &Value) -> Vec<u8> {
    let request = json!({
        "uid": "1",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "namespace": "team-a",
        "operation": "CREATE",
        "object": pod,
    });
    let review =
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request});
    serde_json::to_vec(&review).expect("JSON serialises")
}

/// The answer's `response`.
fn review(pod: &Value, binding: Result<&Binding, &Unbound>, mode: SidecarMode) -> Value {
    let body = body(pod);
    let review = Review::parse(&body).expect("a generated pod can be read");
    let Subject::Pod(subject) = review.subject() else {
        panic!("a pod's creation is looked at")
    };
    let settings = Settings {
        sidecar_mode: mode,
        ..Settings::default()
    };
    let decision: Decision = decide(subject, binding, &settings, SERVER);
    let mut answer: Value =
        serde_json::from_slice(&review.answer(&decision)).expect("the answer is JSON");
    answer["response"].take()
}

fn patch(response: &Value) -> json_patch::Patch {
    use base64::Engine;
    let Some(patch) = response.get("patch") else {
        return json_patch::Patch::default();
    };
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(patch.as_str().expect("text"))
        .expect("base64");
    serde_json::from_slice(&bytes).expect("an RFC 6902 patch")
}

fn applied(pod: &Value, response: &Value) -> Value {
    let mut pod = pod.clone();
    json_patch::patch(&mut pod, &patch(response)).expect("the patch applies");
    pod
}

/// What a patch adds, by path.
fn additions(pod: &Value, mode: SidecarMode) -> Vec<(String, Value)> {
    let patch = patch(&review(pod, Ok(&binding()), mode));
    let added = |operation: &json_patch::PatchOperation| match operation {
        json_patch::PatchOperation::Add(add) => (add.path.to_string(), add.value.clone()),
        other => panic!("injection only ever adds: {other:?}"),
    };
    patch.0.iter().map(added).collect()
}

/// Whether a path is one of the few that an injection adds to.
fn may_add(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let number = |part: &str| part.parse::<usize>().is_ok();
    match parts[..] {
        ["spec", "volumes" | "initContainers" | "containers"]
        | ["spec", "volumes" | "containers", "-"] => true,
        ["spec", "initContainers", index]
        | [
            "spec",
            "containers" | "initContainers",
            index,
            "env" | "volumeMounts",
        ]
        | [
            "spec",
            "containers" | "initContainers",
            index,
            "env" | "volumeMounts",
            "-",
        ] => number(index),
        _ => false,
    }
}

/// Whether everything of `before` is in `after`, lists in the same order; a `null` list may have been made.
fn keeps(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => before
            .iter()
            .all(|(key, value)| after.get(key).is_some_and(|kept| keeps(value, kept))),
        (Value::Array(before), Value::Array(after)) => {
            let mut after = after.iter();
            before
                .iter()
                .all(|element| after.any(|kept| keeps(element, kept)))
        }
        (Value::Null, Value::Array(_)) => true,
        (before, after) => before == after,
    }
}

fn any_mode() -> impl Strategy<Value = SidecarMode> {
    select(&[SidecarMode::Auto, SidecarMode::Classic, SidecarMode::Native][..])
}

fn any_unbound() -> impl Strategy<Value = Unbound> {
    let malformed = Binding::parse(|_| Some("reader")).expect_err("no ARN");
    select(vec![Unbound::NoRole, Unbound::NotFound, malformed])
}

/// Any JSON, as some later Kubernetes may send it.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(any::<String>(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// An object of known members, each of which may be missing, beside members that nobody knows.
fn object(known: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let known: Vec<_> = known
        .into_iter()
        .map(|(name, value)| {
            option::weighted(0.8, value).prop_map(move |value| (name.to_owned(), value))
        })
        .collect();
    let unknown = btree_map("future[A-Z]{1,3}", any_json(), 0..3);
    (known, unknown)
        .prop_map(|(known, unknown)| {
            let known = known
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?)));
            Value::Object(known.chain(unknown).collect::<Map<_, _>>())
        })
        .boxed()
}

/// A list, which Go may also write as `null`.
fn list(element: BoxedStrategy<Value>, most: usize) -> BoxedStrategy<Value> {
    prop_oneof![1 => Just(Value::Null), 8 => vec(element, 0..=most).prop_map(Value::from)].boxed()
}

fn text(values: &'static [&'static str]) -> BoxedStrategy<Value> {
    select(values).prop_map(Value::from).boxed()
}

fn any_name() -> BoxedStrategy<Value> {
    prop_oneof!["[a-z]{1,8}", any::<String>()]
        .prop_map(Value::from)
        .boxed()
}

fn any_container() -> BoxedStrategy<Value> {
    let variables = &[
        "AWS_ROLE_ARN",
        "AWS_ROLE_SESSION_NAME",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "GTOKEN_POD_NAME",
        "PATH",
    ];
    let env = object(vec![("name", text(variables)), ("value", any_name())]);
    let paths = &[
        "/data",
        "/var/run/secrets/aws/token",
        "/var/run/secrets/aws/token/",
    ];
    let mount = object(vec![
        ("name", text(&["data", "gtoken-volume"])),
        ("mountPath", text(paths)),
    ]);
    let names =
        prop_oneof![9 => any_name(), 1 => text(&["generate-gcp-id-token", "update-gcp-id-token"])];
    object(vec![
        ("name", names.boxed()),
        ("env", list(env, 3)),
        ("volumeMounts", list(mount, 2)),
    ])
}

fn any_pod() -> impl Strategy<Value = Value> {
    let labels = object(vec![
        ("amazonaws.com/inject", text(&["true", "false", "perhaps"])),
        ("app", any_name()),
    ]);
    let annotations = object(vec![(
        "amazonaws.com/sidecar-mode",
        text(&["native", "classic", "odd"]),
    )]);
    let mirror = object(vec![("kubernetes.io/config.mirror", any_name())]);
    let metadata = object(vec![
        ("name", any_name()),
        ("generateName", any_name()),
        ("labels", labels),
        (
            "annotations",
            prop_oneof![9 => annotations, 1 => mirror].boxed(),
        ),
    ]);
    let volume = object(vec![
        ("name", text(&["data", "gtoken-volume"])),
        ("emptyDir", Just(json!({"medium": "Memory"})).boxed()),
    ]);
    let spec = object(vec![
        (
            "serviceAccountName",
            text(&["reader", "reader", "reader", ""]),
        ),
        ("restartPolicy", text(&["Always", "OnFailure", "Never"])),
        (
            "hostNetwork",
            select(vec![false, false, false, true])
                .prop_map(Value::from)
                .boxed(),
        ),
        ("initContainers", list(any_container(), 3)),
        ("containers", list(any_container(), 3)),
        ("volumes", list(volume, 3)),
    ]);
    // Labels and annotations hold text only, so what nobody knows of them is left out.
    object(vec![("metadata", metadata), ("spec", spec)]).prop_map(texts_only)
}

fn texts_only(mut pod: Value) -> Value {
    for map in ["/metadata/labels", "/metadata/annotations"] {
        if let Some(Value::Object(map)) = pod.pointer_mut(map) {
            map.retain(|_, value| value.is_string());
        }
    }
    pod
}

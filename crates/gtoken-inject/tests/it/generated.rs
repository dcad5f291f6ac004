//! Pods, reviews' parts and other JSON as some Kubernetes might send them.

use gtoken_inject::annotation::ROLE_ARN;
use gtoken_inject::{Binding, Dialect, SidecarMode, TokenSource, Unbound};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

/// Each way the refresher may be asked to run.
pub(crate) fn any_mode() -> impl Strategy<Value = SidecarMode> {
    select(&[SidecarMode::Auto, SidecarMode::Classic, SidecarMode::Native][..])
}

/// Each who may sign a pod's tokens.
pub(crate) fn any_source() -> impl Strategy<Value = TokenSource> {
    select(&[TokenSource::Google, TokenSource::Cluster][..])
}

/// Each way a ServiceAccount may give no binding.
pub(crate) fn any_unbound() -> impl Strategy<Value = Unbound> {
    let malformed =
        Binding::parse(&Dialect::default(), [(ROLE_ARN, "reader")]).expect_err("no ARN");
    select(vec![Unbound::NoRole, Unbound::NotFound, malformed])
}

/// Any JSON, as some later Kubernetes may send it.
pub(crate) fn any_json() -> impl Strategy<Value = Value> {
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
        "/var/run/secrets/aws",
        "/var/run/secrets/aws/token/mine",
    ];
    let mount = object(vec![
        ("name", text(&["data", "gtoken-volume"])),
        ("mountPath", text(paths)),
        ("readOnly", any::<bool>().prop_map(Value::from).boxed()),
    ]);
    let names =
        prop_oneof![9 => any_name(), 1 => text(&["generate-gcp-id-token", "update-gcp-id-token"])];
    object(vec![
        ("name", names.boxed()),
        ("env", list(env, 3)),
        ("volumeMounts", list(mount, 2)),
    ])
}

/// A pod of known fields, in odd shapes too, and unknown ones anywhere.
pub(crate) fn any_pod() -> impl Strategy<Value = Value> {
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

//! What a decision asks of a pod is answered as by another reader, whatever else stands in the pod.

use gtoken_inject::annotation::{INJECT_LABEL, MIRROR};
use gtoken_inject::{Reason, Review, Subject};
use serde_json::Value;

use super::reader::{binding, usual};

const BEFORE: &[u8] = br#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1",
    "kind":{"group":"","version":"v1","kind":"Pod"},"namespace":"team-a","operation":"CREATE","object":"#;

/// Panics where a promise is broken. The bytes are the pod.
pub(super) fn hold(bytes: &[u8]) {
    let body = [BEFORE, bytes, b"}}"].concat();
    // Numbers that no one else can hold are no concern of ours.
    let (Ok(review), Ok(pod)) = (Review::parse(&body), serde_json::from_slice::<Value>(bytes))
    else {
        return;
    };
    let Subject::Pod(view) = review.subject() else {
        assert_eq!(pod, Value::Null, "a pod's creation is looked at");
        return;
    };
    let label = &pod["metadata"]["labels"][INJECT_LABEL];
    assert_eq!(view.must_inject(), label == "true");
    assert_eq!(view.left_alone(), left_alone(&pod));
    let name = pod["spec"]["serviceAccountName"].as_str();
    assert_eq!(view.service_account(), name.filter(|name| !name.is_empty()));
    let annotations = pod["metadata"]["annotations"].as_object();
    let mut names = annotations.into_iter().flat_map(|all| all.keys());
    if names.any(|name| name.ends_with("/token-source")) {
        return;
    }
    let answered = usual(Ok(binding())).answer(&body).expect("it is a pod");
    let is_changed = answered.applied(&pod) != pod;
    assert!(
        answered.has_credentials() || !is_changed,
        "changed without a use"
    );
    let told = answered.decision.label();
    if let Some(reason) = not_for_google(&pod) {
        assert_eq!(told, reason);
    } else {
        assert!(
            told != "host-network" && (told != "windows" || may_be_windows_by_affinity(&pod)),
            "{told}"
        );
    }
}

fn left_alone(pod: &Value) -> Option<Reason> {
    let metadata = &pod["metadata"];
    if metadata["annotations"].get(MIRROR).is_some() {
        Some(Reason::MirrorPod)
    } else if metadata["labels"][INJECT_LABEL] == "false" {
        Some(Reason::OptedOut)
    } else {
        None
    }
}

/// The outcome of a pod that tokens of Google are not for, or that is not looked at so far; affinity is left to others.
fn not_for_google(pod: &Value) -> Option<&'static str> {
    if let Some(reason) = left_alone(pod) {
        return Some(reason.label());
    }
    let spec = &pod["spec"];
    if spec["serviceAccountName"]
        .as_str()
        .is_none_or(str::is_empty)
    {
        return Some(Reason::NoServiceAccountName.label());
    }
    if spec["hostNetwork"] == true {
        return Some(Reason::HostNetwork.label());
    }
    let options = |part: &Value| !part["securityContext"]["windowsOptions"].is_null();
    let lists = [&spec["initContainers"], &spec["containers"]];
    let mut containers = lists.into_iter().filter_map(Value::as_array).flatten();
    let selects = |label: &str| spec["nodeSelector"][label] == "windows";
    let is_windows = spec["os"]["name"] == "windows"
        || selects("kubernetes.io/os")
        || selects("beta.kubernetes.io/os")
        || options(spec)
        || containers.any(options);
    is_windows.then(|| Reason::Windows.label())
}

fn may_be_windows_by_affinity(pod: &Value) -> bool {
    !pod["spec"]["affinity"].is_null()
}

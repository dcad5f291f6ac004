//! What holds for every pod, whatever fields some Kubernetes to come gives it.

use gtoken_contract::{AgentFlags, Audience, Mode, Source};
use gtoken_inject::{
    Binding, Review, ServerVersion, Settings, SidecarMode, Subject, Unbound, advise, decide,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use crate::corpus::reader::binding;
use crate::generated::{any_json, any_mode, any_pod, any_source, any_unbound};

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
    fn only_a_pod_that_demands_credentials_is_denied(
        pod in any_pod(),
        binding in prop_oneof![Just(Ok(binding())), any_unbound().prop_map(Err)],
        mode in any_mode(),
    ) {
        let response = review(&pod, binding.as_ref(), mode);
        let demands = pod["metadata"]["labels"]["amazonaws.com/inject"] == "true";
        let mirror = pod["metadata"]["annotations"].get("kubernetes.io/config.mirror").is_some();
        let outcome = &response["auditAnnotations"]["outcome"];
        let has_credentials = outcome == "injected" || outcome == "already-injected";
        prop_assert_eq!(response["allowed"] == true, !demands || mirror || has_credentials);
    }

    #[test]
    fn injecting_again_in_another_form_breaks_nothing(
        pod in any_pod(),
        first in any_mode(),
        second in any_mode(),
    ) {
        let once = applied(&pod, &review(&pod, Ok(&binding()), first));
        let again = applied(&once, &review(&once, Ok(&binding()), second));
        prop_assert!(keeps(&without_record(&once), &again));
        for name in ["generate-gcp-id-token", "update-gcp-id-token"] {
            prop_assert!(count(&again, name) <= count(&pod, name).max(1), "{name} stands there twice");
        }
        let gate = positions(&again, "initContainers", "generate-gcp-id-token");
        let refresher = positions(&again, "initContainers", "update-gcp-id-token");
        if count(&pod, "update-gcp-id-token") == 0 && !refresher.is_empty() {
            prop_assert_eq!(refresher[0], gate[0] + 1);
        }
    }

    #[test]
    fn a_pod_seen_before_is_brought_up_to_date_once(pod in any_pod(), source in any_source()) {
        // What equals a record is ours, so a mount of the user's that is just like ours would be too.
        let pod = pod.to_string().replace("gtoken-volume", "user-volume");
        let pod: Value = serde_json::from_str(&pod).expect("JSON");
        let once = applied(&pod, &review(&pod, Ok(&binding()), SidecarMode::Auto));
        let mut settings = Settings {
            image: "registry.example/gtoken:v9".to_owned(),
            volume_path: "/aws".to_owned(),
            ..Settings::default()
        };
        settings.options.token_source = Some(source);
        settings.options.region = Some("eu-west-1".parse().expect("a region"));
        let newer = applied(&once, &review_with(&once, Ok(&binding()), &settings));
        prop_assert!(keeps(&pod, &newer), "lost something:\n{pod:#}\n{newer:#}");
        let again = review_with(&newer, Ok(&binding()), &settings);
        prop_assert_eq!(again.get("patch"), None);
    }

    #[test]
    fn an_agent_is_started_with_the_very_flags_that_were_meant(
        folder in "/[ -~]{1,20}",
        audience in "[ -~]{1,20}",
    ) {
        let audience: Audience = audience.parse().expect("printable");
        let mut settings = Settings {
            volume_path: folder,
            ..Settings::default()
        };
        settings.options.audience = Some(audience.clone());
        let spec = json!({"serviceAccountName": "reader", "containers": [{"name": "app"}]});
        let pod = json!({"metadata": {"name": "web-0"}, "spec": spec});
        let patched = applied(&pod, &review_with(&pod, Ok(&binding()), &settings));
        let args = patched["spec"]["initContainers"][0]["args"].as_array().expect("arguments");
        let started: Vec<_> = args.iter().map(|arg| expanded(arg.as_str().expect("text"))).collect();
        let meant = AgentFlags {
            mode: Mode::OneShot,
            file: Some(settings.token_path()),
            audience,
            source: Source::Metadata,
            expect_identity: binding().google_identity,
            timeout: None,
            ..AgentFlags::default()
        };
        prop_assert_eq!(started, meant.to_args());
    }

    #[test]
    fn no_bytes_make_the_codec_panic(bytes in vec(any::<u8>(), 0..256)) {
        let _ = Review::parse(&bytes);
        let _ = advise(&bytes, &Settings::default());
    }

    #[test]
    fn no_damage_to_a_review_makes_a_decision_panic(
        pod in any_pod(),
        place in any::<Index>(),
        json in any_json(),
        flips in vec((any::<Index>(), any::<u8>()), 0..3),
    ) {
        let mut review: Value = serde_json::from_slice(&body(&pod)).expect("JSON");
        replace_a_node(&mut review, &mut place.index(60), &json);
        let mut body = serde_json::to_vec(&review).expect("JSON serialises");
        for (at, bits) in flips {
            let at = at.index(body.len());
            body[at] ^= bits;
        }
        if let Ok(review) = Review::parse(&body)
            && let Subject::Pod(subject) = review.subject()
        {
            let decision = decide(subject, Ok(&binding()), &Settings::default(), SERVER);
            let answer: Value = serde_json::from_slice(&review.answer(&decision)).expect("JSON");
            prop_assert!(answer["response"]["allowed"].is_boolean());
        }
    }

    #[test]
    fn a_review_cut_anywhere_is_refused(pod in any_pod(), cut in any::<Index>()) {
        let body = body(&pod);
        prop_assert!(Review::parse(&body[..cut.index(body.len())]).is_err());
    }
}

/// The pod without our own record, which grows with what is added.
fn without_record(pod: &Value) -> Value {
    let mut pod = pod.clone();
    if let Some(Value::Object(annotations)) = pod.pointer_mut("/metadata/annotations") {
        annotations.remove("amazonaws.com/gtoken-injected");
    }
    pod
}

/// Where containers of this name stand in a list.
fn positions(pod: &Value, list: &str, name: &str) -> Vec<usize> {
    let containers = pod["spec"][list].as_array().map_or(&[][..], Vec::as_slice);
    let named = containers
        .iter()
        .enumerate()
        .filter(|(_, container)| container["name"] == name);
    named.map(|(index, _)| index).collect()
}

/// How many containers of this name a pod has.
fn count(pod: &Value, name: &str) -> usize {
    ["initContainers", "containers"]
        .map(|list| positions(pod, list, name).len())
        .iter()
        .sum()
}

/// What kubelet makes of an argument where no variable is defined: `$$` is `$`, and `$(NAME)` stays.
fn expanded(arg: &str) -> String {
    let mut expanded = String::new();
    let mut characters = arg.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '$' {
            let is_double = characters.next_if_eq(&'$').is_some();
            let is_reference = !is_double && characters.peek() == Some(&'(');
            assert!(!is_reference, "{arg} refers to a variable");
        }
        expanded.push(character);
    }
    expanded
}

/// Puts `json` in the place of the node that is so many steps into the tree.
fn replace_a_node(node: &mut Value, steps: &mut usize, json: &Value) {
    if *steps == 0 {
        *node = json.clone();
    }
    *steps = steps.wrapping_sub(1);
    match node {
        Value::Array(elements) => {
            for element in elements {
                replace_a_node(element, steps, json);
            }
        }
        Value::Object(members) => {
            for member in members.values_mut() {
                replace_a_node(member, steps, json);
            }
        }
        _ => {}
    }
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
    let mut settings = Settings::default();
    settings.options.sidecar_mode = Some(mode);
    review_with(pod, binding, &settings)
}

fn review_with(pod: &Value, binding: Result<&Binding, &Unbound>, settings: &Settings) -> Value {
    let body = body(pod);
    let review = Review::parse(&body).expect("a generated pod can be read");
    let Subject::Pod(subject) = review.subject() else {
        panic!("a pod's creation is looked at")
    };
    let decision = decide(subject, binding, settings, SERVER);
    let mut answer: Value = serde_json::from_slice(&review.answer(&decision)).expect("JSON");
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
        ["metadata", "annotations"]
        | ["metadata", "annotations", "amazonaws.com~1gtoken-injected"]
        | ["spec", "volumes" | "initContainers" | "containers"]
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
        (Value::Null, Value::Array(_) | Value::Object(_)) => true,
        (before, after) => before == after,
    }
}

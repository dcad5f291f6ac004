//! What holds for every pod, whatever fields some Kubernetes to come gives it, and whatever is configured.

use gtoken_contract::{AgentFlags, Audience, Mode, Source};
use gtoken_inject::{Review, Settings, advise};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use crate::corpus::patch;
use crate::corpus::reader::{binding, usual};
use crate::corpus::world::{World, body};
use crate::generated::{any_json, any_world};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn injecting_twice_is_injecting_once(world in any_world()) {
        patch::twice_is_once(&world, &world.outcome());
    }

    #[test]
    fn a_patch_always_applies_to_the_pod_that_was_sent(world in any_world()) {
        world.webhook.stored(&world.sent);
    }

    #[test]
    fn whatever_the_user_set_stays_in_its_order(world in any_world()) {
        patch::what_the_user_set_stays(&world, &world.outcome());
    }

    #[test]
    fn only_what_is_ours_is_added_or_removed(world in any_world()) {
        patch::only_ours_is_added_and_removed(&world, &world.outcome());
    }

    #[test]
    fn nothing_that_kubernetes_takes_once_is_added_twice(world in any_world()) {
        patch::nothing_stands_there_twice(&world, &world.outcome());
    }

    #[test]
    fn whoever_counts_as_injected_has_all_that_it_needs(world in any_world()) {
        patch::whoever_is_injected_has_all_that_it_needs(&world, &world.outcome());
    }

    #[test]
    fn injected_containers_satisfy_pod_security_restricted(world in any_world()) {
        patch::injected_containers_are_restricted(&world, &world.outcome());
    }

    #[test]
    fn no_application_starts_before_its_token(world in any_world()) {
        patch::the_gate_comes_first(&world, &world.outcome());
    }

    #[test]
    fn a_pod_with_nothing_to_inject_gets_no_patch(world in any_world()) {
        patch::nobody_who_asks_for_nothing_is_patched(&world);
        let outcome = world.outcome();
        prop_assert_eq!(outcome.answered.response.get("patch").is_some(), outcome.answered.decision.label() == "injected");
    }

    #[test]
    fn only_a_pod_that_demands_credentials_is_denied(world in any_world()) {
        patch::only_a_demand_is_denied(&world, &world.outcome().answered);
    }

    #[test]
    fn no_warning_is_cut_or_breaks_its_line(world in any_world()) {
        patch::warnings_fit(&world.outcome().answered);
    }

    #[test]
    fn a_pod_seen_before_is_brought_up_to_date_once(first in any_world(), second in any_world()) {
        let sent = first.webhook.stored(&first.sent);
        let mimics = first.mimics || second.mimics;
        let world = World { sent, own: first.own, webhook: second.webhook, mimics };
        let outcome = world.outcome();
        patch::only_ours_is_added_and_removed(&world, &outcome);
        patch::nothing_stands_there_twice(&world, &outcome);
        patch::the_gate_comes_first(&world, &outcome);
        patch::twice_is_once(&world, &outcome);
    }

    #[test]
    fn a_pod_that_is_brought_up_to_date_is_as_one_injected_today(first in any_world(), second in any_world()) {
        let injected = first.webhook.stored(&first.own);
        let again = World { sent: injected, own: first.own, webhook: second.webhook, mimics: first.mimics };
        let restored = again.outcome();
        let today = again.webhook.review(&again.own);
        // What looks as if we had added it counts as ours; a volume that the user mounts has to stay, and so does what
        // was added to a container that is skipped since: nobody knows whether it was the user's. Without metadata there
        // is no record.
        let is_mounted = again.own.to_string().contains(&first.webhook.settings.volume_name);
        let has_place = again.own["metadata"].is_object();
        if again.mimics || is_mounted || !has_place || !again.takes_all_containers() {
            return Ok(());
        }
        if restored.answered.has_credentials() && today.has_credentials() {
            let today = today.applied(&again.own);
            for name in patch::AGENTS {
                let (old, new) = (agent(&restored.stored, name), agent(&today, name));
                prop_assert!(new.is_none() || old.is_none() || old == new, "{old:?} is not {new:?}");
            }
            prop_assert_eq!(comparable(restored.stored), comparable(today));
        }
    }

    #[test]
    fn a_member_that_stands_twice_is_refused_or_read_as_by_others(
        world in any_world(),
        place in any::<Index>(),
        json in any_json(),
    ) {
        let review: Value = serde_json::from_slice(&body(&world.sent)).expect("JSON");
        let body = with_a_member_twice(&review, &mut place.index(100), &json);
        // Of two members the last one counts, for serde's values as for Go.
        let read: Value = serde_json::from_str(&body).expect("JSON");
        if let Some(answered) = world.webhook.answer(body.as_bytes()) {
            let once = world.webhook.answer(read.to_string().as_bytes());
            prop_assert_eq!(Some(answered.response.clone()), once.map(|once| once.response));
            answered.applied(&read["request"]["object"]);
        }
    }

    #[test]
    fn an_answer_grows_with_the_containers_and_with_nothing_else(world in any_world()) {
        let spec = &world.sent["spec"];
        let containers = ["initContainers", "containers"].iter().filter_map(|list| spec[list].as_array());
        let containers: usize = containers.map(Vec::len).sum();
        let answer = world.webhook.review(&world.sent).response.to_string();
        prop_assert!(answer.len() < 8192 + 2048 * containers, "{} bytes for {containers}", answer.len());
    }

    #[test]
    fn an_agent_is_started_with_the_very_flags_that_were_meant(
        folder in "/[ -~]{1,20}",
        audience in "[ -~]{1,20}",
    ) {
        let audience: Audience = audience.parse().expect("printable");
        let mut webhook = usual(Ok(binding()));
        webhook.settings.volume_path = folder;
        webhook.settings.options.audience = Some(audience.clone());
        let spec = json!({"serviceAccountName": "reader", "containers": [{"name": "app"}]});
        let patched = webhook.stored(&json!({"metadata": {"name": "web-0"}, "spec": spec}));
        let args = patched["spec"]["initContainers"][0]["args"].as_array().expect("arguments");
        let started: Vec<_> = args.iter().map(|arg| expanded(arg.as_str().expect("text"))).collect();
        let meant = AgentFlags {
            mode: Mode::OneShot,
            file: Some(webhook.settings.token_path()),
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
        world in any_world(),
        place in any::<Index>(),
        json in any_json(),
        flips in vec((any::<Index>(), any::<u8>()), 0..3),
    ) {
        let mut review: Value = serde_json::from_slice(&body(&world.sent)).expect("JSON");
        replace_a_node(&mut review, &mut place.index(60), &json);
        let mut body = serde_json::to_vec(&review).expect("JSON serialises");
        for (at, bits) in flips {
            let at = at.index(body.len());
            body[at] ^= bits;
        }
        let _ = world.webhook.answer(&body);
    }

    #[test]
    fn a_review_cut_anywhere_is_refused(world in any_world(), cut in any::<Index>()) {
        let body = body(&world.sent);
        prop_assert!(Review::parse(&body[..cut.index(body.len())]).is_err());
    }
}

/// The image and the arguments of an agent of that name.
fn agent<'a>(pod: &'a Value, name: &str) -> Option<[&'a Value; 2]> {
    let mut all = patch::containers(pod);
    let agent = all.find(|container| container["name"] == name)?;
    Some([&agent["image"], &agent["args"]])
}

/// A pod without its record and its agents, whose form may stay; and lists in the order of names.
fn comparable(mut pod: Value) -> Value {
    if let Some(annotations) = pod["metadata"]["annotations"].as_object_mut() {
        annotations.remove("amazonaws.com/gtoken-injected");
    }
    let spec = &mut pod["spec"];
    spec["imagePullSecrets"].take();
    sort(spec, "volumes");
    for list in ["initContainers", "containers"] {
        let Some(Value::Array(containers)) = spec.get_mut(list) else {
            continue;
        };
        containers.retain(|one| !patch::is_agent(one));
        for container in containers {
            sort(container, "env");
            sort(container, "volumeMounts");
        }
    }
    without_nothing(pod)
}

fn sort(object: &mut Value, list: &str) {
    if let Some(Value::Array(list)) = object.get_mut(list) {
        list.sort_by_key(Value::to_string);
    }
}

/// A value without members that hold nothing.
fn without_nothing(value: Value) -> Value {
    let is_something = |value: &Value| {
        !matches!(value, Value::Null)
            && value.as_array().is_none_or(|list| !list.is_empty())
            && value.as_object().is_none_or(|members| !members.is_empty())
    };
    match value {
        Value::Array(list) => list.into_iter().map(without_nothing).collect(),
        Value::Object(members) => {
            let members = members
                .into_iter()
                .map(|(name, value)| (name, without_nothing(value)));
            Value::Object(members.filter(|(_, value)| is_something(value)).collect())
        }
        other => other,
    }
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

/// Writes JSON in which the member that is so many steps into the tree stands twice, with another value before its own.
fn with_a_member_twice(node: &Value, steps: &mut usize, json: &Value) -> String {
    match node {
        Value::Array(elements) => {
            let elements: Vec<_> = elements
                .iter()
                .map(|element| with_a_member_twice(element, steps, json))
                .collect();
            format!("[{}]", elements.join(","))
        }
        Value::Object(members) => {
            let mut all = Vec::new();
            for (name, value) in members {
                let name = Value::from(name.as_str());
                if *steps == 0 {
                    all.push(format!("{name}:{json}"));
                }
                *steps = steps.wrapping_sub(1);
                all.push(format!(
                    "{name}:{}",
                    with_a_member_twice(value, steps, json)
                ));
            }
            format!("{{{}}}", all.join(","))
        }
        other => other.to_string(),
    }
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

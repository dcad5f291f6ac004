//! Whatever pod an API server sends, whatever is configured: what the answer may do to it, and what it must.

use std::collections::BTreeSet;

use gtoken_inject::Unbound;
use json_patch::{AddOperation, PatchOperation};
use serde_json::{Value, json};

use super::admission::{Answered, Webhook};
use super::warnings;
use super::world::{Outcome, World};

/// The names of our containers.
pub(crate) const AGENTS: [&str; 2] = [GATE, REFRESHER];
const GATE: &str = "generate-gcp-id-token";
const REFRESHER: &str = "update-gcp-id-token";
const RECORD: &str = "amazonaws.com/gtoken-injected";

/// The lists of a pod's `spec` that something is added to.
const LISTS: [&str; 4] = [
    "containers",
    "imagePullSecrets",
    "initContainers",
    "volumes",
];

/// Panics where a promise is broken. The bytes choose the world.
pub(super) fn hold(bytes: &[u8]) {
    let world = &World::new(bytes);
    let outcome = world.outcome();
    twice_is_once(world, &outcome);
    only_ours_is_added_and_removed(world, &outcome);
    what_the_user_set_stays(world, &outcome);
    nothing_stands_there_twice(world, &outcome);
    whoever_is_injected_has_all_that_it_needs(world, &outcome);
    injected_containers_are_restricted(world, &outcome);
    the_gate_comes_first(world, &outcome);
    only_a_demand_is_denied(world, &outcome.answered);
    warnings_fit(&outcome.answered);
    nobody_who_asks_for_nothing_is_patched(world);
}

/// What is stored needs no other patch.
pub(crate) fn twice_is_once(world: &World, outcome: &Outcome) {
    let stored = &outcome.stored;
    let again = world.webhook.review(stored);
    assert_eq!(again.response.get("patch"), None, "{stored:#}");
    assert_eq!(
        again.response["allowed"],
        outcome.answered.response["allowed"]
    );
}

/// Each step adds where we add, or removes what only we write.
pub(crate) fn only_ours_is_added_and_removed(world: &World, outcome: &Outcome) {
    let mut pod = world.sent.clone();
    for step in &outcome.steps {
        match step {
            PatchOperation::Add(add) => assert!(may_add(add), "{step} is not ours"),
            PatchOperation::Remove(remove) => {
                assert!(has_record(&world.sent), "nothing was told to be ours");
                let removed = remove.path.resolve(&pod).expect("it stands there");
                assert!(may_remove(removed), "{removed} is not ours");
            }
            other => panic!("neither added nor removed: {other}"),
        }
        json_patch::patch(&mut pod, std::slice::from_ref(step)).expect("each step applies");
    }
}

/// All of the user's is there still, and in its order, whatever Kubernetes it is of.
pub(crate) fn what_the_user_set_stays(world: &World, outcome: &Outcome) {
    // What looks as if we had added it counts as ours, so who writes a record of such things gets less.
    if !(world.mimics && has_record(&world.sent)) {
        let stored = &outcome.stored;
        assert!(
            keeps(&world.own, stored),
            "lost something:\n{:#}\n{stored:#}",
            world.own
        );
    }
}

/// Names and paths of which Kubernetes takes each once are not there more often than they were.
pub(crate) fn nothing_stands_there_twice(world: &World, outcome: &Outcome) {
    let stored = &outcome.stored;
    for (list, by) in [
        ("/spec/volumes", "name"),
        ("/spec/imagePullSecrets", "name"),
    ] {
        let more = |pod: &Value| pod.pointer(list).map_or(0, |list| doubles(list, by));
        assert!(more(stored) <= more(&world.sent), "{stored:#}");
    }
    let all = |pod: &Value| Value::from(containers(pod).cloned().collect::<Vec<_>>());
    assert!(
        doubles(&all(stored), "name") <= doubles(&all(&world.sent), "name"),
        "{stored:#}"
    );
    for (list, by) in [("env", "name"), ("volumeMounts", "mountPath")] {
        let more = |pod: &Value| {
            containers(pod)
                .map(|one| doubles(&one[list], by))
                .sum::<usize>()
        };
        assert!(more(stored) <= more(&world.sent), "{stored:#}");
    }
}

/// Whoever counts as injected has role, token and volume in each container.
pub(crate) fn whoever_is_injected_has_all_that_it_needs(world: &World, outcome: &Outcome) {
    if !(outcome.answered.has_credentials() && world.takes_all_containers()) {
        return;
    }
    let stored = &outcome.stored;
    let volume = &world.webhook.settings.volume_name;
    assert!(
        names(&stored["spec"]["volumes"]).any(|name| name == volume),
        "no volume: {stored:#}"
    );
    for container in containers(stored).filter(|container| !is_agent(container)) {
        for variable in [
            "AWS_ROLE_ARN",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_EC2_METADATA_DISABLED",
        ] {
            assert!(
                names(&container["env"]).any(|name| name == variable),
                "{variable}: {container:#}"
            );
        }
        assert!(
            names(&container["volumeMounts"]).any(|name| name == volume),
            "{container:#}"
        );
    }
}

/// Pod Security `restricted`, bounds of what they may take, and no credentials for ourselves.
pub(crate) fn injected_containers_are_restricted(world: &World, outcome: &Outcome) {
    for container in added(outcome).filter(|container| is_agent(container)) {
        let context = &container["securityContext"];
        assert_eq!(context["allowPrivilegeEscalation"], false);
        assert_eq!(context["readOnlyRootFilesystem"], true);
        assert_eq!(context["runAsNonRoot"], true);
        assert_eq!(context["capabilities"], json!({"drop": ["ALL"]}));
        assert_eq!(context["seccompProfile"]["type"], "RuntimeDefault");
        assert_eq!(context["runAsUser"], world.webhook.settings.run_as_user);
        assert_eq!(container["image"], world.webhook.settings.image);
        assert_eq!(container.get("env"), None);
        let is_bounded = |part: &str| container["resources"][part]["memory"].is_string();
        let has_budget = |part: &str| world.sent["spec"]["resources"][part].as_object().is_some();
        let parts = ["requests", "limits"];
        assert!(parts.into_iter().all(is_bounded) != parts.into_iter().any(has_budget));
    }
}

/// No application starts before its token, and what refreshes it disturbs nobody's order.
pub(crate) fn the_gate_comes_first(world: &World, outcome: &Outcome) {
    if containers(&world.own).any(is_agent) {
        return;
    }
    let stored = &outcome.stored;
    let place = |list: &str, name: &str| {
        let mut all = names(&stored["spec"][list]);
        all.position(|one| one == name)
    };
    let last = stored["spec"]["containers"].as_array().map_or(0, Vec::len);
    assert!(matches!(place("initContainers", GATE), None | Some(0)));
    assert!(matches!(place("initContainers", REFRESHER), None | Some(1)));
    assert_eq!(place("containers", GATE), None);
    assert!(place("containers", REFRESHER).is_none_or(|place| place + 1 == last));
}

/// Denied is who demands credentials by the label and would get none, and nobody else.
pub(crate) fn only_a_demand_is_denied(world: &World, answered: &Answered) {
    let metadata = &world.sent["metadata"];
    let demands = metadata["labels"]["amazonaws.com/inject"] == "true";
    let is_mirror = metadata["annotations"]
        .get("kubernetes.io/config.mirror")
        .is_some();
    let allowed = answered.response["allowed"] == true;
    assert_eq!(allowed, !demands || is_mirror || answered.has_credentials());
    assert_eq!(allowed, answered.response.get("status").is_none());
}

/// All that is said reaches whoever sent the pod.
pub(crate) fn warnings_fit(answered: &Answered) {
    let warnings = answered.response["warnings"].as_array();
    let message = answered.response["status"].get("message");
    let texts = warnings.into_iter().flatten().chain(message);
    warnings::fit(texts.map(|text| text.as_str().expect("text")));
}

/// Who asks for nothing gets an answer with no patch at all.
pub(crate) fn nobody_who_asks_for_nothing_is_patched(world: &World) {
    let nothing = Webhook {
        binding: Err(Unbound::NoRole),
        ..world.webhook.clone()
    };
    let answered = nothing.review(&world.sent);
    assert_eq!(answered.response.get("patch"), None);
    only_a_demand_is_denied(world, &answered);
}

/// Whether the step adds to one of the few places that we add to.
fn may_add(add: &AddOperation) -> bool {
    let parts: Vec<&str> = add.path.as_str().split('/').skip(1).collect();
    let is_place = |part: &str| part == "-" || part.parse::<usize>().is_ok();
    match parts[..] {
        ["metadata", "annotations"] => add
            .value
            .as_object()
            .is_some_and(|all| all.keys().eq([RECORD])),
        ["metadata", "annotations", name] => name == RECORD.replace('/', "~1"),
        ["spec", list] => LISTS.contains(&list),
        ["spec", list, place] => LISTS.contains(&list) && is_place(place),
        [
            "spec",
            "containers" | "initContainers",
            container,
            ref inner @ ..,
        ] => {
            let is_list = matches!(
                inner,
                ["env" | "volumeMounts"] | ["env" | "volumeMounts", "-"]
            );
            is_list && is_place(container)
        }
        _ => false,
    }
}

/// Whether it is a thing of the four kinds that we add.
fn may_remove(removed: &Value) -> bool {
    let name = removed["name"].as_str().unwrap_or_default();
    let is_variable = name.starts_with("AWS_") || name.starts_with("GTOKEN_");
    let is_mount = removed["mountPath"].is_string() && removed["readOnly"] == true;
    let is_volume = ["emptyDir", "projected"]
        .iter()
        .any(|kind| removed.get(kind).is_some());
    is_variable || is_mount || is_volume || is_agent(removed)
}

fn has_record(pod: &Value) -> bool {
    pod["metadata"]["annotations"].get(RECORD).is_some()
}

/// What a patch adds, each element of a list by itself.
fn added(outcome: &Outcome) -> impl Iterator<Item = &Value> {
    outcome.steps.iter().flat_map(|step| match step {
        PatchOperation::Add(AddOperation { value, .. }) => {
            let list = value.as_array().map(Vec::as_slice);
            list.unwrap_or(std::slice::from_ref(value))
        }
        _ => &[],
    })
}

pub(crate) fn is_agent(container: &Value) -> bool {
    AGENTS.iter().any(|name| container["name"] == *name)
}

pub(crate) fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    ["initContainers", "containers"]
        .into_iter()
        .filter_map(|list| pod["spec"][list].as_array())
        .flatten()
}

fn names(list: &Value) -> impl Iterator<Item = &str> {
    let elements = list.as_array().into_iter().flatten();
    elements.map(|element| element["name"].as_str().unwrap_or_default())
}

/// How many elements of a list have the same member as one before them.
fn doubles(list: &Value, by: &str) -> usize {
    let mut seen = BTreeSet::new();
    let elements = list.as_array().into_iter().flatten();
    elements
        .filter(|element| !seen.insert(element[by].to_string()))
        .count()
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

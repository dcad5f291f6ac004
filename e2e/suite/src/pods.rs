//! What there is to see in pods, as the API server tells it.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use crate::tenant::Tenant;

/// The one-shot, which no application of the pod starts before.
pub(crate) const GATE: &str = "generate-gcp-id-token";
/// What keeps the token fresh.
pub(crate) const REFRESHER: &str = "update-gcp-id-token";
/// Where the token is, in every form.
pub(crate) const VOLUME: &str = "gtoken-volume";

/// Which containers keep a pod's token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// The pod is not injected.
    None,
    /// The one-shot, and an ordinary container.
    Classic,
    /// The one-shot, and a restartable init container after it.
    Native,
    /// The one-shot alone.
    OneShotOnly,
    /// None: kubelet itself keeps a token of the cluster's own in the volume.
    Projected,
}

/// The form that a pod is stored in.
pub(crate) fn form(pod: &Value) -> anyhow::Result<Form> {
    let spec = &pod["spec"];
    let (init, containers) = (names(&spec["initContainers"]), names(&spec["containers"]));
    if !pod.to_string().contains("gcp-id-token") {
        return Ok(if has_projected_token(spec) {
            Form::Projected
        } else {
            Form::None
        });
    }
    ensure!(
        init.first() == Some(&GATE),
        "{GATE} is not the first of {init:?}"
    );
    let has = |list: &[&str]| list.contains(&REFRESHER);
    Ok(match (init.get(1) == Some(&REFRESHER), has(&containers)) {
        (true, false) => Form::Native,
        (false, true) if !has(&init) => Form::Classic,
        (false, false) if !has(&init) => Form::OneShotOnly,
        _ => bail!("{REFRESHER} is in a wrong place among {init:?} and {containers:?}"),
    })
}

fn has_projected_token(spec: &Value) -> bool {
    let mut volumes = spec["volumes"].as_array().into_iter().flatten();
    volumes.any(|volume| volume["name"] == VOLUME && volume["projected"].is_object())
}

/// The names in a list of objects that have one.
pub(crate) fn names(list: &Value) -> Vec<&str> {
    let entries = list.as_array().into_iter().flatten();
    entries.filter_map(|entry| entry["name"].as_str()).collect()
}

/// The name of an object.
pub(crate) fn name(object: &Value) -> anyhow::Result<&str> {
    let name = object["metadata"]["name"].as_str();
    name.context("an object without a name")
}

/// The objects of a list.
pub(crate) fn items(mut list: Value) -> anyhow::Result<Vec<Value>> {
    match list["items"].take() {
        Value::Array(items) => Ok(items),
        other => bail!("kubectl gave no list, its items are {other}"),
    }
}

/// The pods with a label, at least one.
pub(crate) fn labelled(tenant: &Tenant<'_>, label: &str) -> anyhow::Result<Vec<Value>> {
    let selector = format!("--selector={label}");
    let pods = items(tenant.get(&["pods", &selector])?)?;
    ensure!(!pods.is_empty(), "there is no pod with {label}");
    Ok(pods)
}

/// The pods with a label, so many of them.
pub(crate) fn labelled_times(
    tenant: &Tenant<'_>,
    label: &str,
    number: usize,
) -> anyhow::Result<Vec<Value>> {
    let pods = labelled(tenant, label)?;
    let found = pods.len();
    ensure!(found == number, "{found} pods instead of {number}");
    Ok(pods)
}

/// Waits until a pod has ended well.
pub(crate) fn succeeded(tenant: &Tenant<'_>, pod: &str) -> anyhow::Result<Value> {
    succeeded_after(tenant, pod, Duration::ZERO)
}

/// The same of a pod that takes this long if all goes well.
pub(crate) fn succeeded_after(
    tenant: &Tenant<'_>,
    pod: &str,
    long: Duration,
) -> anyhow::Result<Value> {
    let (object, limit) = (format!("pod/{pod}"), long + tenant.world().patience);
    tenant.wait_for(&object, "jsonpath={.status.phase}=Succeeded", limit)?;
    tenant.get(&[&object])
}

/// An error if any container of the pod had to be started twice.
pub(crate) fn never_restarted(pod: &Value) -> anyhow::Result<()> {
    for list in ["initContainerStatuses", "containerStatuses"] {
        for status in pod["status"][list].as_array().into_iter().flatten() {
            let restarts = &status["restartCount"];
            ensure!(
                *restarts == 0,
                "{} was restarted {restarts} times",
                status["name"]
            );
        }
    }
    Ok(())
}

/// An error unless the log of a container holds what `aws sts get-caller-identity` prints, for the pod in the test's own
/// role.
pub(crate) fn says_it_is_itself(
    tenant: &Tenant<'_>,
    pod: &str,
    container: &str,
) -> anyhow::Result<()> {
    says_it_is(tenant, pod, container, &tenant.own_arn(pod))
}

/// The same for any ARN.
pub(crate) fn says_it_is(
    tenant: &Tenant<'_>,
    pod: &str,
    container: &str,
    arn: &str,
) -> anyhow::Result<()> {
    let log = tenant.kubectl(&["logs", pod, "--container", container])?;
    is_identity(&log, arn).with_context(|| format!("{container} of {pod}"))
}

/// An error unless the text is what `aws sts get-caller-identity` prints, for this ARN.
pub(crate) fn is_identity(text: &str, arn: &str) -> anyhow::Result<()> {
    let identity: Value =
        serde_json::from_str(text).with_context(|| format!("it did not say who it is: {text}"))?;
    ensure!(
        identity["Arn"] == arn,
        "it is {} and not {arn}",
        identity["Arn"]
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(init: &[&str], containers: &[&str]) -> Value {
        let list = |names: &[&str]| {
            names
                .iter()
                .map(|name| json!({"name": name}))
                .collect::<Value>()
        };
        json!({"spec": {"initContainers": list(init), "containers": list(containers)}})
    }

    #[test]
    fn a_form_is_told_by_where_the_containers_are() {
        let form = |init: &[&str], containers: &[&str]| form(&pod(init, containers)).unwrap();
        assert_eq!(form(&["x"], &["app"]), Form::None);
        assert_eq!(form(&[GATE, "x"], &["app", REFRESHER]), Form::Classic);
        assert_eq!(form(&[GATE, REFRESHER, "x"], &["app"]), Form::Native);
        assert_eq!(form(&[GATE, "x"], &["app"]), Form::OneShotOnly);
    }

    #[test]
    fn a_token_of_the_cluster_is_told_by_the_volume() {
        let form = |volume: Value| form(&json!({"spec": {"volumes": [volume]}})).unwrap();
        let of_ours = json!({"name": VOLUME, "projected": {"sources": []}});
        assert_eq!(form(of_ours), Form::Projected);
        let of_kubernetes = json!({"name": "kube-api-access", "projected": {"sources": []}});
        assert_eq!(form(of_kubernetes), Form::None);
    }

    #[test]
    fn a_container_in_a_wrong_place_is_an_error() {
        assert!(form(&pod(&["x", GATE], &["app", REFRESHER])).is_err());
        assert!(form(&pod(&[GATE, REFRESHER], &["app", REFRESHER])).is_err());
        assert!(form(&pod(&[GATE, "x", REFRESHER], &["app"])).is_err());
        assert!(form(&pod(&[], &["app", REFRESHER])).is_err());
    }

    #[test]
    fn who_it_is_must_be_said_and_be_right() {
        assert!(is_identity(r#"{"Arn": "arn:a"}"#, "arn:a").is_ok());
        assert!(is_identity(r#"{"Arn": "arn:a"}"#, "arn:b").is_err());
        assert!(is_identity("no credentials", "arn:a").is_err());
    }

    #[test]
    fn a_restart_is_named() {
        let pod = json!({"status": {"initContainerStatuses": [{"name": GATE, "restartCount": 1}]}});
        assert!(
            never_restarted(&pod)
                .unwrap_err()
                .to_string()
                .contains(GATE)
        );
        assert!(never_restarted(&json!({})).is_ok());
    }
}

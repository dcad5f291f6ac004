//! A pod that asks for nothing is none of our business.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::pods::{Form, form};
use crate::promise::{Promise, promise};
use crate::tenant::Tenant;

pub(super) const PROMISES: &[Promise] = &[
    promise!(
        Together,
        Admission,
        "no-patch",
        a_pod_that_asks_for_nothing_gets_an_answer_without_a_patch
    ),
    promise!(
        Alone,
        Admission,
        "untouched",
        a_pod_that_asks_for_nothing_is_stored_as_without_us
    ),
];

const UNTOUCHED: &str = include_str!("../../manifests/untouched.yaml");
/// The webhook itself, through the API server.
const WEBHOOK: &str =
    "/api/v1/namespaces/gtoken/services/https:gtoken-webhook-svc:https/proxy/pods";
const NAMES: [&str; 2] = ["plain", "newest"];

/// What the API server makes anew for each pod, and what it says about a pod rather than keeps of it.
const OF_THE_SERVER: [&str; 5] = [
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "managedFields",
];

fn a_pod_that_asks_for_nothing_gets_an_answer_without_a_patch(
    tenant: &Tenant<'_>,
) -> anyhow::Result<()> {
    tenant.apply(UNTOUCHED)?;
    let proxy = tenant.world().kubectl.proxy()?;
    for name in NAMES {
        let review = review(tenant, &tenant.get(&["pod", name])?);
        let answer = proxy.post(WEBHOOK, &review)?;
        let response = &answer["response"];
        ensure!(
            response["allowed"] == true && response["uid"] == name,
            "{answer}"
        );
        ensure!(
            response.get("patch").is_none() && response.get("patchType").is_none(),
            "{answer}"
        );
    }
    Ok(())
}

/// What the API server asks about the creation of a pod.
fn review(tenant: &Tenant<'_>, pod: &Value) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": pod["metadata"]["name"],
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "name": pod["metadata"]["name"],
            "namespace": tenant.namespace(),
            "operation": "CREATE",
            "userInfo": {},
            "object": pod,
            "dryRun": true,
        },
    })
}

fn a_pod_that_asks_for_nothing_is_stored_as_without_us(tenant: &Tenant<'_>) -> anyhow::Result<()> {
    let with = stored(tenant)?;
    let installation = &tenant.world().installation;
    installation.delete_configuration()?;
    let without = until_admission_is(tenant, Form::None).and_then(|()| stored(tenant));
    installation.configure()?;
    until_admission_is(tenant, Form::Classic)?;
    ensure!(
        with == without?,
        "the pods are stored differently with the webhook:\n{with}"
    );
    Ok(())
}

/// Creates the pods, gives what is kept of them, and deletes them.
fn stored(tenant: &Tenant<'_>) -> anyhow::Result<String> {
    tenant.feed(&["create", "--validate=strict", "--filename=-"], UNTOUCHED)?;
    let mut pods = Vec::new();
    for name in NAMES {
        let path = format!("/api/v1/namespaces/{}/pods/{name}", tenant.namespace());
        let raw = tenant.kubectl(&["get", "--raw", &path])?;
        pods.push(kept(serde_json::from_str(&raw)?)?);
    }
    tenant.kubectl(&["delete", "pods", "--all", "--grace-period=0", "--force"])?;
    Ok(pods.join("\n"))
}

fn kept(mut pod: Value) -> anyhow::Result<String> {
    let fields = pod.as_object_mut().context("no pod")?;
    fields.remove("status");
    let metadata = fields["metadata"].as_object_mut().context("no metadata")?;
    metadata.retain(|name, _| !OF_THE_SERVER.contains(&name.as_str()));
    Ok(pod.to_string())
}

/// Waits until every API server has heard of a change of the configuration, by a pod that is created on trial.
fn until_admission_is(tenant: &Tenant<'_>, wanted: Form) -> anyhow::Result<()> {
    let trial = [
        "create",
        "--dry-run=server",
        "--output=json",
        "--filename=-",
    ];
    tenant.until("the change of the webhook's configuration", || {
        let said = tenant.feed(&trial, include_str!("../../manifests/gated.yaml"))?;
        let is = form(&serde_json::from_str(&said.output)?)?;
        Ok((is == wanted).then_some(()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_server_makes_is_left_out_of_the_comparison() {
        let pod = json!({
            "metadata": {"name": "web", "uid": "1", "resourceVersion": "2", "labels": {}},
            "spec": {"containers": []},
            "status": {"phase": "Pending"},
        });
        let left = r#"{"metadata":{"labels":{},"name":"web"},"spec":{"containers":[]}}"#;
        assert_eq!(kept(pod).unwrap(), left);
    }
}

//! A chart that others wrote for EKS works here.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::pods::{Form, form, labelled};
use crate::promise::{Promise, promise};
use crate::tenant::Tenant;

use super::cluster_source::trust_cluster;
use super::workloads::{all_labelled_call_aws, rolled_out};

pub(super) const PROMISES: &[Promise] = &[
    promise!(
        Together,
        Cloud,
        "irsa-google",
        a_chart_for_eks_needs_nothing_but_a_google_account
    ),
    promise!(
        Alone,
        Cloud,
        "irsa-cluster",
        a_chart_for_eks_works_unchanged_with_tokens_of_the_cluster
    ),
];

/// The ServiceAccount and the Deployment of external-dns, as its chart renders them for EKS.
const CHART: &str = include_str!("../../manifests/external-dns.yaml");

/// The name of both.
const NAME: &str = "external-dns";

/// The label of its pods.
const LABEL: &str = "app.kubernetes.io/name=external-dns";

/// On a cluster that came from EKS with its charts, pods start as before until somebody links a Google account.
fn a_chart_for_eks_needs_nothing_but_a_google_account(tenant: &Tenant<'_>) -> anyhow::Result<()> {
    let said = tenant.apply(&chart(tenant)?)?;
    said.warns("eks.amazonaws.com/role-arn is left alone: the ServiceAccount has no iam.gke.io/")?;
    let deployment = format!("deployment/{NAME}");
    rolled_out(tenant, &deployment)?;
    for pod in labelled(tenant, LABEL)? {
        let found = form(&pod)?;
        ensure!(found == Form::None, "without a link it is {found:?}");
    }
    let link = format!("iam.gke.io/gcp-service-account={}", tenant.account());
    tenant.kubectl(&["annotate", "serviceaccount", NAME, &link])?;
    tenant.kubectl(&["rollout", "restart", &deployment])?;
    rolled_out(tenant, &deployment)?;
    all_labelled_call_aws(tenant, LABEL, 1, Form::Classic)
}

fn a_chart_for_eks_works_unchanged_with_tokens_of_the_cluster(
    tenant: &Tenant<'_>,
) -> anyhow::Result<()> {
    trust_cluster(tenant, NAME)?;
    let installation = &tenant.world().installation;
    installation.with_flags(&["--token-source=cluster"], || {
        let said = tenant.apply(&chart(tenant)?)?;
        ensure!(said.errors.is_empty(), "it warns: {}", said.errors);
        rolled_out(tenant, &format!("deployment/{NAME}"))?;
        all_labelled_call_aws(tenant, LABEL, 1, Form::Projected)
    })
}

/// The chart's objects in the test's namespace, with a program in the container that can be had here: external-dns' own
/// image cannot be pulled, and where Route 53 would be there is only STS. What decides about credentials is the chart's.
fn chart(tenant: &Tenant<'_>) -> anyhow::Result<String> {
    let mut objects: Vec<Value> =
        serde_saphyr::from_multiple(CHART).context("the chart's manifest is no YAML")?;
    for object in &mut objects {
        object["metadata"]["namespace"] = json!(tenant.namespace());
        let container = object.pointer_mut("/spec/template/spec/containers/0");
        if let Some(container) = container.and_then(Value::as_object_mut) {
            container.retain(|name, _| !name.ends_with("Probe") && name != "args");
            container.insert("image".to_owned(), json!("e2e.local/caller-identity:1"));
            let command = json!(["/caller-identity", "--every=1s", "--for=60m"]);
            container.insert("command".to_owned(), command);
        }
    }
    Ok(json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string())
}

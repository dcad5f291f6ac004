//! Tokens of the cluster's own issuer: neither a Google account nor an agent.

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::pods::{Form, form, says_it_is_itself, succeeded};
use crate::promise::{Promise, promise};
use crate::tenant::Tenant;

pub(super) const PROMISES: &[Promise] = &[
    promise!(
        Together,
        Cloud,
        "cluster-source",
        every_sdk_takes_a_token_of_the_cluster_itself
    ),
    promise!(
        Together,
        Cloud,
        "cluster-strangers",
        aws_refuses_the_clusters_tokens_for_others_and_of_others
    ),
];

/// What a ServiceAccount needs beside its role.
const SOURCE: &str = "amazonaws.com/token-source=cluster";

/// What it does not need, taken away.
const NO_LINK: &str = "iam.gke.io/gcp-service-account-";

const POD: &str = include_str!("../../manifests/pod.yaml");

fn every_sdk_takes_a_token_of_the_cluster_itself(tenant: &Tenant<'_>) -> anyhow::Result<()> {
    trust_cluster(tenant, "app")?;
    tenant.kubectl(&["annotate", "serviceaccount", "app", SOURCE, NO_LINK])?;
    let said = tenant.apply(include_str!("../../manifests/three-sdks.yaml"))?;
    ensure!(said.errors.is_empty(), "it warns: {}", said.errors);
    let pod = succeeded(tenant, "once")?;
    let found = form(&pod)?;
    ensure!(found == Form::Projected, "it is {found:?}");
    let asked = tenant.cloud()?.requests(tenant.namespace())?;
    ensure!(asked.is_empty(), "it asked the metadata server: {asked:?}");
    ["rust", "go", "cli"]
        .iter()
        .try_for_each(|container| says_it_is_itself(tenant, "once", container))
}

/// A token for somebody else's eyes is not good for AWS, and a role is for the ServiceAccount that it names.
fn aws_refuses_the_clusters_tokens_for_others_and_of_others(
    tenant: &Tenant<'_>,
) -> anyhow::Result<()> {
    trust_cluster(tenant, "app")?;
    tenant.kubectl(&["create", "serviceaccount", "other"])?;
    let role = format!("amazonaws.com/role-arn={}", tenant.role());
    tenant.kubectl(&["annotate", "serviceaccount", "other", SOURCE, &role])?;
    tenant.kubectl(&["annotate", "serviceaccount", "app", SOURCE])?;
    tenant.apply(&POD.replace(
        "name: once",
        "name: for-others\n  annotations: {amazonaws.com/audience: example.com}",
    ))?;
    tenant.apply(
        &POD.replace("name: once", "name: of-others")
            .replace("serviceAccountName: app", "serviceAccountName: other"),
    )?;
    is_refused(tenant, "for-others", "InvalidIdentityToken", "example.com")?;
    is_refused(tenant, "of-others", "AccessDenied", ":other")
}

/// An error unless AWS refused the pod with this code, for something that has this in it.
fn is_refused(tenant: &Tenant<'_>, pod: &str, code: &str, cause: &str) -> anyhow::Result<()> {
    tenant.wait(&format!("pod/{pod}"), "jsonpath={.status.phase}=Failed")?;
    let log = tenant.kubectl(&["logs", pod, "--container", "app"])?;
    ensure!(log.contains(code), "{pod} does not say {code}: {log}");
    let calls = tenant.cloud()?.calls(tenant.namespace())?;
    let session = tenant.session(pod);
    let mut of_pod = calls
        .iter()
        .filter(|call| call["sessionName"] == session.as_str());
    let call = of_pod.next().context("STS heard nothing of it")?;
    let reason = call["reason"].as_str().unwrap_or_default();
    ensure!(
        call["outcome"] == code && reason.contains(cause),
        "another refusal: {call}"
    );
    Ok(())
}

/// Makes AWS know this cluster, and the test's role trust one ServiceAccount of the test.
pub(super) fn trust_cluster(tenant: &Tenant<'_>, account: &str) -> anyhow::Result<()> {
    let raw = |path| -> anyhow::Result<Value> {
        let text = tenant.kubectl(&["get", "--raw", path])?;
        serde_json::from_str(&text).with_context(|| format!("{path} is no JSON"))
    };
    let discovery = raw("/.well-known/openid-configuration")?;
    let issuer = discovery["issuer"].as_str().context("no issuer")?;
    let cloud = tenant.cloud()?;
    cloud.put_provider(issuer, &raw("/openid/v1/jwks")?)?;
    let subject = format!("system:serviceaccount:{}:{account}", tenant.namespace());
    cloud.put_cluster_role(tenant.namespace(), issuer, &subject)
}

//! What is stored of a pod, seen on any cluster.

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::pods::{Form, VOLUME, form, names};
use crate::promise::{Promise, promise};
use crate::tenant::Tenant;

pub(super) const PROMISES: &[Promise] = &[
    promise!(
        Together,
        Admission,
        "injected",
        every_container_gets_the_token_and_what_aws_asks_for
    ),
    promise!(
        Together,
        Admission,
        "host-network",
        a_pod_on_the_nodes_network_is_left_alone_with_a_warning
    ),
    promise!(
        Together,
        Admission,
        "demanding",
        a_pod_that_demands_credentials_without_a_role_is_refused
    ),
    promise!(
        Together,
        Admission,
        "declining",
        a_pod_that_declines_is_left_alone
    ),
    promise!(
        Together,
        Admission,
        "ignored",
        a_namespace_that_declines_is_left_alone
    ),
];

const GATED: &str = include_str!("../../manifests/gated.yaml");

fn every_container_gets_the_token_and_what_aws_asks_for(tenant: &Tenant<'_>) -> anyhow::Result<()> {
    tenant.apply(GATED)?;
    let pod = tenant.get(&["pod/gated"])?;
    let app = &pod["spec"]["containers"][0];
    ensure!(form(&pod)? == Form::Classic, "it is {:?}", form(&pod)?);
    let variable = |name: &str| value(app, name).with_context(|| format!("there is no {name}"));
    let token = variable("AWS_WEB_IDENTITY_TOKEN_FILE")?;
    ensure!(variable("AWS_ROLE_ARN")? == tenant.role(), "another role");
    ensure!(
        variable("AWS_ROLE_SESSION_NAME")? == tenant.session("gated"),
        "another session"
    );
    ensure!(
        names(&pod["spec"]["volumes"]).contains(&VOLUME),
        "no volume"
    );
    let mounts = app["volumeMounts"].as_array().into_iter().flatten();
    let holds_token = |mount: &&Value| {
        let path = mount["mountPath"].as_str();
        path.is_some_and(|path| token.starts_with(path))
    };
    let mut of_token = mounts.filter(holds_token);
    let mount = of_token
        .next()
        .context("the token's folder is not mounted")?;
    ensure!(
        mount["name"] == VOLUME && mount["readOnly"] == true,
        "{mount}"
    );
    Ok(())
}

fn a_pod_on_the_nodes_network_is_left_alone_with_a_warning(
    tenant: &Tenant<'_>,
) -> anyhow::Result<()> {
    let said = tenant.apply(&GATED.replace("spec:", "spec:\n  hostNetwork: true"))?;
    said.warns(
        "no AWS credentials: with hostNetwork the pod would get the node's Google identity",
    )?;
    is_left_alone(tenant)
}

fn a_pod_that_demands_credentials_without_a_role_is_refused(
    tenant: &Tenant<'_>,
) -> anyhow::Result<()> {
    let demands =
        labelled("true").replace("serviceAccountName: app", "serviceAccountName: default");
    let refusal = tenant.apply(&demands).err().context("it was admitted")?;
    let reason = "the pod's ServiceAccount has no annotation amazonaws.com/role-arn";
    ensure!(
        refusal.to_string().contains(reason),
        "refused for another reason: {refusal}"
    );
    tenant.apply(&labelled("true"))?;
    let stored = form(&tenant.get(&["pod/gated"])?)?;
    ensure!(stored == Form::Classic, "with a role it is {stored:?}");
    Ok(())
}

fn a_pod_that_declines_is_left_alone(tenant: &Tenant<'_>) -> anyhow::Result<()> {
    tenant.apply(&labelled("false"))?;
    is_left_alone(tenant)
}

fn a_namespace_that_declines_is_left_alone(tenant: &Tenant<'_>) -> anyhow::Result<()> {
    tenant.kubectl(&[
        "label",
        "namespace",
        tenant.namespace(),
        "admission.gtoken/ignore=",
    ])?;
    tenant.apply(GATED)?;
    is_left_alone(tenant)
}

fn labelled(inject: &str) -> String {
    let labels = format!("metadata:\n  labels: {{amazonaws.com/inject: \"{inject}\"}}");
    GATED.replace("metadata:", &labels)
}

fn is_left_alone(tenant: &Tenant<'_>) -> anyhow::Result<()> {
    let pod = tenant.get(&["pod/gated"])?;
    let text = pod["spec"].to_string();
    ensure!(
        !text.contains(VOLUME) && !text.contains("AWS_"),
        "it was changed: {text}"
    );
    ensure!(form(&pod)? == Form::None, "it was injected");
    Ok(())
}

fn value<'a>(container: &'a Value, name: &str) -> Option<&'a str> {
    let mut variables = container["env"].as_array()?.iter();
    variables.find(|variable| variable["name"] == name)?["value"].as_str()
}

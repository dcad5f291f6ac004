//! What is missing or away for a while makes pods late, never broken.

use std::time::Duration;

use anyhow::ensure;

use crate::cloud::role_arn;
use crate::pods::{
    Form, GATE, form, never_restarted, says_it_is, says_it_is_itself, succeeded, succeeded_after,
};
use crate::promise::{Promise, promise};
use crate::tenant::Tenant;

pub(super) const PROMISES: &[Promise] = &[
    promise!(
        First,
        Cloud,
        "late-metadata",
        a_metadata_server_that_comes_late_makes_a_pod_late_not_broken
    ),
    promise!(
        Together,
        Cloud,
        "unlinked",
        a_missing_link_is_named_and_can_be_mended_while_the_pod_waits
    ),
    promise!(
        Alone,
        Cloud,
        "restart",
        pods_before_and_after_a_restart_are_right
    ),
];

/// How long the metadata server refuses a new pod.
const LATE: Duration = Duration::from_secs(20);

const POD: &str = include_str!("../../manifests/pod.yaml");

fn a_metadata_server_that_comes_late_makes_a_pod_late_not_broken(
    tenant: &Tenant<'_>,
) -> anyhow::Result<()> {
    tenant
        .cloud()?
        .refuse_young_pods(tenant.namespace(), LATE)?;
    tenant.apply(POD)?;
    let pod = succeeded_after(tenant, "once", LATE)?;
    never_restarted(&pod)?;
    says_it_is_itself(tenant, "once", "app")?;
    let requests = tenant.cloud()?.requests(tenant.namespace())?;
    let refused = requests
        .iter()
        .filter(|request| request["scenario"] == "refused")
        .count();
    // Twenty seconds long, without haste.
    ensure!(
        (2..=30).contains(&refused),
        "{refused} requests were refused"
    );
    Ok(())
}

fn a_missing_link_is_named_and_can_be_mended_while_the_pod_waits(
    tenant: &Tenant<'_>,
) -> anyhow::Result<()> {
    let link = "iam.gke.io/gcp-service-account";
    tenant.kubectl(&["annotate", "serviceaccount", "app", &format!("{link}-")])?;
    let said = tenant.apply(POD)?;
    ensure!(
        said.errors.contains(link),
        "no warning that names {link} in: {}",
        said.errors
    );
    tenant.until("a word of the gate about the link", || {
        let log = tenant
            .kubectl(&["logs", "once", "--container", GATE])
            .unwrap_or_default();
        Ok(log.contains(link).then_some(()))
    })?;
    let mended = format!("{link}={}", tenant.account());
    tenant.kubectl(&["annotate", "serviceaccount", "app", &mended])?;
    let pod = succeeded(tenant, "once")?;
    never_restarted(&pod)?;
    says_it_is_itself(tenant, "once", "app")
}

fn pods_before_and_after_a_restart_are_right(tenant: &Tenant<'_>) -> anyhow::Result<()> {
    let (cloud, world) = (tenant.cloud()?, tenant.world());
    let named = |name: &str| POD.replace("name: once", &format!("name: {name}"));
    let other = format!("{}-other", tenant.namespace());
    tenant.apply(&named("before"))?;
    succeeded(tenant, "before")?;
    world.installation.restart()?;
    cloud.put_role(&other, &tenant.account())?;
    let annotation = format!("amazonaws.com/role-arn={}", role_arn(&other));
    tenant.kubectl(&[
        "annotate",
        "--overwrite",
        "serviceaccount",
        "app",
        &annotation,
    ])?;
    tenant.apply(&named("after"))?;
    succeeded(tenant, "after")?;
    for (pod, role) in [("before", tenant.namespace()), ("after", &other)] {
        says_it_is(tenant, pod, "app", &tenant.arn(role, pod))?;
    }
    tenant.kubectl(&[
        "annotate",
        "serviceaccount",
        "app",
        "amazonaws.com/role-arn-",
    ])?;
    tenant.apply(&named("without"))?;
    let stored = form(&tenant.get(&["pod/without"])?)?;
    ensure!(stored == Form::None, "without a role it is {stored:?}");
    Ok(())
}

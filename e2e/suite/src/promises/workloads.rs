//! Every kind of workload gets credentials in the form that fits it.

use std::time::Duration;

use anyhow::ensure;
use serde_json::Value;

use crate::pods::{
    Form, form, labelled, labelled_times, name, never_restarted, says_it_is_itself, succeeded,
};
use crate::promise::{Promise, promise};
use crate::tenant::Tenant;

pub(super) const PROMISES: &[Promise] = &[
    promise!(First, Cloud, "cron-job", a_cron_job_completes),
    promise!(
        Together,
        Cloud,
        "deployment",
        every_pod_of_a_deployment_calls_aws
    ),
    promise!(
        Together,
        Cloud,
        "stateful-set",
        every_pod_of_a_stateful_set_calls_aws
    ),
    promise!(
        Together,
        Cloud,
        "daemon-set",
        every_pod_of_a_daemon_set_calls_aws
    ),
    promise!(Together, Cloud, "job", a_job_completes),
    promise!(
        Together,
        Cloud,
        "bare-pod",
        a_bare_pod_that_is_never_restarted_completes
    ),
    promise!(
        Together,
        Cloud,
        "init-containers",
        an_init_container_calls_aws_before_the_application
    ),
    promise!(
        Together,
        Cloud,
        "two-containers",
        two_containers_of_a_pod_both_call_aws
    ),
    promise!(
        Together,
        Cloud,
        "forced-native",
        a_deployment_can_be_forced_to_native
    ),
    promise!(
        Together,
        Cloud,
        "forced-classic",
        a_job_can_be_forced_to_classic
    ),
];

/// The label of the pods that go on, in every manifest.
pub(super) const WEB: &str = "app=web";

/// The label of the pods that end.
const REPORT: &str = "app=report";

fn every_pod_of_a_deployment_calls_aws(tenant: &Tenant<'_>) -> anyhow::Result<()> {
    tenant.apply(include_str!("../../manifests/deployment.yaml"))?;
    rolled_out(tenant, "deployment/web")?;
    all_call_aws(tenant, 2, Form::Classic)
}

fn every_pod_of_a_stateful_set_calls_aws(tenant: &Tenant<'_>) -> anyhow::Result<()> {
    tenant.apply(include_str!("../../manifests/stateful-set.yaml"))?;
    rolled_out(tenant, "statefulset/web")?;
    all_call_aws(tenant, 2, Form::Classic)
}

fn every_pod_of_a_daemon_set_calls_aws(tenant: &Tenant<'_>) -> anyhow::Result<()> {
    tenant.apply(include_str!("../../manifests/daemon-set.yaml"))?;
    rolled_out(tenant, "daemonset/web")?;
    all_call_aws(tenant, 1, Form::Classic)
}

fn a_deployment_can_be_forced_to_native(tenant: &Tenant<'_>) -> anyhow::Result<()> {
    tenant.apply(include_str!(
        "../../manifests/deployment-forced-native.yaml"
    ))?;
    rolled_out(tenant, "deployment/web")?;
    all_call_aws(tenant, 1, Form::Native)
}

fn a_job_completes(tenant: &Tenant<'_>) -> anyhow::Result<()> {
    tenant.apply(include_str!("../../manifests/job.yaml"))?;
    tenant.wait("job/report", "condition=Complete")?;
    all_ended_well(tenant, 2, Form::Native)
}

/// An hour of credentials is all that such a pod gets, and whoever asks for it is told.
fn a_job_can_be_forced_to_classic(tenant: &Tenant<'_>) -> anyhow::Result<()> {
    tenant.apply(include_str!("../../manifests/job-forced-classic.yaml"))?;
    tenant.wait("job/report", "condition=Complete")?;
    all_ended_well(tenant, 1, Form::OneShotOnly)?;
    let said = tenant.apply(include_str!("../../manifests/pod-forced-classic.yaml"))?;
    said.warns("the AWS token lasts one hour: amazonaws.com/sidecar-mode classic")
}

fn a_cron_job_completes(tenant: &Tenant<'_>) -> anyhow::Result<()> {
    tenant.apply(include_str!("../../manifests/cron-job.yaml"))?;
    // It starts with the next minute.
    let success = "jsonpath={.status.lastSuccessfulTime}";
    tenant.wait_for("cronjob/report", success, Duration::from_mins(3))?;
    tenant.kubectl(&[
        "patch",
        "cronjob/report",
        "--patch",
        r#"{"spec": {"suspend": true}}"#,
    ])?;
    let ended = |pod: &Value| pod["status"]["phase"] == "Succeeded";
    let pods = labelled(tenant, REPORT)?;
    ensure!(pods.iter().any(ended), "no pod of the CronJob succeeded");
    pods.iter()
        .filter(|pod| ended(pod))
        .try_for_each(|pod| ended_well(tenant, pod, Form::Native))
}

fn a_bare_pod_that_is_never_restarted_completes(tenant: &Tenant<'_>) -> anyhow::Result<()> {
    tenant.apply(include_str!("../../manifests/pod.yaml"))?;
    let pod = succeeded(tenant, "once")?;
    ended_well(tenant, &pod, Form::Native)
}

fn an_init_container_calls_aws_before_the_application(tenant: &Tenant<'_>) -> anyhow::Result<()> {
    tenant.apply(include_str!("../../manifests/init-containers.yaml"))?;
    succeeded(tenant, "once")?;
    ["earlier", "app"]
        .iter()
        .try_for_each(|container| says_it_is_itself(tenant, "once", container))
}

fn two_containers_of_a_pod_both_call_aws(tenant: &Tenant<'_>) -> anyhow::Result<()> {
    tenant.apply(include_str!("../../manifests/two-containers.yaml"))?;
    succeeded(tenant, "once")?;
    ["rust", "go"]
        .iter()
        .try_for_each(|container| says_it_is_itself(tenant, "once", container))
}

/// Waits until every pod of a workload is ready.
pub(super) fn rolled_out(tenant: &Tenant<'_>, workload: &str) -> anyhow::Result<()> {
    let limit = format!("--timeout={}s", tenant.world().patience.as_secs());
    tenant
        .kubectl(&["rollout", "status", workload, &limit])
        .map(drop)
}

/// Waits until AWS has told each pod of the workload `web` who it is; none may have been restarted for it.
pub(super) fn all_call_aws(tenant: &Tenant<'_>, number: usize, wanted: Form) -> anyhow::Result<()> {
    all_labelled_call_aws(tenant, WEB, number, wanted)
}

/// The same of the pods with a label.
pub(super) fn all_labelled_call_aws(
    tenant: &Tenant<'_>,
    label: &str,
    number: usize,
    wanted: Form,
) -> anyhow::Result<()> {
    for pod in labelled_times(tenant, label, number)? {
        let (session, found) = (tenant.session(name(&pod)?), form(&pod)?);
        ensure!(found == wanted, "{session} is {found:?}");
        tenant.until(&format!("the call of {session} at STS"), || {
            let calls = tenant.cloud()?.calls(tenant.namespace())?;
            let told = calls.into_iter().find(|call| {
                call["action"] == "GetCallerIdentity" && call["sessionName"] == session.as_str()
            });
            Ok(told.filter(|call| call["outcome"] == "Success"))
        })?;
    }
    labelled_times(tenant, label, number)?
        .iter()
        .try_for_each(never_restarted)
}

/// An error unless each pod of a Job called AWS and ended, with everything that was injected into it.
pub(super) fn all_ended_well(
    tenant: &Tenant<'_>,
    number: usize,
    wanted: Form,
) -> anyhow::Result<()> {
    let pods = labelled_times(tenant, REPORT, number)?;
    pods.iter()
        .try_for_each(|pod| ended_well(tenant, pod, wanted))
}

fn ended_well(tenant: &Tenant<'_>, pod: &Value, wanted: Form) -> anyhow::Result<()> {
    let (name, found) = (name(pod)?, form(pod)?);
    ensure!(found == wanted, "{name} is {found:?}");
    never_restarted(pod)?;
    let statuses = pod["status"]["initContainerStatuses"]
        .as_array()
        .into_iter()
        .flatten();
    for status in statuses {
        let code = &status["state"]["terminated"]["exitCode"];
        ensure!(*code == 0, "{} of {name} ended with {code}", status["name"]);
    }
    says_it_is_itself(tenant, name, "app")
}

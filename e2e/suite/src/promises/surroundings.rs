//! Namespaces and pods that allow less than usual.

use crate::pods::{Form, says_it_is_itself, succeeded};
use crate::promise::{Promise, promise};
use crate::tenant::Tenant;

use super::workloads::{all_call_aws, all_ended_well, rolled_out};

pub(super) const PROMISES: &[Promise] = &[
    promise!(
        Together,
        Cloud,
        "restricted",
        pods_run_where_pod_security_is_restricted
    ),
    promise!(
        Together,
        Cloud,
        "read-only-root",
        a_pod_of_any_user_needs_nothing_to_write
    ),
    promise!(
        Together,
        Cloud,
        "quota",
        a_pod_fits_into_a_quota_on_cpu_and_memory
    ),
];

fn pods_run_where_pod_security_is_restricted(tenant: &Tenant<'_>) -> anyhow::Result<()> {
    let label = "pod-security.kubernetes.io/enforce=restricted";
    tenant.kubectl(&["label", "namespace", tenant.namespace(), label])?;
    tenant.apply(include_str!("../../manifests/restricted.yaml"))?;
    rolled_out(tenant, "deployment/web")?;
    all_call_aws(tenant, 2, Form::Classic)?;
    tenant.wait("job/report", "condition=Complete")?;
    all_ended_well(tenant, 2, Form::Native)
}

fn a_pod_of_any_user_needs_nothing_to_write(tenant: &Tenant<'_>) -> anyhow::Result<()> {
    tenant.apply(include_str!("../../manifests/read-only-root.yaml"))?;
    succeeded(tenant, "once")?;
    says_it_is_itself(tenant, "once", "app")
}

/// Such a namespace refuses a pod as soon as one of its containers names no request or no limit.
fn a_pod_fits_into_a_quota_on_cpu_and_memory(tenant: &Tenant<'_>) -> anyhow::Result<()> {
    tenant.apply(include_str!("../../manifests/quota.yaml"))?;
    tenant.wait("resourcequota/team", "jsonpath={.status.hard}")?;
    tenant.apply(include_str!("../../manifests/pod-with-resources.yaml"))?;
    succeeded(tenant, "once")?;
    says_it_is_itself(tenant, "once", "app")
}

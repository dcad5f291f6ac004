//! Coming into a cluster without anybody waiting for it.

use std::time::Duration;

use anyhow::ensure;

use crate::pods::{Form, form, labelled_times};
use crate::promise::{Promise, promise};
use crate::tenant::Tenant;

pub(super) const PROMISES: &[Promise] = &[promise!(
    Alone,
    Admission,
    "install",
    pods_applied_right_after_the_manifest_are_all_injected
)];

/// How many pods the Deployment has.
const PODS: usize = 5;

/// A minute passes until every API server has seen a new authority, and controllers wait twice as long each time they
/// were refused.
const PATIENCE: Duration = Duration::from_mins(5);

fn pods_applied_right_after_the_manifest_are_all_injected(
    tenant: &Tenant<'_>,
) -> anyhow::Result<()> {
    let installation = &tenant.world().installation;
    installation.remove()?;
    installation.apply()?;
    tenant.apply(include_str!("../../manifests/deployment-demanding.yaml"))?;
    let created = format!("jsonpath={{.status.replicas}}={PODS}");
    tenant.wait_for("deployment/demanding", &created, PATIENCE)?;
    for pod in labelled_times(tenant, "app=demanding", PODS)? {
        let stored = form(&pod)?;
        ensure!(stored == Form::Classic, "one is {stored:?}");
    }
    installation.install()
}

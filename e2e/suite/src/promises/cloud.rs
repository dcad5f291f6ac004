//! The Google of the test cluster is like GKE's where it matters to all other tests.

use anyhow::ensure;

use crate::pods::succeeded;
use crate::promise::{Promise, promise};
use crate::tenant::Tenant;

pub(super) const PROMISES: &[Promise] = &[promise!(
    Together,
    Cloud,
    "two-networks",
    a_pod_is_known_by_its_own_address_and_by_no_other
)];

/// On the node's network a pod has the node's address, and thus gets the identity of the node.
fn a_pod_is_known_by_its_own_address_and_by_no_other(tenant: &Tenant<'_>) -> anyhow::Result<()> {
    tenant.apply(include_str!("../../manifests/two-networks.yaml"))?;
    let email = |pod| {
        succeeded(tenant, pod)?;
        tenant.kubectl(&["logs", pod, "--container", "app"])
    };
    let (own, of_node) = (email("own")?, email("nodes")?);
    ensure!(own == tenant.account(), "the pod is {own}");
    let is_node = of_node.ends_with("-compute@developer.gserviceaccount.com");
    ensure!(is_node, "on the node's network it is {of_node}");
    Ok(())
}

//! What the agent costs the node, as kubelet counts it.

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::pods::{Form, REFRESHER, labelled_times, name};
use crate::promise::{Promise, promise};
use crate::tenant::Tenant;

use super::workloads::{WEB, all_call_aws, rolled_out};

pub(super) const PROMISES: &[Promise] = &[promise!(
    Together,
    Cloud,
    "weight",
    an_agent_weighs_a_quarter_of_what_it_requests
)];

/// The agent requests 16 MiB.
const QUARTER: u64 = 4 << 20;

fn an_agent_weighs_a_quarter_of_what_it_requests(tenant: &Tenant<'_>) -> anyhow::Result<()> {
    tenant.apply(include_str!("../../manifests/deployment.yaml"))?;
    rolled_out(tenant, "deployment/web")?;
    all_call_aws(tenant, 2, Form::Classic)?;
    for pod in labelled_times(tenant, WEB, 2)? {
        let node = pod["spec"]["nodeName"].as_str().context("no node")?;
        let memory = tenant.until("what kubelet counts of the agent", || {
            let path = format!("/api/v1/nodes/{node}/proxy/stats/summary");
            let summary = serde_json::from_str(&tenant.kubectl(&["get", "--raw", &path])?)?;
            Ok(memory_of_agent(&summary, tenant.namespace(), name(&pod)?))
        })?;
        println!(
            "the agent's cgroup in {}: {} KiB, of which {} KiB may not be given up, and {} KiB are its own pages",
            name(&pod)?,
            memory.usage / 1024,
            memory.working_set / 1024,
            memory.resident / 1024
        );
        ensure!(memory.usage < QUARTER, "the agent weighs {memory:?}");
    }
    Ok(())
}

/// Bytes, by the names of kubelet's summary (<https://pkg.go.dev/k8s.io/kubelet/pkg/apis/stats/v1alpha1>).
#[derive(Debug, PartialEq, Eq)]
struct Memory {
    usage: u64,
    working_set: u64,
    resident: u64,
}

/// Nothing while kubelet has not counted yet.
fn memory_of_agent(summary: &Value, namespace: &str, pod: &str) -> Option<Memory> {
    let pods = summary["pods"].as_array()?;
    let is_it = |entry: &&Value| {
        entry["podRef"]["name"] == pod && entry["podRef"]["namespace"] == namespace
    };
    let containers = pods.iter().find(is_it)?["containers"].as_array()?;
    let agent = containers.iter().find(|entry| entry["name"] == REFRESHER)?;
    let bytes = |name: &str| agent["memory"][name].as_u64();
    Some(Memory {
        usage: bytes("usageBytes").filter(|usage| *usage > 0)?,
        working_set: bytes("workingSetBytes")?,
        resident: bytes("rssBytes")?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_agent_of_the_pod_is_found_once_it_is_counted() {
        let memory = json!({"usageBytes": 3, "workingSetBytes": 2, "rssBytes": 1});
        let summary = |memory| {
            let agent = json!({"name": REFRESHER, "memory": memory});
            json!({"pods": [
                {"podRef": {"name": "web", "namespace": "other"}},
                {"podRef": {"name": "web", "namespace": "ours"}, "containers": [{"name": "app"}, agent]},
            ]})
        };
        let found = Memory {
            usage: 3,
            working_set: 2,
            resident: 1,
        };
        assert_eq!(
            memory_of_agent(&summary(memory), "ours", "web"),
            Some(found)
        );
        assert_eq!(memory_of_agent(&summary(Value::Null), "ours", "web"), None);
        assert_eq!(memory_of_agent(&json!({}), "ours", "web"), None);
    }
}

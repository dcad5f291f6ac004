//! The story of the README, command by command, with SDKs that others wrote.

use serde_json::json;

use crate::pods::{is_identity, says_it_is_itself, succeeded};
use crate::promise::{Promise, promise};
use crate::tenant::Tenant;

pub(super) const PROMISES: &[Promise] = &[
    promise!(Together, Cloud, "story", a_pod_calls_aws_as_the_readme_says),
    promise!(
        Together,
        Cloud,
        "rust",
        the_aws_sdk_for_rust_needs_nothing_else
    ),
    promise!(Together, Cloud, "go", the_aws_sdk_for_go_needs_nothing_else),
];

fn a_pod_calls_aws_as_the_readme_says(tenant: &Tenant<'_>) -> anyhow::Result<()> {
    let google = format!("iam.gke.io/gcp-service-account={}", tenant.account());
    let aws = format!("amazonaws.com/role-arn={}", tenant.role());
    tenant.kubectl(&["create", "serviceaccount", "reader"])?;
    tenant.kubectl(&["annotate", "serviceaccount", "reader", &google])?;
    tenant.kubectl(&["annotate", "serviceaccount", "reader", &aws])?;
    run(
        tenant,
        "reader",
        "aws-cli",
        &["--env=AWS_CA_BUNDLE=/etc/aws/ca.pem", "--", "sleep", "600"],
    )?;
    tenant.wait("pod/test-pod", "condition=Ready")?;
    let said = tenant.kubectl(&[
        "exec",
        "test-pod",
        "--",
        "aws",
        "sts",
        "get-caller-identity",
    ])?;
    is_identity(&said, &tenant.own_arn("test-pod"))
}

fn the_aws_sdk_for_rust_needs_nothing_else(tenant: &Tenant<'_>) -> anyhow::Result<()> {
    one_call(tenant, "caller-identity")
}

fn the_aws_sdk_for_go_needs_nothing_else(tenant: &Tenant<'_>) -> anyhow::Result<()> {
    one_call(tenant, "caller-identity-go")
}

fn one_call(tenant: &Tenant<'_>, image: &str) -> anyhow::Result<()> {
    run(
        tenant,
        "app",
        image,
        &["--env=SSL_CERT_FILE=/etc/aws/ca.pem", "--restart=Never"],
    )?;
    succeeded(tenant, "test-pod")?;
    says_it_is_itself(tenant, "test-pod", "test-pod")
}

/// `kubectl run`, with the ServiceAccount and with the authority of the sandbox's STS, which real AWS does not need.
fn run(tenant: &Tenant<'_>, account: &str, image: &str, flags: &[&str]) -> anyhow::Result<()> {
    let overrides = json!({"spec": {
        "serviceAccountName": account,
        "terminationGracePeriodSeconds": 1,
        "volumes": [{"name": "aws", "configMap": {"name": "aws"}}],
        "containers": [{"name": "test-pod", "volumeMounts": [{"name": "aws", "mountPath": "/etc/aws"}]}],
    }});
    let (image, overrides) = (
        format!("--image=e2e.local/{image}:1"),
        format!("--overrides={overrides}"),
    );
    let run = [
        "run",
        "test-pod",
        &image,
        &overrides,
        "--override-type=strategic",
        "--env=AWS_REGION=eu-west-1",
        "--env=AWS_DEFAULT_REGION=eu-west-1",
    ];
    tenant.kubectl(&[&run, flags].concat()).map(drop)
}

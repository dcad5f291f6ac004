//! The chart, as Helm itself sees it: what it renders and what it refuses.

use std::process::Command;

use super::Outcome;
use crate::codegen;
use crate::helm::helm;
use crate::process;
use crate::workspace::Workspace;

const CHART: &str = "deploy/chart";

/// Arguments, and a word of the refusal that tells what is wrong with them.
const REFUSED: [(&str, &str); 21] = [
    ("--set=replica=3", "'replica' not allowed"),
    ("--set=image.tags=v1", "'tags' not allowed"),
    ("--set=replicas=none", "/replicas"),
    ("--set=image.digest=sha256:12", "/image/digest"),
    ("--set=log.level=loud", "/log/level"),
    ("--set=defaults.tokenSource=aws", "/defaults/tokenSource"),
    (
        "--set=defaults.tokenExpiration=60",
        "/defaults/tokenExpiration",
    ),
    ("--set=agent.runAsUser=0", "/agent/runAsUser"),
    ("--set=agent.volume.path=token", "/agent/volume/path"),
    ("--set=aws.accountId=123456789012", "/aws/accountId"),
    ("--set=tls.minVersion=1.1", "/tls/minVersion"),
    ("--set=extraArgs={sidecar-mode=native}", "/extraArgs/0"),
    ("--set=tls.mode=off", "/tls/mode"),
    ("--set=tls.leafValidity=7d", "/tls/leafValidity"),
    (
        "--set=tls.certManagerCertificate=hook",
        "/tls/certManagerCertificate",
    ),
    ("--set=tls.caBundle=-----BEGIN", "/tls/caBundle"),
    ("--set=tls.caBundle=bm9uZQ==", "are for tls.mode=files"),
    (
        "--set=tls.certManagerCertificate=gtoken/hook",
        "are for tls.mode=files",
    ),
    (
        "--set=tls.mode=files,tls.caBundle=bm9uZQ==,tls.certManagerCertificate=gtoken/hook",
        "give one of them",
    ),
    (
        "--set=tls.mode=files,tls.caBundle=bm9uZQ==",
        "tls.caBundle is no certificate",
    ),
    ("--kube-version=1.28.9", "1.28.9"),
];

/// Arguments, and what must then stand in the manifests.
const RENDERED: [(&str, &str); 23] = [
    ("--set=replicas=3", "replicas: 3"),
    (
        "--set=image.digest=sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "image: doitintl/gtoken-webhook@sha256:0123456789abcdef",
    ),
    (
        "--set=agent.image.repository=mirror.example/gtoken,agent.image.tag=v1",
        "- --image=mirror.example/gtoken:v1",
    ),
    ("--set=imagePullSecrets[0].name=mirror", "- name: mirror"),
    (
        "--set=agent.imagePullSecrets={mirror}",
        "- --agent-image-pull-secret=mirror",
    ),
    ("--set=agent.flags={--json}", "- \"--agent-flag=--json\""),
    (
        "--set=agent.resources.limits.memory=64Mi",
        "- --agent-memory-limit=64Mi",
    ),
    (
        "--set=agent.runAsUser=2147483647",
        "- --agent-run-as-user=2147483647",
    ),
    (
        "--set=defaults.tokenSource=cluster",
        "- --token-source=cluster",
    ),
    (
        "--set=defaults.audience=example.com: all",
        "- \"--audience=example.com: all\"",
    ),
    ("--set=defaults.region=eu-west-1", "- --region=eu-west-1"),
    (
        "--set=defaults.skipContainers={proxy,cache}",
        "- --skip-containers=proxy,cache",
    ),
    (
        "--set=defaults.includeContainers={app}",
        "- --include-containers=app",
    ),
    (
        "--set-string=aws.accountId=123456789012",
        "- --aws-account-id=123456789012",
    ),
    (
        "--set=annotations.prefixes={aws.example.com}",
        "- --annotation-prefixes=aws.example.com",
    ),
    ("--set-string=tls.minVersion=1.3", "- --tls-min-version=1.3"),
    (
        "--set=extraArgs={--sidecar-mode=native}",
        "- \"--sidecar-mode=native\"",
    ),
    (
        "--set=tls.mode=files",
        "- --tls-cert-file=/etc/webhook/certs/tls.crt",
    ),
    (
        "--set=tls.mode=files,tls.certManagerCertificate=gtoken/hook",
        "cert-manager.io/inject-ca-from: gtoken/hook",
    ),
    ("--set=tls.leafValidity=24h", "- --leaf-validity=24h"),
    ("--set=tls.secretName=certs", "resourceNames: [certs]"),
    (
        "--set=tls.mode=files,tls.caBundle=LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t",
        "caBundle: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t",
    ),
    // Where Kubernetes is old enough, and calls itself as Google's does.
    ("--kube-version=1.29.0-gke.1", "kind: Deployment"),
];

/// Compares every generated file with what its source makes.
pub(super) fn generated(workspace: &Workspace) -> anyhow::Result<Outcome> {
    let (stale, _) = codegen::stale(workspace)?;
    Ok(Outcome::of(&stale))
}

/// Lints the chart, and gives it values that it must take or refuse.
pub(super) fn chart(workspace: &Workspace) -> anyhow::Result<Outcome> {
    if !process::shown(helm(workspace)?.args(["lint", "--strict", CHART]))? {
        return Ok(Outcome::Failed("mend what helm says above".to_owned()));
    }
    let mut problems = Vec::new();
    for (argument, reason) in REFUSED {
        problems.extend(refused(template(workspace)?.arg(argument), reason)?);
    }
    for (argument, text) in RENDERED {
        problems.extend(rendered(template(workspace)?.arg(argument), text)?);
    }
    Ok(Outcome::of(&problems))
}

fn template(workspace: &Workspace) -> anyhow::Result<Command> {
    let mut helm = helm(workspace)?;
    helm.args(["template", "gtoken-webhook", CHART, "--namespace=gtoken"]);
    Ok(helm)
}

/// What is wrong, if the command is not refused with this reason.
fn refused(command: &mut Command, reason: &str) -> anyhow::Result<Option<String>> {
    let output = process::captured(command)?;
    let said = String::from_utf8_lossy(&output.stderr);
    let is_refused = !output.status.success() && said.contains(reason);
    Ok((!is_refused).then(|| {
        format!(
            "`{}` is not refused for {reason:?}, it says: {}",
            process::describe(command),
            said.trim()
        )
    }))
}

/// What is wrong, if the command does not render this text.
fn rendered(command: &mut Command, text: &str) -> anyhow::Result<Option<String>> {
    let rendered = process::output(command)?;
    Ok((!rendered.contains(text))
        .then(|| format!("`{}` renders no {text:?}", process::describe(command))))
}

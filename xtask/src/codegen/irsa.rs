//! A chart of others, written for EKS, as helm renders it: what has to work with gtoken unchanged.

use super::File;
use crate::go;
use crate::helm;
use crate::process;
use crate::workspace::Workspace;

/// The project, which can be had as a Go module with its chart in it.
const MODULE: &str = "sigs.k8s.io/external-dns@v0.20.0";

/// What the Go module's content is by `go.sum`'s measure.
const SUM: &str = "h1:rJ4Q5c32NStvI8J+u2nyM4bcKxZG4g1NLPL0p994U9M=";

const CHART: &str = "charts/external-dns";

/// What somebody on EKS would tell the chart, with the role left open for each test.
const VALUES: &str = "e2e/suite/manifests/external-dns-values.yaml";

/// The two of its objects that decide about credentials.
const SHOWN: [&str; 2] = ["serviceaccount", "deployment"];

/// The ServiceAccount and the Deployment of external-dns.
pub(super) fn external_dns(workspace: &Workspace) -> anyhow::Result<Vec<File>> {
    let folder = go::downloaded(workspace, MODULE, SUM)?;
    let mut helm = helm::helm(workspace)?;
    helm.args(["template", "external-dns"])
        .arg(folder.join(CHART))
        .args(["--values", VALUES]);
    for name in SHOWN {
        helm.arg(format!("--show-only=templates/{name}.yaml"));
    }
    let rendered = process::output(&mut helm)?;
    let text = format!(
        "# Made from {MODULE} and external-dns-values.yaml by `cargo xtask codegen`.\n{}\n",
        rendered.trim_end()
    );
    Ok(vec![File::new(
        "e2e/suite/manifests/external-dns.yaml",
        text,
    )])
}

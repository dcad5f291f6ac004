//! A chart of others, written for EKS, as helm renders it: what has to work with gtoken unchanged.

use std::path::Path;

use anyhow::{Context as _, ensure};
use serde_json::Value;

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
    let folder = downloaded(workspace)?;
    let mut helm = helm::helm(workspace)?;
    helm.args(["template", "external-dns"])
        .arg(Path::new(&folder).join(CHART))
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

/// The folder that Go unpacks the module into, once it is seen to be what it was.
fn downloaded(workspace: &Workspace) -> anyhow::Result<String> {
    let mut download = go::command(&workspace.root.join(go::MODULE))?;
    download.args(["mod", "download", "-json", MODULE]);
    let told = process::output(&mut download)?;
    let told: Value = serde_json::from_str(&told).context("go mod download wrote no JSON")?;
    ensure!(
        told["Sum"] == SUM,
        "{MODULE} has changed: its sum is {} and not {SUM}",
        told["Sum"]
    );
    let folder = told["Dir"]
        .as_str()
        .context("go mod download names no folder")?;
    Ok(folder.to_owned())
}

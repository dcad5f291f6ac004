//! The chart as the files of the Go gtoken's guide, each under the name that it has there: in `deploy/manual`.

use std::path::Path;

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::File;
use super::manifests::NAMESPACE;
use crate::helm;
use crate::process;
use crate::workspace::Workspace;

/// What the guide has put into `caBundle`.
const PLACEHOLDER: &str = "${CA_BUNDLE}";

/// What has the form of an authority, for the chart to take it.
const AUTHORITY: &str = "-----BEGIN CERTIFICATE-----";

/// The files, each with the kinds of what is in it.
const FILES: [(&str, &[&str]); 6] = [
    ("clusterrole", &["ClusterRole"]),
    ("clusterrolebinding", &["ClusterRoleBinding"]),
    ("deployment", &["Deployment", "PodDisruptionBudget"]),
    ("mutatingwebhook", &["MutatingWebhookConfiguration"]),
    ("service", &["Service"]),
    ("service-account", &["ServiceAccount"]),
];

/// Every manifest of the guide.
pub(super) fn files(workspace: &Workspace) -> anyhow::Result<Vec<File>> {
    let authority = BASE64_STANDARD.encode(AUTHORITY);
    let mut template = helm::template(workspace, Path::new(helm::CHART))?;
    template.arg("--skip-tests");
    template.arg(format!("--set=tls.mode=files,tls.caBundle={authority}"));
    let rendered = process::output(&mut template)?;
    let rendered = rendered.replace(&authority, PLACEHOLDER);
    let objects: Vec<_> = rendered.split("---\n").collect();
    let mut files = vec![file("namespace", &[NAMESPACE])];
    for (name, kinds) in FILES {
        let of_kind = |kind: &&str| {
            let line = format!("\nkind: {kind}\n");
            let mut found = objects.iter().filter(|object| object.contains(&line));
            let object = found.next().copied();
            object.with_context(|| format!("the chart renders no {kind}"))
        };
        let objects: Vec<_> = kinds.iter().map(of_kind).collect::<Result<_, _>>()?;
        files.push(file(name, &objects));
    }
    Ok(files)
}

fn file(name: &str, objects: &[&str]) -> File {
    let head = "# Made from deploy/chart by `cargo xtask codegen`; change it there.\n";
    let objects = objects
        .iter()
        .map(|object| object.trim_end().to_owned() + "\n");
    File::new(
        format!("deploy/manual/{name}.yaml"),
        head.to_owned() + &objects.collect::<Vec<_>>().join("---\n"),
    )
}

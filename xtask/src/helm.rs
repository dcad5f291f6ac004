//! Helm, which is built once for this user from the module in `e2e/cluster`, outside of the checkout.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::cache;
use crate::go;
use crate::hash::Hasher;
use crate::process;
use crate::workspace::Workspace;

/// Our chart, from the root of the checkout.
pub(crate) const CHART: &str = "deploy/chart";

const PACKAGE: &str = "helm.sh/helm/v3/cmd/helm";

/// What helm is built from, and which Kubernetes it believes in where it is told none; by the module's versions.
#[derive(Debug, PartialEq, Eq)]
struct Versions<'a> {
    helm: &'a str,
    kubernetes_minor: &'a str,
}

/// Helm in the root of the checkout, ready to take its command, with nothing of the user's own settings but KUBECONFIG.
pub(crate) fn helm(workspace: &Workspace) -> anyhow::Result<Command> {
    let (program, home) = installed(workspace)?;
    let mut helm = Command::new(program);
    helm.current_dir(&workspace.root);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HELM_") {
            helm.env_remove(&name);
        }
    }
    for name in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
        helm.env(name, &home);
    }
    Ok(helm)
}

/// What renders a chart in the namespace where ours is installed by its manifests, ready to take values.
pub(crate) fn template(workspace: &Workspace, chart: &Path) -> anyhow::Result<Command> {
    let mut template = helm(workspace)?;
    template.args(["template", "gtoken-webhook"]).arg(chart);
    template.arg("--namespace=gtoken");
    Ok(template)
}

/// The program and a home for it, built if it is not there yet.
fn installed(workspace: &Workspace) -> anyhow::Result<(PathBuf, PathBuf)> {
    let module = workspace.root.join(go::MODULE);
    let read = |name: &str| {
        let path = module.join(name);
        fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))
    };
    let (manifest, sums) = (read("go.mod")?, read("go.sum")?);
    let versions = Versions::of(&manifest).with_context(|| {
        format!(
            "{}/go.mod names no version of helm or client-go; add them by `go get -tool {PACKAGE}`",
            go::MODULE
        )
    })?;
    let hash = Hasher::default()
        .text(&sums)
        .text(go::FLAGS)
        .text(&versions.linker_flags())
        .short();
    let folder = cache::folder("helm")?.join(format!("{}-{hash}", versions.helm));
    let program = folder.join("helm");
    if !program.exists() {
        build(&module, &versions, &folder, &program)?;
    }
    Ok((program, folder.join("home")))
}

/// Builds it beside its place and renames it, so that whoever finds it finds all of it.
fn build(
    module: &Path,
    versions: &Versions<'_>,
    folder: &Path,
    program: &Path,
) -> anyhow::Result<()> {
    println!(
        "building helm {}, once; it takes about a minute on two cores",
        versions.helm
    );
    fs::create_dir_all(folder).with_context(|| format!("could not create {}", folder.display()))?;
    let part = tempfile::tempdir_in(folder)?;
    let built = part.path().join("helm");
    let mut go = go::build(module)?;
    go.arg(format!("-ldflags={}", versions.linker_flags()))
        .arg("-o")
        .arg(&built)
        .arg(PACKAGE);
    ensure!(
        process::shown(&mut go)?,
        "helm could not be built, Go says why above; it needs Go 1.26 or newer, and the Go module proxy within reach"
    );
    fs::rename(&built, program).with_context(|| format!("could not write {}", program.display()))
}

impl<'a> Versions<'a> {
    /// Reads them from a `go.mod`.
    fn of(manifest: &'a str) -> Option<Self> {
        let version = |package: &str| {
            let mut lines = manifest.lines().map(str::split_whitespace);
            lines.find_map(|mut words| (words.next() == Some(package)).then(|| words.next())?)
        };
        let client = version("k8s.io/client-go")?;
        Some(Self {
            helm: version("helm.sh/helm/v3")?,
            kubernetes_minor: client.split('.').nth(1)?,
        })
    }

    /// Helm knows both by these variables alone; without, it would take Kubernetes for 1.20.
    fn linker_flags(&self) -> String {
        let Self {
            helm,
            kubernetes_minor,
        } = self;
        let kubernetes = ["chartutil", "lint/rules"].map(|package| {
            let variable = format!("helm.sh/helm/v3/pkg/{package}.k8sVersion");
            format!(" -X {variable}Major=1 -X {variable}Minor={kubernetes_minor}")
        });
        format!("-s -w -X helm.sh/helm/v3/internal/version.version={helm}") + &kubernetes.concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "
        require k8s.io/client-go v0.34.4 // indirect
        require (
        	helm.sh/helm/v3 v3.19.5 // indirect
        	k8s.io/client-go v0.34.4 // indirect
        )";

    #[test]
    fn versions_are_those_of_the_module() {
        let versions = Versions::of(MANIFEST).unwrap();
        assert_eq!(
            versions,
            Versions {
                helm: "v3.19.5",
                kubernetes_minor: "34"
            }
        );
        let flags = versions.linker_flags();
        assert!(flags.contains("version.version=v3.19.5 "), "{flags}");
        assert_eq!(flags.matches("k8sVersionMinor=34").count(), 2, "{flags}");
        assert_eq!(Versions::of("module a"), None);
    }
}

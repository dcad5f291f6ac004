//! Installing gtoken as the README says it, and removing it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::ensure;
use serde_json::{Value, json};

use crate::kubectl::Kubectl;

/// The namespace that the manifest makes.
pub(crate) const NAMESPACE: &str = "gtoken";
/// Its Deployment.
pub(crate) const DEPLOYMENT: &str = "deployment/gtoken-webhook";
/// What chooses its pods.
pub(crate) const SELECTOR: &str = "--selector=app.kubernetes.io/name=gtoken-webhook";

pub(crate) const CONFIGURATION: &str = "mutatingwebhookconfiguration/gtoken-webhook";
/// Its entries are so many.
const ENTRIES: usize = 3;

/// How long the webhook may take until it is ready.
const PATIENCE: &str = "--timeout=120s";

/// gtoken in a cluster.
#[derive(Clone, Debug)]
pub(crate) struct Installation {
    kubectl: Kubectl,
    manifest: PathBuf,
}

impl Installation {
    /// Of this manifest; it is not there yet.
    pub(crate) fn new(kubectl: Kubectl, manifest: PathBuf) -> Self {
        Self { kubectl, manifest }
    }

    /// Removes one that is installed already, if that is ours to do; an error otherwise.
    pub(crate) fn make_room(&self, replace: bool) -> anyhow::Result<()> {
        let present =
            self.kubectl
                .run(["get", CONFIGURATION, "--ignore-not-found", "--output=name"])?;
        if replace && !present.is_empty() {
            return self.remove();
        }
        ensure!(
            present.is_empty(),
            "gtoken is installed in this cluster already, and the suite installs its own; remove it by \
             `kubectl delete -f deploy/install.yaml`"
        );
        Ok(())
    }

    /// Installs it and waits until it is ready.
    pub(crate) fn install(&self) -> anyhow::Result<()> {
        self.configure()?;
        self.wait()
    }

    /// Applies the manifest, and waits until the webhook has the API server trust its certificate.
    pub(crate) fn configure(&self) -> anyhow::Result<()> {
        self.apply()?;
        for entry in 0..ENTRIES {
            let bundle = format!("--for=jsonpath={{.webhooks[{entry}].clientConfig.caBundle}}");
            self.kubectl
                .run(["wait", CONFIGURATION, &bundle, PATIENCE])?;
        }
        Ok(())
    }

    /// Applies the manifest, and waits for nothing.
    pub(crate) fn apply(&self) -> anyhow::Result<()> {
        let manifest = self.manifest.to_string_lossy();
        let apply = ["apply", "--validate=strict", "--filename", &manifest];
        self.kubectl.run(apply).map(drop)
    }

    /// Has the API server ask it no more.
    pub(crate) fn delete_configuration(&self) -> anyhow::Result<()> {
        self.kubectl.run(["delete", CONFIGURATION]).map(drop)
    }

    /// Starts its pods anew, one after the other, and waits until that is done.
    pub(crate) fn restart(&self) -> anyhow::Result<()> {
        self.kubectl
            .run(["rollout", "restart", DEPLOYMENT, "--namespace", NAMESPACE])?;
        self.wait()
    }

    /// Does something while its pods, and no others, run with more flags.
    pub(crate) fn with_flags<T>(
        &self,
        flags: &[&str],
        act: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let last = "/spec/template/spec/containers/0/args/-";
        let add = |flag: &&str| json!({"op": "add", "path": last, "value": flag});
        let added: Value = flags.iter().map(add).collect();
        let patch = [
            "patch",
            DEPLOYMENT,
            "--type=json",
            "--patch",
            &added.to_string(),
        ];
        let done = self.replaced_by(&patch).and_then(|()| act());
        self.replaced_by(&["rollout", "undo", DEPLOYMENT])?;
        done
    }

    /// Runs a command that has its pods replaced, and waits until those of before are gone: one that ends still answers
    /// for a while.
    fn replaced_by(&self, command: &[&str]) -> anyhow::Result<()> {
        let own = ["--namespace", NAMESPACE];
        let run = |arguments: &[&str]| self.kubectl.run(own.iter().chain(arguments));
        let before = run(&["get", "pods", "--output=name"])?;
        run(command)?;
        self.wait()?;
        let before: Vec<_> = before.split_whitespace().collect();
        run(&[&["wait", "--for=delete", PATIENCE][..], &before].concat()).map(drop)
    }

    /// Removes it, by the same manifest, and waits until that is done.
    pub(crate) fn uninstall(&self) -> anyhow::Result<()> {
        let manifest = self.manifest.to_string_lossy();
        self.kubectl
            .run([
                "delete",
                "--ignore-not-found",
                "--filename",
                &manifest,
                PATIENCE,
            ])
            .map(drop)
    }

    /// Removes it without letting its pods finish what nobody asks for any more.
    pub(crate) fn remove(&self) -> anyhow::Result<()> {
        let of_ours = ["--namespace", NAMESPACE, "--ignore-not-found"];
        let deployment = ["delete", DEPLOYMENT, "--cascade=orphan"];
        self.kubectl.run(deployment.iter().chain(&of_ours))?;
        let pods = ["delete", "replicasets,pods", "--all", "--grace-period=1"];
        self.kubectl.run(pods.iter().chain(&of_ours))?;
        self.uninstall()
    }

    fn wait(&self) -> anyhow::Result<()> {
        self.kubectl
            .run([
                "rollout",
                "status",
                DEPLOYMENT,
                "--namespace",
                NAMESPACE,
                PATIENCE,
            ])
            .map(drop)
    }
}

/// The names of all objects that are in no namespace, and of the namespaces that are not of a test.
pub(crate) fn inventory(kubectl: &Kubectl) -> anyhow::Result<BTreeSet<String>> {
    let kinds = kubectl.run([
        "api-resources",
        "--namespaced=false",
        "--verbs=list",
        "--output=name",
    ])?;
    let kinds = kinds.lines().collect::<Vec<_>>().join(",");
    let selector = format!("--selector=!{}", crate::tenant::LABEL);
    let names = kubectl.run(["get", &kinds, "--output=name", &selector])?;
    Ok(names.lines().map(str::to_owned).collect())
}

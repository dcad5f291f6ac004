//! What is made of the chart in `deploy/chart`: its own version, and the manifests for those who do not use Helm.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};

use super::File;
use crate::helm;
use crate::process;
use crate::workspace::Workspace;

/// The version of every part of this workspace.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What stands above everything in `install.yaml`.
const HEAD: &str = "\
# Made from deploy/chart by `cargo xtask codegen`; change it there.
#
# Install it by `kubectl apply -f`. The webhook makes its certificates itself, keeps them in the Secret
# gtoken-webhook-certs, and has the API server trust them by the caBundles of the MutatingWebhookConfiguration.
---
";

/// The namespace for those who do not use Helm; it takes only pods that can do no harm to their node.
pub(super) const NAMESPACE: &str = "\
apiVersion: v1
kind: Namespace
metadata:
  name: gtoken
  labels:
    app.kubernetes.io/part-of: gtoken
    pod-security.kubernetes.io/enforce: restricted
";

/// `Chart.yaml` with the version of this workspace in both of its places.
pub(super) fn chart(workspace: &Workspace) -> anyhow::Result<Vec<File>> {
    let path = "deploy/chart/Chart.yaml";
    let present = fs::read_to_string(workspace.root.join(path)).context("there is no chart")?;
    Ok(vec![File::new(path, stamp(&present, VERSION)?)])
}

/// `install.yaml`: the namespace, and the chart as it is without any value of the user's.
pub(super) fn install(workspace: &Workspace) -> anyhow::Result<Vec<File>> {
    let text = install_manifest(workspace, Path::new(helm::CHART))?;
    Ok(vec![File::new("deploy/install.yaml", text)])
}

/// The text of `install.yaml`, of a chart in this folder.
pub(crate) fn install_manifest(workspace: &Workspace, chart: &Path) -> anyhow::Result<String> {
    let rendered = process::output(helm::template(workspace, chart)?.arg("--skip-tests"))?;
    Ok(format!("{HEAD}{NAMESPACE}{}\n", rendered.trim_end()))
}

fn stamp(text: &str, version: &str) -> anyhow::Result<String> {
    let mut places = 0;
    let mut stamped = |line: &str| {
        let key = line.split(':').next().unwrap_or_default();
        if matches!(key, "version" | "appVersion") {
            places += 1;
            format!("{key}: {version}\n")
        } else {
            format!("{line}\n")
        }
    };
    let text: String = text.lines().map(&mut stamped).collect();
    ensure!(
        places == 2,
        "deploy/chart/Chart.yaml has {places} lines `version:` and `appVersion:`; it takes one of each"
    );
    Ok(text)
}

#[cfg(test)]
mod tests {
    use gtoken_contract::{AGENT_IMAGE, WEBHOOK_IMAGE};
    use serde_json::{Value, json};

    use super::*;

    fn objects() -> Vec<Value> {
        serde_saphyr::from_multiple(include_str!("../../../deploy/install.yaml")).unwrap()
    }

    fn object(kind: &str) -> Value {
        let mut found = objects();
        found.retain(|object| object["kind"] == kind);
        assert_eq!(found.len(), 1, "objects of the kind {kind}");
        found.remove(0)
    }

    /// The only container of the Deployment.
    fn container() -> Value {
        object("Deployment")["spec"]["template"]["spec"]["containers"][0].take()
    }

    #[test]
    fn both_versions_are_stamped_and_nothing_else() {
        let text = "apiVersion: v2\nversion: 1\nappVersion: 1\nkubeVersion: 1\n";
        assert_eq!(
            stamp(text, "0.5.0").unwrap(),
            "apiVersion: v2\nversion: 0.5.0\nappVersion: 0.5.0\nkubeVersion: 1\n"
        );
        let error = stamp("version: 1\n", "0.5.0").unwrap_err();
        assert!(error.to_string().contains("has 1 lines"), "{error}");
    }

    #[test]
    fn the_chart_has_the_version_of_the_workspace() {
        let text = include_str!("../../../deploy/chart/Chart.yaml");
        assert_eq!(stamp(text, VERSION).unwrap(), text);
    }

    #[test]
    fn the_manifests_ask_for_the_images_that_are_made() {
        let container = container();
        assert_eq!(container["image"], WEBHOOK_IMAGE);
        let agent = json!(format!("--image={AGENT_IMAGE}"));
        let args = container["args"].as_array().unwrap();
        assert!(args.contains(&agent), "{args:?}");
    }

    /// A metric that is renamed would leave an alert that never fires.
    #[test]
    fn alerts_and_dashboard_ask_for_metrics_that_there_are() {
        const PREFIX: &str = "gtoken_webhook_";
        let metrics = include_str!("../../../crates/gtoken-webhook/src/metrics.rs");
        let mut asked = 0;
        for text in [
            include_str!("../../../deploy/chart/files/alerts.yaml"),
            include_str!("../../../deploy/chart/files/dashboard.json"),
        ] {
            for (start, _) in text.match_indices(PREFIX) {
                let name = &text[start + PREFIX.len()..];
                let is_end = |c: char| !c.is_ascii_lowercase() && c != '_';
                let name = &name[..name.find(is_end).unwrap_or(name.len())];
                let suffixes = ["_bucket", "_seconds", "_total", "_info"];
                let base = suffixes.iter().fold(name, |name, suffix| {
                    name.strip_suffix(suffix).unwrap_or(name)
                });
                assert!(metrics.contains(&format!("(\"{base}\", help")), "{name}");
                asked += 1;
            }
        }
        assert!(asked > 15, "{asked}");
    }

    #[test]
    fn the_dashboard_is_json() {
        let text = include_str!("../../../deploy/chart/files/dashboard.json");
        let dashboard: Value = serde_json::from_str(text).unwrap();
        assert!(dashboard["panels"].as_array().unwrap().len() >= 10);
    }

    #[test]
    fn the_names_are_those_that_others_rely_on() {
        let names: Vec<_> = objects()
            .iter()
            .map(|object| format!("{}/{}", object["kind"], object["metadata"]["name"]))
            .map(|name| name.replace('"', ""))
            .collect();
        for name in [
            "Namespace/gtoken",
            "ServiceAccount/gtoken-webhook-sa",
            "Secret/gtoken-webhook-certs",
            "Service/gtoken-webhook-svc",
            "Deployment/gtoken-webhook",
            "MutatingWebhookConfiguration/gtoken-webhook",
        ] {
            assert!(names.iter().any(|found| found == name), "{name}: {names:?}");
        }
        let configuration = object("MutatingWebhookConfiguration");
        let entries = configuration["webhooks"].as_array().unwrap();
        let entries: Vec<_> = entries
            .iter()
            .map(|entry| (entry["name"].as_str(), entry["failurePolicy"].as_str()))
            .collect();
        assert_eq!(
            entries,
            [
                (Some("required.pods.gtoken"), Some("Fail")),
                (Some("optional.pods.gtoken"), Some("Ignore")),
                (Some("warn.serviceaccounts.gtoken"), Some("Ignore")),
            ]
        );
    }

    #[test]
    fn the_webhook_may_read_service_accounts_and_keep_its_certificates_and_nothing_else() {
        assert_eq!(
            object("ClusterRole")["rules"],
            json!([
                {
                    "apiGroups": [""],
                    "resources": ["serviceaccounts"],
                    "verbs": ["get", "list", "watch"],
                },
                {
                    "apiGroups": ["admissionregistration.k8s.io"],
                    "resources": ["mutatingwebhookconfigurations"],
                    "resourceNames": ["gtoken-webhook"],
                    "verbs": ["get", "patch", "watch"],
                },
            ])
        );
        assert_eq!(
            object("Role")["rules"],
            json!([{
                "apiGroups": [""],
                "resources": ["secrets"],
                "resourceNames": ["gtoken-webhook-certs"],
                "verbs": ["get", "patch", "watch"],
            }])
        );
        // What has data, or a caBundle, would take away what the webhook keeps, whenever it is applied again.
        assert_eq!(object("Secret")["data"], Value::Null);
        let configuration = object("MutatingWebhookConfiguration").to_string();
        assert!(!configuration.contains("caBundle"), "{configuration}");
    }

    #[test]
    fn no_pod_that_a_cluster_mends_itself_with_waits_for_the_webhook() {
        let configuration = object("MutatingWebhookConfiguration");
        for entry in configuration["webhooks"].as_array().unwrap() {
            let namespaces = &entry["namespaceSelector"]["matchExpressions"];
            assert_eq!(
                *namespaces,
                json!([
                    {
                        "key": "kubernetes.io/metadata.name",
                        "operator": "NotIn",
                        "values": [
                            "gke-gmp-system",
                            "gmp-public",
                            "gmp-system",
                            "gtoken",
                            "kube-node-lease",
                            "kube-public",
                            "kube-system",
                        ],
                    },
                    {"key": "admission.gtoken/ignore", "operator": "DoesNotExist"},
                ])
            );
        }
    }

    /// Both the namespace's own rule and, wherever else it is installed, the webhook's.
    #[test]
    fn the_webhook_starts_where_pod_security_is_restricted() {
        let labels = &object("Namespace")["metadata"]["labels"];
        assert_eq!(labels["pod-security.kubernetes.io/enforce"], "restricted");
        let context = &container()["securityContext"];
        assert_eq!(context["allowPrivilegeEscalation"], false);
        assert_eq!(context["capabilities"], json!({"drop": ["ALL"]}));
        assert_eq!(context["readOnlyRootFilesystem"], true);
        assert_eq!(context["runAsNonRoot"], true);
        assert_eq!(context["runAsUser"], 65532);
        assert_eq!(context["seccompProfile"]["type"], "RuntimeDefault");
    }

    #[test]
    fn what_the_service_names_is_a_port_of_the_webhook() {
        let container = container();
        let ports = container["ports"].as_array().unwrap();
        let number = |name: &Value| {
            let mut found = ports.iter().filter(|port| port["name"] == *name);
            found.next().unwrap()["containerPort"].to_string()
        };
        let args = container["args"].to_string();
        let target = number(&object("Service")["spec"]["ports"][0]["targetPort"]);
        assert!(args.contains(&format!("\"--listen-address=:{target}\"")));
        for probe in ["readinessProbe", "livenessProbe"] {
            let asked = number(&container[probe]["httpGet"]["port"]);
            assert!(args.contains(&format!("\"--telemetry-listen-address=:{asked}\"")));
        }
    }
}

//! The components' configuration files: the templates in `e2e/cluster/config`, with this bed's addresses and paths.

use std::fs;

use anyhow::Context as _;
use serde_json::json;

use super::bed::{Bed, DNS, METADATA, NODE, PODS, STS};

/// Each template with the name of its file, compiled in: the first process inside needs no checkout.
const TEMPLATES: [(&str, &str); 6] = [
    (
        "Corefile",
        include_str!("../../../e2e/cluster/config/Corefile"),
    ),
    (
        "audit.yaml",
        include_str!("../../../e2e/cluster/config/audit.yaml"),
    ),
    (
        "cni.conflist",
        include_str!("../../../e2e/cluster/config/cni.conflist"),
    ),
    (
        "containerd.toml",
        include_str!("../../../e2e/cluster/config/containerd.toml"),
    ),
    (
        "kube-proxy.yaml",
        include_str!("../../../e2e/cluster/config/kube-proxy.yaml"),
    ),
    (
        "kubelet.yaml",
        include_str!("../../../e2e/cluster/config/kubelet.yaml"),
    ),
];

/// Writes all of them, and what the sandbox is told.
pub(super) fn write(bed: &Bed) -> anyhow::Result<()> {
    let folder = bed.file("config");
    fs::create_dir_all(&folder)
        .with_context(|| format!("could not create {}", folder.display()))?;
    let pki = bed.file("pki");
    let pki = pki.to_string_lossy();
    for (name, template) in TEMPLATES {
        fs::write(folder.join(name), fill(template, &pki))?;
    }
    // Roles, lifetimes and scenarios are for each test to make by the control API; there are none to begin with.
    let sandbox = json!({
        "roles": [],
        "cluster": {"podsFolder": "/run/bed/pods", "kubeconfig": bed.kubeconfig()},
    });
    fs::write(folder.join("sandbox.json"), sandbox.to_string())?;
    Ok(())
}

fn fill(template: &str, pki: &str) -> String {
    let values = [
        ("{{dns}}", DNS),
        ("{{metadata}}", METADATA),
        ("{{node}}", NODE),
        ("{{pki}}", pki),
        ("{{pods}}", PODS),
        ("{{sts}}", STS),
    ];
    let fill = |text: String, (name, value): (&str, &str)| text.replace(name, value);
    values.into_iter().fold(template.to_owned(), fill)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_in_a_template_is_left_without_its_value() {
        for (name, template) in TEMPLATES {
            let filled = fill(template, "/pki");
            // What is left is CoreDNS' own.
            let left = filled.replace("{{ .Name }}", "");
            assert!(!left.contains("{{"), "{name}: {filled}");
        }
    }

    #[test]
    fn what_is_written_is_what_the_components_read() {
        let folder = tempfile::tempdir().unwrap();
        let bed = Bed::in_folder(folder.path());
        write(&bed).unwrap();
        let read = |name: &str| fs::read_to_string(bed.file("config").join(name)).unwrap();
        let _: serde_json::Value = serde_json::from_str(&read("cni.conflist")).unwrap();
        let _: serde_json::Value = serde_json::from_str(&read("sandbox.json")).unwrap();
        let kubelet: serde_json::Value = serde_saphyr::from_str(&read("kubelet.yaml")).unwrap();
        assert_eq!(kubelet["clusterDNS"][0], DNS);
    }
}

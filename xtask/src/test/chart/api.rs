//! What API servers take, by the schemas that their own projects publish as part of their Go modules.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;

use super::schema;
use crate::go;
use crate::workspace::Workspace;

/// Kubernetes, by the versions that we name, and what each module's content is by `go.sum`'s measure.
const KUBERNETES: [(&str, &str); 4] = [
    ("1.34.4", "h1:Yy6R4QB8C9kJPp25GFqEvX5XQwY5qzKeqD0Xx6oAcmk="),
    ("1.35.4", "h1:o/8dBC/pHVpYoGV4OAIytAlNPZbdYVTXJHoYvXC4qzM="),
    ("1.36.3", "h1:qDQdoMiluAE2Eab6Fa52YV+WjiGz9mZFFoagEA6cI+o="),
    ("1.37.2", "h1:A2VDEiObzkYqFTKhSsn0ZEb0RlLEXpHWj93gi2HqEwE="),
];

const OPENAPI: &str = "api/openapi-spec/swagger.json";

/// What others add to it, with the folder of their definitions.
const CUSTOM: [(&str, &str, &str); 2] = [
    (
        "github.com/cert-manager/cert-manager@v1.21.2",
        "h1:UWgoYM+KLNtRlqmoWOKjKBOBUPVHeepQ6/ac3ERJW68=",
        "deploy/crds",
    ),
    (
        "github.com/prometheus-operator/prometheus-operator@v0.85.0",
        "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
        "example/prometheus-operator-crd",
    ),
];

/// The kinds that an API server of some version knows.
pub(super) struct Api {
    name: String,
    definitions: Value,
    /// By `apiVersion` and `kind`.
    kinds: BTreeMap<(String, String), Value>,
}

/// An API of each version, with what others add.
pub(super) fn all(workspace: &Workspace) -> anyhow::Result<Vec<Api>> {
    let mut custom = BTreeMap::new();
    for (module, sum, folder) in CUSTOM {
        custom.extend(defined(
            &go::downloaded(workspace, module, sum)?.join(folder),
        )?);
    }
    let apis = KUBERNETES.iter().map(|(version, sum)| {
        let module = format!("k8s.io/kubernetes@v{version}");
        let file = go::downloaded(workspace, &module, sum)?.join(OPENAPI);
        let text = fs::read_to_string(&file)
            .with_context(|| format!("could not read {}", file.display()))?;
        let mut openapi: Value = serde_json::from_str(&text)?;
        let definitions = openapi["definitions"].take();
        let mut kinds = built_in(&definitions);
        kinds.extend(custom.clone());
        Ok(Api {
            name: format!("Kubernetes {version}"),
            definitions,
            kinds,
        })
    });
    apis.collect()
}

impl Api {
    /// What it is of.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Why it would not take an object; each problem names the object.
    pub(super) fn problems(&self, object: &Value) -> Vec<String> {
        let word = |member: &str| object[member].as_str().unwrap_or_default().to_owned();
        let (version, kind) = (word("apiVersion"), word("kind"));
        let name = &object["metadata"]["name"];
        let mut problems = Vec::new();
        match self.kinds.get(&(version.clone(), kind.clone())) {
            Some(kind) => schema::check(&self.definitions, kind, object, "", &mut problems),
            None => problems.push(format!("has no kind {kind} of {version}")),
        }
        let complaint = |problem| format!("{}, {kind} {name}: {problem}", self.name);
        problems.into_iter().map(complaint).collect()
    }
}

fn built_in(definitions: &Value) -> BTreeMap<(String, String), Value> {
    let all = definitions.as_object().into_iter().flatten();
    let kinds = all.flat_map(|(_, schema)| {
        let names = schema["x-kubernetes-group-version-kind"].as_array();
        names.into_iter().flatten().map(move |name| {
            let word = |member: &str| name[member].as_str().unwrap_or_default();
            (
                key(word("group"), word("version"), word("kind")),
                schema.clone(),
            )
        })
    });
    kinds.collect()
}

fn key(group: &str, version: &str, kind: &str) -> (String, String) {
    let slash = if group.is_empty() { "" } else { "/" };
    (format!("{group}{slash}{version}"), kind.to_owned())
}

/// The kinds of the `CustomResourceDefinition`s in a folder.
fn defined(folder: &Path) -> anyhow::Result<BTreeMap<(String, String), Value>> {
    let mut kinds = BTreeMap::new();
    let files =
        fs::read_dir(folder).with_context(|| format!("could not read {}", folder.display()))?;
    for file in files {
        let path = file?.path();
        // Others do not matter, and some take seconds to read.
        let is_ours = [
            "_certificates.yaml",
            "_issuers.yaml",
            "_prometheusrules.yaml",
            "_servicemonitors.yaml",
        ]
        .iter()
        .any(|end| path.to_string_lossy().ends_with(end));
        if !is_ours {
            continue;
        }
        let text = fs::read_to_string(&path)?;
        let definition: Value = serde_saphyr::from_str(&text)
            .with_context(|| format!("could not read {}", path.display()))?;
        let spec = &definition["spec"];
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (group, kind) = (word(&spec["group"]), word(&spec["names"]["kind"]));
        for version in spec["versions"].as_array().into_iter().flatten() {
            let name = word(&version["name"]);
            kinds.insert(
                key(&group, &name, &kind),
                version["schema"]["openAPIV3Schema"].clone(),
            );
        }
    }
    Ok(kinds)
}

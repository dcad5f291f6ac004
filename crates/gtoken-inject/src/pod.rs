//! The few fields of a pod that a decision needs, borrowed from the review's bytes.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::annotation;
use crate::json::{Text, or_default};
use crate::reason::Reason;

/// A pod as far as a decision needs it.
#[derive(Debug, Default, Deserialize)]
pub struct Pod<'a> {
    #[serde(skip)]
    namespace: Text<'a>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    metadata: Metadata<'a>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(crate) spec: Spec<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    generate_name: Text<'a>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    labels: BTreeMap<Text<'a>, Text<'a>>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    annotations: BTreeMap<Text<'a>, Text<'a>>,
}

/// A pod's `spec`; a list that is `None` is missing or `null`, which a patch must replace as a whole.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Spec<'a> {
    #[serde(borrow, default)]
    service_account_name: Text<'a>,
    #[serde(borrow, default)]
    restart_policy: Text<'a>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) host_network: bool,
    #[serde(borrow, default, deserialize_with = "or_default")]
    os: Os<'a>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    node_selector: BTreeMap<Text<'a>, Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) volumes: Option<Vec<Volume<'a>>>,
    #[serde(borrow, default)]
    pub(crate) init_containers: Option<Vec<Container<'a>>>,
    #[serde(borrow, default)]
    pub(crate) containers: Option<Vec<Container<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
struct Os<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Volume<'a> {
    #[serde(borrow, default)]
    pub(crate) name: Text<'a>,
    #[serde(default)]
    pub(crate) empty_dir: Option<serde::de::IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Container<'a> {
    #[serde(borrow, default)]
    pub(crate) name: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) env: Option<Vec<Named<'a>>>,
    #[serde(borrow, default)]
    pub(crate) volume_mounts: Option<Vec<VolumeMount<'a>>>,
}

/// Anything that is known by its name, such as an environment variable.
#[derive(Debug, Deserialize)]
pub(crate) struct Named<'a> {
    #[serde(borrow, default)]
    pub(crate) name: Text<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VolumeMount<'a> {
    #[serde(borrow, default)]
    pub(crate) name: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) mount_path: Text<'a>,
}

/// What is known of a pod's name while it is admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PodName<'a> {
    /// The name that it will have.
    Given(&'a str),
    /// The prefix that the API server completes after admission.
    Generated(&'a str),
}

impl<'a> Pod<'a> {
    /// Reads a pod that is about to be created in `namespace`; the pod's own field may be empty still.
    pub(crate) fn read(json: &'a str, namespace: Text<'a>) -> Result<Self, serde_json::Error> {
        Ok(Self {
            namespace,
            ..serde_json::from_str(json)?
        })
    }

    /// The namespace that the pod is created in.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The pod's ServiceAccount, which the API server has filled in for all but mirror pods.
    pub fn service_account(&self) -> Option<&str> {
        Some(&*self.spec.service_account_name).filter(|name| !name.is_empty())
    }

    /// Why nobody needs to ask for the pod's ServiceAccount, if so.
    pub fn left_alone(&self) -> Option<Reason> {
        if self.metadata.annotations.contains_key(annotation::MIRROR) {
            Some(Reason::MirrorPod)
        } else if self.label(annotation::INJECT_LABEL) == Some("false") {
            Some(Reason::OptedOut)
        } else {
            None
        }
    }

    /// Whether the pod says that it must not start without credentials.
    pub fn must_inject(&self) -> bool {
        self.label(annotation::INJECT_LABEL) == Some("true")
    }

    pub(crate) fn annotation(&self, name: &str) -> Option<&str> {
        self.metadata.annotations.get(name).map(|value| &**value)
    }

    pub(crate) fn name(&self) -> PodName<'_> {
        if self.metadata.name.is_empty() {
            PodName::Generated(&self.metadata.generate_name)
        } else {
            PodName::Given(&self.metadata.name)
        }
    }

    /// Whether the pod comes to an end by itself; without a policy it restarts for ever.
    pub(crate) fn ends(&self) -> bool {
        matches!(&*self.spec.restart_policy, "Never" | "OnFailure")
    }

    pub(crate) fn is_windows(&self) -> bool {
        let selected = self.spec.node_selector.get("kubernetes.io/os");
        &*self.spec.os.name == "windows" || selected.is_some_and(|os| &**os == "windows")
    }

    fn label(&self, name: &str) -> Option<&str> {
        self.metadata.labels.get(name).map(|value| &**value)
    }
}

impl Spec<'_> {
    /// All containers, those that run first first.
    pub(crate) fn all_containers(&self) -> impl Iterator<Item = &Container<'_>> {
        self.init_containers
            .iter()
            .chain(&self.containers)
            .flatten()
    }
}

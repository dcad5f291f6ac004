//! The few questions that a decision asks of a pod, which is borrowed from the review's bytes.

mod platform;
mod views;

use crate::annotation;
use crate::json::{self, Malformed, Text, read_members};
use crate::reason::Reason;

use views::Metadata;
pub(crate) use views::{Container, Spec, Volume};

/// A pod as far as a decision needs it.
#[derive(Clone, Debug, Default)]
pub struct Pod<'a> {
    namespace: Text<'a>,
    metadata: Option<Metadata<'a>>,
    pub(crate) spec: Spec<'a>,
}

read_members!(Pod<'a> {
    "metadata" => metadata,
    "spec" => spec,
});

/// What is known of a pod's name while it is admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PodName<'a> {
    /// The name that it will have.
    Given(&'a str),
    /// The prefix that the API server completes after admission.
    Generated(&'a str),
}

impl<'a> Pod<'a> {
    /// Reads a pod.
    pub(crate) fn read(json: &'a str) -> Result<Self, Malformed> {
        json::read(json.as_bytes())
    }

    /// The pod as it is about to be created in `namespace`; its own field may be empty still.
    pub(crate) fn within(self, namespace: Text<'a>) -> Self {
        Self { namespace, ..self }
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
        if self.annotation(annotation::MIRROR).is_some() {
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

    /// The value of an annotation.
    pub(crate) fn annotation(&self, name: &str) -> Option<&str> {
        let annotations = &self.metadata.as_ref()?.annotations;
        annotations.get(name).map(|value| &**value)
    }

    /// All annotations; none where the pod has no metadata, and then there is no place for any.
    pub(crate) fn annotations(&self) -> Option<impl Iterator<Item = (&str, &str)>> {
        let metadata = self.metadata.as_ref()?;
        let texts = metadata.annotations.iter();
        Some(texts.map(|(name, value)| (&**name, &**value)))
    }

    pub(crate) fn name(&self) -> PodName<'_> {
        let Some(metadata) = &self.metadata else {
            return PodName::Generated("");
        };
        if metadata.name.is_empty() {
            PodName::Generated(&metadata.generate_name)
        } else {
            PodName::Given(&metadata.name)
        }
    }

    /// Whether the pod comes to an end by itself; without a policy it restarts for ever.
    pub(crate) fn ends(&self) -> bool {
        matches!(&*self.spec.restart_policy, "Never" | "OnFailure")
    }

    /// Whether requests and limits are those of the pod as a whole: what its containers ask for must fit into them.
    pub(crate) fn has_own_resources(&self) -> bool {
        !self.spec.resources.requests.is_empty() || !self.spec.resources.limits.is_empty()
    }

    /// Whether the pod can only run on Windows nodes.
    pub(crate) fn is_windows(&self) -> bool {
        platform::is_windows(&self.spec)
    }

    fn label(&self, name: &str) -> Option<&str> {
        let labels = &self.metadata.as_ref()?.labels;
        labels.get(name).map(|value| &**value)
    }
}

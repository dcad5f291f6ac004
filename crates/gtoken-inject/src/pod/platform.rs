//! Whether a pod is one for Windows, which a pod can say in many places.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::views::Spec;
use crate::json::{Text, or_default};

/// The labels that nodes carry their operating system under.
const OS_LABELS: [&str; 2] = ["kubernetes.io/os", "beta.kubernetes.io/os"];

/// Whether the pod can only run on Windows nodes.
pub(super) fn is_windows(spec: &Spec<'_>) -> bool {
    &*spec.os.name == "windows"
        || selects_windows(&spec.node_selector)
        || spec.affinity.requires_windows()
        || spec.security_context.windows_options.is_some()
        || spec
            .all_containers()
            .any(|container| container.security_context.windows_options.is_some())
}

fn selects_windows(selector: &BTreeMap<Text<'_>, Text<'_>>) -> bool {
    OS_LABELS
        .iter()
        .any(|label| selector.get(*label).is_some_and(|os| &**os == "windows"))
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Os<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
}

/// A pod's `securityContext`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PodSecurityContext {
    #[serde(default)]
    windows_options: Option<IgnoredAny>,
}

/// A container's `securityContext`.
pub(super) type SecurityContext = PodSecurityContext;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Affinity<'a> {
    #[serde(borrow, default, deserialize_with = "or_default")]
    node_affinity: NodeAffinity<'a>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodeAffinity<'a> {
    #[serde(borrow, default, deserialize_with = "or_default")]
    required_during_scheduling_ignored_during_execution: NodeSelector<'a>,
}

/// A choice of nodes: one of its terms has to fit, and all expressions of that.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodeSelector<'a> {
    #[serde(borrow, default, deserialize_with = "or_default")]
    node_selector_terms: Vec<Term<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Term<'a> {
    #[serde(borrow, default, deserialize_with = "or_default")]
    match_expressions: Vec<Expression<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
struct Expression<'a> {
    #[serde(borrow, default)]
    key: Text<'a>,
    #[serde(borrow, default)]
    operator: Text<'a>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    values: Vec<Text<'a>>,
}

impl Affinity<'_> {
    fn requires_windows(&self) -> bool {
        let required = &self
            .node_affinity
            .required_during_scheduling_ignored_during_execution;
        let terms = &required.node_selector_terms;
        let windows_only =
            |term: &Term<'_>| term.match_expressions.iter().any(Expression::is_windows);
        !terms.is_empty() && terms.iter().all(windows_only)
    }
}

impl Expression<'_> {
    fn is_windows(&self) -> bool {
        OS_LABELS.contains(&&*self.key)
            && &*self.operator == "In"
            && !self.values.is_empty()
            && self.values.iter().all(|value| &**value == "windows")
    }
}

//! Whether a pod is one for Windows, which a pod can say in many places.

use super::views::Spec;
use crate::json::{Map, Present, Text, read_members};

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

fn selects_windows(selector: &Map<'_, Text<'_>>) -> bool {
    OS_LABELS
        .iter()
        .any(|label| selector.get(label).is_some_and(|os| &**os == "windows"))
}

#[derive(Clone, Debug, Default)]
pub(super) struct Os<'a> {
    name: Text<'a>,
}

read_members!(Os<'a> {
    "name" => name,
});

/// A pod's `securityContext`.
#[derive(Clone, Debug, Default)]
pub(super) struct PodSecurityContext {
    windows_options: Option<Present>,
}

read_members!(PodSecurityContext {
    "windowsOptions" => windows_options,
});

/// A container's `securityContext`.
pub(super) type SecurityContext = PodSecurityContext;

#[derive(Clone, Debug, Default)]
pub(super) struct Affinity<'a> {
    node_affinity: NodeAffinity<'a>,
}

read_members!(Affinity<'a> {
    "nodeAffinity" => node_affinity,
});

#[derive(Clone, Debug, Default)]
struct NodeAffinity<'a> {
    required_during_scheduling_ignored_during_execution: NodeSelector<'a>,
}

read_members!(NodeAffinity<'a> {
    "requiredDuringSchedulingIgnoredDuringExecution" => required_during_scheduling_ignored_during_execution,
});

/// A choice of nodes: one of its terms has to fit, and all expressions of that.
#[derive(Clone, Debug, Default)]
struct NodeSelector<'a> {
    node_selector_terms: Vec<Term<'a>>,
}

read_members!(NodeSelector<'a> {
    "nodeSelectorTerms" => node_selector_terms,
});

#[derive(Clone, Debug, Default)]
struct Term<'a> {
    match_expressions: Vec<Expression<'a>>,
}

read_members!(Term<'a> {
    "matchExpressions" => match_expressions,
});

#[derive(Clone, Debug, Default)]
struct Expression<'a> {
    key: Text<'a>,
    operator: Text<'a>,
    values: Vec<Text<'a>>,
}

read_members!(Expression<'a> {
    "key" => key,
    "operator" => operator,
    "values" => values,
});

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

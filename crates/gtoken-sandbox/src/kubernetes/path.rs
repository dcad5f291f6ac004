//! The paths of the API.

use super::discovery::Document;
use super::named::Place;

/// What a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Path<'a> {
    /// Open to all, as on the real server.
    Health,
    /// What the server is and has.
    Discovery(Document),
    /// The ServiceAccounts of a namespace, or of all.
    All(Option<&'a str>),
    /// One ServiceAccount, by namespace and name.
    One(&'a str, &'a str),
    /// One pod, by namespace and name.
    Pod(&'a str, &'a str),
    /// One object of a kind that is known by its names alone.
    Named(Place<'a>),
    /// All objects of such a kind, of which one can be watched.
    AllNamed(Place<'a>),
    /// Something below the API that is not here.
    NoResource,
    /// Nothing at all.
    Nothing,
}

impl<'a> Path<'a> {
    pub(super) fn parse(path: &'a str) -> Self {
        let segments: Vec<&str> = path.split('/').filter(|s| !s.is_empty()).collect();
        match segments[..] {
            ["livez" | "readyz" | "healthz", ..] => Self::Health,
            ["version"] => Self::Discovery(Document::Version),
            ["api"] => Self::Discovery(Document::CoreVersions),
            ["apis"] => Self::Discovery(Document::Groups),
            ["api", "v1"] => Self::Discovery(Document::Resources),
            ["api", "v1", "serviceaccounts"] => Self::All(None),
            ["api", "v1", "namespaces", namespace, "serviceaccounts"] => Self::All(Some(namespace)),
            [
                "api",
                "v1",
                "namespaces",
                namespace,
                "serviceaccounts",
                name,
            ] => Self::One(namespace, name),
            ["api", "v1", "namespaces", namespace, "pods", name] => Self::Pod(namespace, name),
            ["api", "v1", "namespaces", _, resource @ "secrets", name]
            | [
                "apis",
                "admissionregistration.k8s.io",
                "v1",
                resource @ "mutatingwebhookconfigurations",
                name,
            ] => Self::Named(Place {
                path,
                resource,
                name,
            }),
            ["api", "v1", "namespaces", _, resource @ "secrets"]
            | [
                "apis",
                "admissionregistration.k8s.io",
                "v1",
                resource @ "mutatingwebhookconfigurations",
            ] => Self::AllNamed(Place {
                path,
                resource,
                name: "",
            }),
            ["api" | "apis", ..] => Self::NoResource,
            _ => Self::Nothing,
        }
    }
}

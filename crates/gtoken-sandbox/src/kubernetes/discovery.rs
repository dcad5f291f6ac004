//! What the server says about itself.

use hyper::{Response, StatusCode};
use serde_json::json;

use crate::http::{self, Body};

/// A document that clients read before anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Document {
    /// `/version`.
    Version,
    /// `/api`.
    CoreVersions,
    /// `/apis`: no group but the core one is here.
    Groups,
    /// `/api/v1`.
    Resources,
}

impl Document {
    pub(super) fn answer(self, (major, minor): &(String, String)) -> Response<Body> {
        let digits: String = minor.chars().take_while(char::is_ascii_digit).collect();
        let document = match self {
            Self::Version => json!({
                "major": major,
                "minor": minor,
                "gitVersion": format!("v{major}.{digits}.0-sandbox"),
                "gitCommit": "0000000000000000000000000000000000000000",
                "gitTreeState": "clean",
                "buildDate": "1970-01-01T00:00:00Z",
                "goVersion": "none",
                "compiler": "rustc",
                "platform": "linux/amd64",
            }),
            Self::CoreVersions => json!({
                "kind": "APIVersions",
                "versions": ["v1"],
                "serverAddressByClientCIDRs": [],
            }),
            Self::Groups => json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": []}),
            Self::Resources => json!({
                "kind": "APIResourceList",
                "groupVersion": "v1",
                "resources": [{
                    "name": "serviceaccounts",
                    "singularName": "serviceaccount",
                    "namespaced": true,
                    "kind": "ServiceAccount",
                    "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
                    "shortNames": ["sa"],
                }],
            }),
        };
        http::json(StatusCode::OK, &document)
    }
}

/// The answer for paths that no handler has.
pub(super) fn nothing() -> Response<Body> {
    http::answer(
        StatusCode::NOT_FOUND,
        "text/plain; charset=utf-8",
        "404 page not found\n",
    )
}

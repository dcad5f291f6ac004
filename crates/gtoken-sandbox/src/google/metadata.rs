//! The paths of the metadata server, and its refusals, as Go's, Python's and Rust's clients know them.
//!
//! <https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys>

use hyper::{HeaderMap, StatusCode};
use serde_json::json;

use super::identity::Identity;
use super::{PROJECT_ID, PROJECT_NUMBER};
use crate::form;

/// What a path asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// A fixed text, as listings and names are.
    Text(String),
    /// JSON about the `default` service account.
    Description,
    /// `/email`.
    Email,
    /// An access token.
    AccessToken,
    /// An ID token.
    IdToken {
        /// The `aud` it shall carry.
        audience: String,
        /// `format=full`, which Compute Engine's server knows and GKE's ignores.
        full: bool,
    },
}

/// A refusal: the status and the text for it.
pub(crate) type Refusal = (StatusCode, String);

const SCOPES: [&str; 2] = [
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/userinfo.email",
];

/// Finds what is asked for; the root needs no header because clients use it to look for a metadata server.
pub(crate) fn route(
    path: &str,
    query: &str,
    headers: &HeaderMap,
    identity: &Identity,
) -> Result<Endpoint, Refusal> {
    if path == "/" {
        return Ok(Endpoint::Text("computeMetadata/\n".into()));
    }
    check_headers(headers)?;
    let is_within = |rest: &&str| rest.is_empty() || rest.starts_with('/');
    let Some(within) = path.strip_prefix("/computeMetadata/v1").filter(is_within) else {
        return Err(not_found(path));
    };
    let path = within.strip_prefix('/').unwrap_or(within);
    let query = form::pairs(query);
    let text = |text: &str| Ok(Endpoint::Text(text.into()));
    // A folder is named with a slash at its end and without; what is in it only without.
    let folder = path.strip_suffix('/');
    match folder.unwrap_or(path) {
        "" => text("instance/\nproject/\n"),
        "instance" => text("service-accounts/\n"),
        "project" => text("numeric-project-id\nproject-id\n"),
        "project/project-id" => text(PROJECT_ID),
        "project/numeric-project-id" => text(&PROJECT_NUMBER.to_string()),
        "instance/service-accounts" => {
            Ok(Endpoint::Text(format!("default/\n{}/\n", email(identity))))
        }
        other => match other.strip_prefix("instance/service-accounts/") {
            Some(rest) if folder.is_none() || !rest.contains('/') => {
                service_account(rest, &query, identity)
            }
            _ => Err(not_found(path)),
        },
    }
}

/// The email that the server shows, which without a link names the pool of all ServiceAccounts.
pub(crate) fn email(identity: &Identity) -> String {
    match identity {
        Identity::Linked(identity) | Identity::Node(identity) => identity.email.clone(),
        Identity::Unlinked { .. } => format!("{PROJECT_ID}.svc.id.goog"),
    }
}

/// Whose access tokens the server gives, as IAM names members.
pub(crate) fn principal(identity: &Identity) -> String {
    match identity {
        Identity::Unlinked {
            namespace,
            service_account,
        } => format!("{}[{namespace}/{service_account}]", email(identity)),
        _ => email(identity),
    }
}

/// What `?recursive=true` shows of a service account.
pub(crate) fn description(identity: &Identity) -> String {
    json!({"aliases": ["default"], "email": email(identity), "scopes": SCOPES}).to_string()
}

/// GKE's answer where the ServiceAccount is linked to no Google service account.
pub(crate) fn unlinked(namespace: &str, service_account: &str) -> Refusal {
    let text = format!(
        "Your Kubernetes service account ({namespace}/{service_account}) is not annotated with a target \
         Google service account, which is a requirement for retrieving Identity Tokens using Workload Identity.\n\
         Please add the iam.gke.io/gcp-service-account=[GSA_NAME]@[PROJECT_ID] annotation to your Kubernetes \
         service account.\nRefer to https://cloud.google.com/kubernetes-engine/docs/how-to/workload-identity\n"
    );
    (StatusCode::NOT_FOUND, text)
}

fn service_account(
    rest: &str,
    query: &[(String, String)],
    identity: &Identity,
) -> Result<Endpoint, Refusal> {
    let (name, rest) = rest.split_once('/').unwrap_or((rest, ""));
    if name != "default" && name != email(identity) {
        return Err(not_found(name));
    }
    let is = |name: &str, expected: &str| {
        form::value(query, name).is_some_and(|value| value.eq_ignore_ascii_case(expected))
    };
    match rest {
        "" if is("recursive", "true") => Ok(Endpoint::Description),
        "" => Ok(Endpoint::Text(
            "aliases\nemail\nidentity\nscopes\ntoken\n".into(),
        )),
        "aliases" => Ok(Endpoint::Text("default\n".into())),
        "scopes" => Ok(Endpoint::Text(SCOPES.join("\n") + "\n")),
        "email" => Ok(Endpoint::Email),
        "token" => Ok(Endpoint::AccessToken),
        "identity" => match form::value(query, "audience") {
            None | Some("") => Err((
                StatusCode::BAD_REQUEST,
                "non-empty audience parameter required\n".into(),
            )),
            Some(audience) => Ok(Endpoint::IdToken {
                audience: audience.to_owned(),
                full: is("format", "full"),
            }),
        },
        other => Err(not_found(other)),
    }
}

fn check_headers(headers: &HeaderMap) -> Result<(), Refusal> {
    let flavor = headers.get("metadata-flavor");
    if flavor.is_none_or(|flavor| flavor != "Google") {
        let text = "Missing required header \"Metadata-Flavor\": \"Google\"\n";
        return Err((StatusCode::FORBIDDEN, text.into()));
    }
    if headers.contains_key("x-forwarded-for") {
        let text = "Request has the header \"X-Forwarded-For\", which a proxy sets\n";
        return Err((StatusCode::FORBIDDEN, text.into()));
    }
    Ok(())
}

fn not_found(path: &str) -> Refusal {
    (StatusCode::NOT_FOUND, format!("{path} was not found\n"))
}

//! `Status`, the object in which kube-apiserver says why it did not do what it was asked to.
//!
//! Messages, reasons and codes are those of the real server, since clients and people go by them.

use hyper::header::{HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use crate::http::{self, Body};

const RESOURCE: &str = "serviceaccounts";

const CONTINUE_TOO_OLD: &str = "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";

/// A refusal, as a value until it is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Status {
    code: StatusCode,
    reason: &'static str,
    message: String,
    details: Option<Value>,
    continue_token: Option<String>,
}

impl Status {
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized")
    }

    /// What RBAC says when no role holds `verb`; `name` and `namespace` are empty where the request has none.
    pub(super) fn forbidden(verb: &str, namespace: &str, name: &str) -> Self {
        let object = quoted_after(RESOURCE, name);
        let place = if namespace.is_empty() {
            "at the cluster scope".to_owned()
        } else {
            format!("in the namespace \"{namespace}\"")
        };
        let message = format!(
            "{object} is forbidden: User \"sandbox\" cannot {verb} resource \"{RESOURCE}\" in API group \"\" {place}"
        );
        Self::new(StatusCode::FORBIDDEN, "Forbidden", message).about(name)
    }

    /// A server without the feature gate `WatchList` says it so.
    pub(super) fn no_streaming() -> Self {
        let problem = "Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled";
        Self::invalid("ListOptions.meta.k8s.io", "", "sendInitialEvents", problem)
    }

    pub(super) fn not_found(name: &str) -> Self {
        let message = format!("{RESOURCE} \"{name}\" not found");
        Self::new(StatusCode::NOT_FOUND, "NotFound", message).about(name)
    }

    /// A path below `/api` that names nothing this server has.
    pub(super) fn unknown_resource() -> Self {
        let message = "the server could not find the requested resource";
        let mut status = Self::new(StatusCode::NOT_FOUND, "NotFound", message);
        status.details = Some(json!({}));
        status
    }

    /// There is no pod of this name.
    pub(super) fn no_pod(name: &str) -> Self {
        let message = format!("pods \"{name}\" not found");
        let mut status = Self::new(StatusCode::NOT_FOUND, "NotFound", message);
        status.details = Some(json!({"name": name, "kind": "pods"}));
        status
    }

    /// What is said of an object of another kind than ServiceAccounts.
    pub(super) fn other(code: StatusCode, reason: &'static str, message: String) -> Self {
        Self::new(code, reason, message)
    }

    pub(super) fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        let mut status = Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message);
        status.details = Some(json!({}));
        status
    }

    pub(super) fn not_acceptable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", message)
    }

    pub(super) fn already_exists(name: &str) -> Self {
        let message = format!("{RESOURCE} \"{name}\" already exists");
        Self::new(StatusCode::CONFLICT, "AlreadyExists", message).about(name)
    }

    pub(super) fn conflict(name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {RESOURCE} \"{name}\": {why}");
        Self::new(StatusCode::CONFLICT, "Conflict", message).about(name)
    }

    /// A `resourceVersion` in a list or a watch that history no longer reaches back to.
    pub(super) fn expired(message: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, "Expired", message)
    }

    /// The same for a `continue` token, with one that takes up the list at its place but at another time.
    pub(super) fn expired_continue(token: String) -> Self {
        let mut status = Self::expired(CONTINUE_TOO_OLD);
        status.continue_token = Some(token);
        status
    }

    pub(super) fn too_old(asked: u64, oldest: u64) -> Self {
        Self::expired(format!("too old resource version: {asked} ({oldest})"))
    }

    pub(super) fn unsupported_media_type(accepted: &[&str]) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {}",
            accepted.join(", ")
        );
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UnsupportedMediaType",
            message,
        )
    }

    /// Refused by validation; `subject` is the kind, with the name where there is one.
    pub(super) fn invalid(kind: &str, name: &str, field: &str, problem: &str) -> Self {
        let message = format!("{kind} \"{name}\" is invalid: {field}: {problem}");
        let mut status = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message);
        status.details = Some(json!({
            "name": name,
            "kind": kind,
            "causes": [{"reason": "FieldValueInvalid", "message": problem, "field": field}],
        }));
        status
    }

    pub(super) fn internal(what: &str) -> Self {
        let message = format!("Internal error occurred: {what}");
        let mut status = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", message);
        status.details = Some(json!({"causes": [{"message": what}]}));
        status
    }

    /// A `resourceVersion` from the future; the real server waits three seconds for it first.
    pub(super) fn too_large(asked: u64, current: u64) -> Self {
        let message = format!("Timeout: Too large resource version: {asked}, current: {current}");
        let mut status = Self::new(StatusCode::GATEWAY_TIMEOUT, "Timeout", message);
        status.details = Some(json!({
            "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
            "retryAfterSeconds": 1,
        }));
        status
    }

    /// The object as it goes over the wire, in an answer and in an `ERROR` event alike.
    pub(super) fn to_json(&self) -> Value {
        let mut object = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code.as_u16(),
        });
        if let Some(details) = &self.details {
            object["details"] = details.clone();
        }
        if let Some(token) = &self.continue_token {
            object["metadata"]["continue"] = json!(token);
        }
        object
    }

    pub(super) fn to_response(&self) -> Response<Body> {
        let mut response = http::json(self.code, &self.to_json());
        let seconds = self
            .details
            .as_ref()
            .and_then(|details| details["retryAfterSeconds"].as_u64());
        if let Some(seconds) = seconds {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    fn new(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            details: None,
            continue_token: None,
        }
    }

    fn about(mut self, name: &str) -> Self {
        self.details = Some(if name.is_empty() {
            json!({"kind": RESOURCE})
        } else {
            json!({"name": name, "kind": RESOURCE})
        });
        self
    }
}

fn quoted_after(resource: &str, name: &str) -> String {
    if name.is_empty() {
        resource.to_owned()
    } else {
        format!("{resource} \"{name}\"")
    }
}

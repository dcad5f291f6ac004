//! POST, PUT, PATCH and DELETE: what an object must be before it is kept.

use std::sync::Arc;

use serde_json::{Value, json};

use super::State;
use super::object::{self, Writer};
use super::options::Query;
use super::status::Status;

const MODIFIED: &str =
    "the object has been modified; please apply your changes to the latest version and try again";

/// The media types of a whole object.
const OBJECT_TYPES: &[&str] = &["application/json"];

/// The media types of a patch, which for these objects are merged alike.
const PATCH_TYPES: &[&str] = &[
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
];

/// A write as it came, besides its path.
#[derive(Debug)]
pub(super) struct Input<'a> {
    pub(super) content_type: Option<&'a str>,
    pub(super) body: &'a [u8],
    pub(super) dry_run: bool,
    pub(super) writer: Writer<'a>,
}

/// Creates the object in the body.
pub(super) fn create(
    state: &mut State,
    namespace: &str,
    input: &Input<'_>,
) -> Result<Arc<Value>, Status> {
    let mut object = input.object()?;
    check_namespace(&object, namespace)?;
    let name = match text(&object, "name") {
        "" => generated_name(&object, state.store.revision())?,
        name => name.to_owned(),
    };
    check_name(&name)?;
    if !text(&object, "resourceVersion").is_empty() {
        return Err(Status::bad_request(
            "resourceVersion should not be set on objects to be created",
        ));
    }
    let key = object::key(namespace, &name);
    if state.store.newest(&key).is_some() {
        return Err(Status::already_exists(&name));
    }
    object["metadata"]["name"] = json!(name);
    Ok(state.keep(&key, object, input.dry_run, input.writer))
}

/// Puts the object in the body in the place of the one there is.
pub(super) fn replace(
    state: &mut State,
    (namespace, name): (&str, &str),
    input: &Input<'_>,
) -> Result<Arc<Value>, Status> {
    let object = input.object()?;
    check_namespace(&object, namespace)?;
    let own = text(&object, "name");
    if own != name {
        return Err(Status::bad_request(format!(
            "the name of the object ({own}) does not match the name on the URL ({name})"
        )));
    }
    let key = object::key(namespace, name);
    let present = state.store.newest(&key);
    let present = present.ok_or_else(|| Status::not_found(name))?;
    check_preconditions(&object["metadata"], present, name)?;
    Ok(state.keep(&key, object, input.dry_run, input.writer))
}

/// Changes the object there is by a merge patch.
pub(super) fn patch(
    state: &mut State,
    (namespace, name): (&str, &str),
    input: &Input<'_>,
) -> Result<Arc<Value>, Status> {
    let patch = input.json(PATCH_TYPES)?;
    if !patch.is_object() {
        return Err(Status::bad_request("the patch is not a JSON object"));
    }
    let key = object::key(namespace, name);
    let present = state.store.newest(&key);
    let present = present.ok_or_else(|| Status::not_found(name))?;
    check_preconditions(&patch["metadata"], present, name)?;
    let mut object = Value::clone(present);
    object::merge(&mut object, &patch);
    check_shape(&object)?;
    if text(&object, "name") != name || text(&object, "namespace") != namespace {
        return Err(Status::bad_request(format!(
            "the name of the object ({}) does not match the name on the URL ({name})",
            text(&object, "name")
        )));
    }
    Ok(state.keep(&key, object, input.dry_run, input.writer))
}

/// Deletes an object and returns its last state, as the real server does for ServiceAccounts.
pub(super) fn delete(
    state: &mut State,
    (namespace, name): (&str, &str),
    query: &Query,
    input: &Input<'_>,
) -> Result<Arc<Value>, Status> {
    let options = if input.body.is_empty() {
        json!({})
    } else {
        input.json(OBJECT_TYPES)?
    };
    let key = object::key(namespace, name);
    let present = state.store.newest(&key);
    let present = Arc::clone(present.ok_or_else(|| Status::not_found(name))?);
    check_preconditions(&options["preconditions"], &present, name)?;
    if is_dry_run(query) || options["dryRun"] == json!(["All"]) {
        return Ok(present);
    }
    Ok(state.drop_object(&key).unwrap_or(present))
}

/// Whether a write is only to be tried.
pub(super) fn is_dry_run(query: &Query) -> bool {
    query.value("dryRun") == Some("All")
}

impl Input<'_> {
    fn object(&self) -> Result<Value, Status> {
        let object = self.json(OBJECT_TYPES)?;
        check_shape(&object)?;
        Ok(object)
    }

    fn json(&self, accepted: &[&str]) -> Result<Value, Status> {
        let media_type = self.content_type.unwrap_or("application/json");
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        if !accepted.contains(&media_type) {
            return Err(Status::unsupported_media_type(accepted));
        }
        serde_json::from_slice(self.body).map_err(|error| {
            Status::bad_request(format!(
                "the object provided is unrecognized (must be of type ServiceAccount): couldn't get version/kind; json parse error: {error}"
            ))
        })
    }
}

/// What decoding into the Go type would refuse, and this server relies on.
fn check_shape(object: &Value) -> Result<(), Status> {
    let kind = object["kind"].as_str().unwrap_or(object::KIND);
    let version = object["apiVersion"].as_str().unwrap_or("v1");
    let refused = |why: String| {
        Status::bad_request(format!(
            "{kind} in version \"{version}\" cannot be handled as a {}: {why}",
            object::KIND
        ))
    };
    if !object.is_object() || !object["metadata"].is_object() {
        return Err(refused("it has no metadata".to_owned()));
    }
    if (kind, version) != (object::KIND, "v1") {
        return Err(refused("it is of another kind or version".to_owned()));
    }
    for map in ["annotations", "labels"] {
        let values = &object["metadata"][map];
        let of_strings = values
            .as_object()
            .is_some_and(|values| values.values().all(Value::is_string));
        if !values.is_null() && !of_strings {
            let why = format!(
                "json: cannot unmarshal into Go struct field ObjectMeta.metadata.{map} of type map[string]string"
            );
            return Err(refused(why));
        }
    }
    Ok(())
}

fn check_namespace(object: &Value, namespace: &str) -> Result<(), Status> {
    let own = text(object, "namespace");
    if own.is_empty() || own == namespace {
        return Ok(());
    }
    Err(Status::bad_request(format!(
        "the namespace of the provided object does not match the namespace sent on the request: {own}, {namespace}"
    )))
}

/// `wanted` is whatever may name a `resourceVersion` and a `uid` that the object must have.
fn check_preconditions(wanted: &Value, present: &Value, name: &str) -> Result<(), Status> {
    let metadata = &present["metadata"];
    let differs = |field: &str| {
        let wanted = wanted[field].as_str().filter(|wanted| !wanted.is_empty());
        wanted.is_some_and(|wanted| metadata[field] != wanted)
    };
    if differs("uid") {
        let why = format!(
            "Precondition failed: UID in precondition: {}, UID in object meta: {}",
            wanted["uid"].as_str().unwrap_or_default(),
            metadata["uid"].as_str().unwrap_or_default()
        );
        return Err(Status::conflict(name, &why));
    }
    if differs("resourceVersion") {
        return Err(Status::conflict(name, MODIFIED));
    }
    Ok(())
}

fn generated_name(object: &Value, revision: u64) -> Result<String, Status> {
    let base = text(object, "generateName");
    if base.is_empty() {
        let problem = "Required value: name or generateName is required";
        return Err(Status::invalid(object::KIND, "", "metadata.name", problem));
    }
    // Kubernetes cuts the base so that the name fits into 63 characters.
    let base: String = base.chars().take(58).collect();
    let suffix = object::name_suffix(&base, revision);
    Ok(base + &suffix)
}

/// A DNS-1123 subdomain: <https://kubernetes.io/docs/concepts/overview/working-with-objects/names/>.
fn check_name(name: &str) -> Result<(), Status> {
    let label = |label: &str| {
        let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        !label.is_empty()
            && label.bytes().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.len() <= 253 && name.split('.').all(label) {
        return Ok(());
    }
    let problem = format!(
        "Invalid value: \"{name}\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character"
    );
    Err(Status::invalid(
        object::KIND,
        name,
        "metadata.name",
        &problem,
    ))
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object["metadata"][field].as_str().unwrap_or_default()
}

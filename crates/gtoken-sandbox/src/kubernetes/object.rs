//! What the server does to an object: the fields it owns, its metadata-only form, and merge patches.

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::accept::Form;
use super::status::Status;
use crate::calendar::iso8601;

/// The kind of every object here.
pub(super) const KIND: &str = "ServiceAccount";

/// Who writes, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Writer<'a> {
    pub(super) now: SystemTime,
    /// The field manager, as managedFields shows it.
    pub(super) manager: &'a str,
}

/// Where an object is kept: etcd's order, in which `a-b/x` comes before `a/x`.
pub(super) fn key(namespace: &str, name: &str) -> String {
    format!("{namespace}/{name}")
}

/// The object with the fields that belong to the server, taken from `previous` where there is one.
pub(super) fn stamped(
    mut object: Value,
    key: &str,
    previous: Option<&Value>,
    writer: Writer<'_>,
) -> Value {
    object["apiVersion"] = json!("v1");
    object["kind"] = json!(KIND);
    let time = timestamp(writer.now);
    let (namespace, name) = key.split_once('/').unwrap_or(("", key));
    let fields = managed_fields(&object, &time, writer.manager);
    let metadata = &mut object["metadata"];
    metadata["namespace"] = json!(namespace);
    metadata["name"] = json!(name);
    let (uid, created) = previous.map_or_else(
        || (json!(uid(key, writer.now)), json!(time)),
        |previous| {
            let metadata = &previous["metadata"];
            (
                metadata["uid"].clone(),
                metadata["creationTimestamp"].clone(),
            )
        },
    );
    metadata["uid"] = uid;
    metadata["creationTimestamp"] = created;
    metadata["managedFields"] = fields;
    object
}

/// Whether a write would change nothing, in which case the real server writes nothing.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    let bare = |object: &Value| {
        let mut object = object.clone();
        if let Some(metadata) = object["metadata"].as_object_mut() {
            metadata.remove("resourceVersion");
            metadata.remove("managedFields");
        }
        object
    };
    bare(one) == bare(other)
}

/// A single object in the form asked for.
pub(super) fn rendered(object: &Value, form: Form) -> Result<Value, Status> {
    match form {
        Form::Whole => Ok(object.clone()),
        Form::Metadata => Ok(partial(object)),
        Form::MetadataList => Err(Status::not_acceptable(
            "you requested PartialObjectMetadataList, but the requested object is not a list (*core.ServiceAccount)",
        )),
    }
}

/// A list in the form asked for.
pub(super) fn rendered_list<'a>(
    metadata: &Value,
    items: impl Iterator<Item = &'a Value>,
    form: Form,
) -> Result<Value, Status> {
    let (version, kind, items): (_, _, Vec<Value>) = match form {
        Form::Whole => ("v1", "ServiceAccountList", items.map(untyped).collect()),
        Form::MetadataList => (
            "meta.k8s.io/v1",
            "PartialObjectMetadataList",
            items.map(partial).collect(),
        ),
        Form::Metadata => {
            return Err(Status::not_acceptable(
                "you requested PartialObjectMetadata, but the requested object is a list (*core.ServiceAccountList)",
            ));
        }
    };
    Ok(json!({"kind": kind, "apiVersion": version, "metadata": metadata, "items": items}))
}

/// The object in a bookmark: a kind, a resourceVersion and, at the end of the initial events, the mark of it.
pub(super) fn bookmark(revision: u64, ends_initial_events: bool, form: Form) -> Value {
    let mut metadata = json!({"resourceVersion": revision.to_string()});
    if ends_initial_events {
        metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
    }
    let whole = json!({"kind": KIND, "apiVersion": "v1", "metadata": metadata});
    match form {
        Form::Whole => whole,
        Form::Metadata | Form::MetadataList => partial(&whole),
    }
}

/// Applies a merge patch: <https://www.rfc-editor.org/rfc/rfc7386#section-2>.
pub(super) fn merge(target: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    for (name, value) in patch {
        match (value, target.as_object_mut()) {
            (Value::Null, Some(target)) => {
                target.remove(name);
            }
            _ => merge(&mut target[name], value),
        }
    }
}

/// Five characters for `generateName`, of the alphabet that Kubernetes uses for them.
pub(super) fn name_suffix(base: &str, revision: u64) -> String {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let digest = Sha256::digest(format!("{base} {revision}"));
    let letters = digest.iter().take(5);
    letters
        .map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]))
        .collect()
}

/// UTC, to the second, as Kubernetes writes times.
fn timestamp(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH);
    iso8601(since.map_or(0, |since| since.as_secs()))
}

/// A version 4 UUID; an object made anew under the same name has another one.
fn uid(key: &str, now: SystemTime) -> String {
    let mut digest = Sha256::digest(format!("{key} {now:?}"));
    digest[6] = digest[6] & 0x0f | 0x40;
    digest[8] = digest[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (index, byte) in digest.iter().take(16).enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// One entry, which is what makes real objects several times the size of what a person wrote.
fn managed_fields(object: &Value, time: &str, manager: &str) -> Value {
    let mut fields = Map::new();
    for map in ["annotations", "labels"] {
        let Some(values) = object["metadata"][map]
            .as_object()
            .filter(|v| !v.is_empty())
        else {
            continue;
        };
        let mut owned = Map::from_iter([(".".to_owned(), json!({}))]);
        owned.extend(values.keys().map(|name| (format!("f:{name}"), json!({}))));
        fields.insert(format!("f:{map}"), Value::Object(owned));
    }
    json!([{
        "manager": manager,
        "operation": "Update",
        "apiVersion": "v1",
        "time": time,
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:metadata": fields},
    }])
}

fn partial(object: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": object["metadata"],
    })
}

/// Items of a typed list carry neither kind nor apiVersion.
fn untyped(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("kind");
        fields.remove("apiVersion");
    }
    object
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_merge_patch_adds_changes_and_removes() {
        let mut object = json!({"a": {"b": 1, "c": 2}, "d": [1]});
        merge(
            &mut object,
            &json!({"a": {"b": null, "e": {"f": null, "g": 3}}, "d": [2]}),
        );
        assert_eq!(object, json!({"a": {"c": 2, "e": {"g": 3}}, "d": [2]}));
    }

    #[test]
    fn an_object_made_anew_is_another_one() {
        let (one, other) = (UNIX_EPOCH, UNIX_EPOCH + Duration::from_secs(1));
        assert_ne!(uid("a/x", one), uid("a/x", other));
        assert_ne!(uid("a/x", one), uid("a/y", one));
        let parts: Vec<usize> = uid("a/x", one).split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
    }
}

//! Secrets and webhook configurations: each is read, patched and watched by its name, as far as RBAC lets one.
//!
//! A patch is merged or applied (<https://kubernetes.io/docs/reference/using-api/server-side-apply/>), of which the
//! latter knows the entries of a webhook configuration by their names. Nobody's fields are defended: whoever applies
//! must force it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::task::{Poll, ready};

use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::StatusCode;
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::accept::Form;
use super::object;
use super::options::Query;
use super::status::Status;
use crate::http::Body;

const MERGE: &str = "application/merge-patch+json";
const APPLY: &str = "application/apply-patch+yaml";

/// All of them, by their paths.
#[derive(Debug, Default)]
pub(super) struct Named {
    revision: u64,
    objects: BTreeMap<String, Value>,
    /// Verbs and resources that RBAC does not let us.
    withheld: BTreeSet<(String, String)>,
    /// Who watches what, by its path.
    watches: Vec<(String, UnboundedSender<Told>)>,
}

/// What a watch is told.
#[derive(Debug)]
enum Told {
    Event(&'static str, Value),
    /// The connection breaks.
    Cut,
}

/// What a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place<'a> {
    pub(super) path: &'a str,
    pub(super) resource: &'a str,
    pub(super) name: &'a str,
}

/// A patch as it came.
#[derive(Debug)]
pub(super) struct Patch<'a> {
    pub(super) content_type: &'a str,
    pub(super) query: &'a Query,
    pub(super) body: &'a [u8],
}

impl Named {
    /// The path of an object by what stands in it.
    pub(super) fn path(object: &Value) -> Option<String> {
        let text = |field: &str| object["metadata"][field].as_str();
        let name = text("name")?;
        match object["kind"].as_str()? {
            "Secret" => Some(secret(text("namespace")?, name)),
            "MutatingWebhookConfiguration" => Some(configuration(name)),
            _ => None,
        }
    }

    pub(super) fn read(&self, path: &str) -> Option<&Value> {
        self.objects.get(path)
    }

    /// Keeps an object, whatever it holds.
    pub(super) fn put(&mut self, path: &str, mut object: Value) -> &Value {
        self.revision += 1;
        object["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        let is_new = !self.objects.contains_key(path);
        self.tell(path, if is_new { "ADDED" } else { "MODIFIED" }, &object);
        let slot = self.objects.entry(path.to_owned()).or_default();
        *slot = object;
        slot
    }

    pub(super) fn delete(&mut self, path: &str) {
        if let Some(object) = self.objects.remove(path) {
            self.tell(path, "DELETED", &object);
        }
    }

    /// Every open watch breaks off.
    pub(super) fn cut(&mut self) {
        for (_, watch) in self.watches.drain(..) {
            // Whoever has gone needs no word of it.
            let _ = watch.send(Told::Cut);
        }
    }

    /// A watch of one object: it as it is now, then each change, a line each.
    pub(super) fn watch(&mut self, place: Place<'_>, form: Form) -> Result<Body, Status> {
        self.check("watch", place)?;
        let (tell, mut told) = unbounded_channel();
        if let Some(object) = self.objects.get(place.path) {
            let _ = tell.send(Told::Event("ADDED", object.clone()));
        }
        self.watches.push((place.path.to_owned(), tell));
        let lines = stream::poll_fn(move |context| {
            let told = ready!(told.poll_recv(context));
            Poll::Ready(told.map(|told| match told {
                Told::Event(kind, object) => {
                    let object = object::rendered(&object, form).unwrap_or_default();
                    let line = json!({"type": kind, "object": object});
                    Ok(Frame::data(format!("{line}\n").into()))
                }
                Told::Cut => Err(io::ErrorKind::ConnectionReset.into()),
            }))
        });
        Ok(StreamBody::new(lines).boxed())
    }

    fn tell(&mut self, path: &str, kind: &'static str, object: &Value) {
        self.watches.retain(|(watched, watch)| {
            let concerns = watched == path;
            !concerns || watch.send(Told::Event(kind, object.clone())).is_ok()
        });
    }

    pub(super) fn withhold(&mut self, verb: &str, resource: &str) {
        self.withheld.insert((verb.to_owned(), resource.to_owned()));
    }

    pub(super) fn grant_all(&mut self) {
        self.withheld.clear();
    }

    pub(super) fn get(&self, place: Place<'_>) -> Result<&Value, Status> {
        self.check("get", place)?;
        self.present(place)
    }

    pub(super) fn patch(&mut self, place: Place<'_>, patch: &Patch<'_>) -> Result<Value, Status> {
        self.check("patch", place)?;
        let wanted: Value = serde_json::from_slice(patch.body)
            .map_err(|error| Status::bad_request(format!("the patch is no JSON: {error}")))?;
        let present = self.present(place)?;
        let seen = &wanted["metadata"]["resourceVersion"];
        if !seen.is_null() && *seen != present["metadata"]["resourceVersion"] {
            return Err(conflict(place));
        }
        let mut object = present.clone();
        match patch.content_type {
            MERGE => object::merge(&mut object, &wanted),
            APPLY => apply(&mut object, wanted, place, patch.query)?,
            _ => return Err(Status::unsupported_media_type(&[MERGE, APPLY])),
        }
        object["metadata"]["resourceVersion"] = present["metadata"]["resourceVersion"].clone();
        if object == *present || patch.query.value("dryRun") == Some("All") {
            return Ok(object);
        }
        Ok(self.put(place.path, object).clone())
    }

    fn present(&self, place: Place<'_>) -> Result<&Value, Status> {
        let missing = || {
            let message = format!("{} \"{}\" not found", place.resource, place.name);
            Status::other(StatusCode::NOT_FOUND, "NotFound", message)
        };
        self.objects.get(place.path).ok_or_else(missing)
    }

    fn check(&self, verb: &str, place: Place<'_>) -> Result<(), Status> {
        let Place { resource, name, .. } = place;
        let asked = (verb.to_owned(), resource.to_owned());
        if !self.withheld.contains(&asked) {
            return Ok(());
        }
        let message = format!(
            "{resource} \"{name}\" is forbidden: User \"sandbox\" cannot {verb} resource \"{resource}\""
        );
        Err(Status::other(StatusCode::FORBIDDEN, "Forbidden", message))
    }
}

/// Merges the entries by their names, and the rest as it is.
fn apply(
    object: &mut Value,
    mut wanted: Value,
    place: Place<'_>,
    query: &Query,
) -> Result<(), Status> {
    if query.value("fieldManager").is_none() {
        let message = "fieldManager is required for apply patch";
        return Err(Status::bad_request(message));
    }
    if query.flag("force") != Some(true) {
        return Err(conflict(place));
    }
    let entries = wanted["webhooks"].take();
    object::merge(object, &json!({"metadata": wanted["metadata"]}));
    let nothing = Vec::new();
    for entry in entries.as_array().unwrap_or(&nothing) {
        let present = object["webhooks"].as_array_mut();
        let mut present = present.into_iter().flatten();
        let Some(present) = present.find(|present| present["name"] == entry["name"]) else {
            // An entry that an apply makes must be whole.
            let problem = "Required value: must specify sideEffects, admissionReviewVersions";
            let kind = "MutatingWebhookConfiguration.admissionregistration.k8s.io";
            return Err(Status::invalid(kind, place.name, "webhooks", problem));
        };
        object::merge(present, entry);
    }
    Ok(())
}

fn conflict(place: Place<'_>) -> Status {
    let Place { resource, name, .. } = place;
    let message = format!(
        "Operation cannot be fulfilled on {resource} \"{name}\": the object has been modified; please apply your changes to the latest version and try again"
    );
    Status::other(StatusCode::CONFLICT, "Conflict", message)
}

pub(super) fn secret(namespace: &str, name: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/secrets/{name}")
}

pub(super) fn configuration(name: &str) -> String {
    format!("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'_> = Place {
        path: "/p",
        resource: "mutatingwebhookconfigurations",
        name: "p",
    };

    fn named() -> Named {
        let mut named = Named::default();
        let entries =
            json!([{"name": "a", "clientConfig": {"service": {"name": "s"}}}, {"name": "b"}]);
        named.put(
            "/p",
            json!({"metadata": {"name": "p"}, "webhooks": entries}),
        );
        named
    }

    fn patch(
        named: &mut Named,
        content_type: &str,
        query: &str,
        body: &Value,
    ) -> Result<Value, u16> {
        let (query, body) = (Query::parse(query), body.to_string());
        let patch = Patch {
            content_type,
            query: &query,
            body: body.as_bytes(),
        };
        let status = |status: Status| status.to_response().status().as_u16();
        named.patch(PLACE, &patch).map_err(status)
    }

    #[test]
    fn an_entry_is_applied_by_its_name_and_keeps_the_rest() {
        let mut named = named();
        let wanted = json!({"webhooks": [{"name": "a", "clientConfig": {"caBundle": "x"}}]});
        let query = "fieldManager=us&force=true";
        let applied = patch(&mut named, APPLY, query, &wanted).unwrap();
        let config = json!({"service": {"name": "s"}, "caBundle": "x"});
        assert_eq!(applied["webhooks"][0]["clientConfig"], config);
        assert_eq!(applied["webhooks"][1], json!({"name": "b"}));
        assert_eq!(applied["metadata"]["resourceVersion"], "2");
        let again = patch(&mut named, APPLY, query, &wanted).unwrap();
        assert_eq!(again["metadata"]["resourceVersion"], "2");
        let unknown = json!({"webhooks": [{"name": "c"}]});
        assert_eq!(patch(&mut named, APPLY, query, &unknown), Err(422));
        assert_eq!(patch(&mut named, APPLY, "force=true", &wanted), Err(400));
        assert_eq!(
            patch(&mut named, APPLY, "fieldManager=us", &wanted),
            Err(409)
        );
    }

    #[test]
    fn a_write_by_an_old_version_is_a_conflict_and_a_trial_changes_nothing() {
        let mut named = named();
        let labelled = json!({"metadata": {"resourceVersion": "1", "labels": {"a": "b"}}});
        patch(&mut named, MERGE, "dryRun=All", &labelled).unwrap();
        patch(&mut named, MERGE, "", &labelled).unwrap();
        assert_eq!(patch(&mut named, MERGE, "", &labelled), Err(409));
        assert_eq!(patch(&mut named, "text/plain", "", &json!({})), Err(415));
    }

    #[test]
    fn what_rbac_withholds_is_refused_until_it_is_granted() {
        let mut named = named();
        named.withhold("patch", "mutatingwebhookconfigurations");
        assert!(named.get(PLACE).is_ok());
        assert_eq!(patch(&mut named, MERGE, "", &json!({})), Err(403));
        named.grant_all();
        assert!(patch(&mut named, MERGE, "", &json!({})).is_ok());
        named.delete("/p");
        assert_eq!(patch(&mut named, MERGE, "", &json!({})), Err(404));
    }

    #[tokio::test]
    async fn a_watch_tells_what_is_there_and_what_becomes_of_it() {
        let mut named = named();
        let mut body = named.watch(PLACE, Form::Metadata).unwrap();
        named.put("/other", json!({"metadata": {"name": "other"}}));
        named.put("/p", json!({"metadata": {"name": "p"}, "data": {"a": "b"}}));
        named.delete("/p");
        named.cut();
        for (kind, version) in [("ADDED", "1"), ("MODIFIED", "3"), ("DELETED", "3")] {
            let line = body.frame().await.unwrap().unwrap().into_data().unwrap();
            let event: Value = serde_json::from_slice(&line).unwrap();
            assert_eq!(event["type"], kind);
            assert_eq!(event["object"]["metadata"]["resourceVersion"], version);
            assert!(event["object"]["data"].is_null(), "{event}");
        }
        assert!(body.frame().await.unwrap().is_err());
        named.withhold("watch", PLACE.resource);
        assert!(named.watch(PLACE, Form::Whole).is_err());
    }
}

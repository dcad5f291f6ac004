//! A small Kubernetes API server: ServiceAccounts, with the lists, watches and faults that a client must get right.
//!
//! Secrets and webhook configurations can be read, patched and watched by their names.
//! Of pods it has as much as tells whose they are: each can be got by its name.
//!
//! What it does it does as kube-apiserver does it; see
//! <https://kubernetes.io/docs/reference/using-api/api-concepts/>. Namespaces are not checked to exist.

mod accept;
mod discovery;
mod fault;
mod named;
mod object;
mod options;
mod path;
mod read;
mod serve;
mod status;
mod store;
mod stream;
#[cfg(test)]
mod tests;
mod watch;
mod write;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use hyper::{Request, Response};
use serde_json::{Value, json};

use self::fault::Faults;
pub use self::fault::{Fault, LimitedFault};
use self::named::Named;
use self::object::Writer;
use self::store::Store;
use self::watch::Watches;
use crate::http::Body;
use crate::shared::{Log, Shared};

/// One request, as it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenRequest {
    /// `GET`, `POST` and so on.
    pub method: String,
    /// Path and query as they were sent.
    pub path: String,
    /// The `Accept` header.
    pub accept: Option<String>,
}

/// The cluster: its objects, its open watches and the faults being played.
pub struct Kubernetes {
    bearer_token: String,
    state: Shared<State>,
}

struct State {
    store: Store,
    watches: Watches,
    faults: Faults,
    requests: Log<SeenRequest>,
    named: Named,
    /// By `namespace/name`.
    pods: HashMap<String, Value>,
    /// Major and minor, as `/version` shows them.
    version: (String, String),
}

impl Kubernetes {
    /// An empty cluster that lets in whoever brings this bearer token.
    pub fn new(bearer_token: String) -> Arc<Self> {
        Arc::new(Self {
            bearer_token,
            state: Shared::new(State {
                store: Store::new(),
                watches: Watches::default(),
                faults: Faults::default(),
                requests: Log::default(),
                named: Named::default(),
                pods: HashMap::new(),
                version: ("1".to_owned(), "34".to_owned()),
            }),
        })
    }

    /// Creates a ServiceAccount, or gives the one there is these annotations and no others.
    pub fn put_service_account(&self, namespace: &str, name: &str, annotations: &[(&str, &str)]) {
        let annotations: Value = annotations
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .collect();
        self.put_object(json!({
            "metadata": {"namespace": namespace, "name": name, "annotations": annotations},
        }));
    }

    /// Creates a pod with this uid that runs as the ServiceAccount, in the place of any of its name.
    pub fn put_pod(&self, namespace: &str, name: &str, uid: &str, service_account: &str) {
        let pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"namespace": namespace, "name": name, "uid": uid},
            "spec": {"serviceAccountName": service_account},
        });
        let key = object::key(namespace, name);
        self.state.lock().pods.insert(key, pod);
    }

    /// Creates or replaces the ServiceAccount that `object` is, whatever else it holds.
    ///
    /// # Panics
    ///
    /// If it has no `metadata.namespace` and `metadata.name`, for then there is no place for it.
    pub fn put_object(&self, object: Value) {
        self.put_object_at(object, SystemTime::now());
    }

    /// The same as if it had been written at that time.
    ///
    /// # Panics
    ///
    /// As [`put_object`](Self::put_object).
    pub fn put_object_at(&self, object: Value, time: SystemTime) {
        let text = |field: &str| object["metadata"][field].as_str().map(str::to_owned);
        let (Some(namespace), Some(name)) = (text("namespace"), text("name")) else {
            panic!("an object to put needs metadata.namespace and metadata.name: {object}");
        };
        let writer = Writer {
            now: time,
            manager: "kubectl",
        };
        let key = object::key(&namespace, &name);
        self.state.lock().keep(&key, object, false, writer);
    }

    /// Deletes a ServiceAccount; one that is not there stays so.
    pub fn delete_service_account(&self, namespace: &str, name: &str) {
        let key = object::key(namespace, name);
        self.state.lock().drop_object(&key);
    }

    /// Creates or replaces a Secret or a webhook configuration, whatever else it holds.
    ///
    /// # Panics
    ///
    /// If it is of another kind, or has no name, or as a Secret no namespace.
    pub fn put_named(&self, object: Value) {
        let Some(path) = Named::path(&object) else {
            panic!("a Secret or MutatingWebhookConfiguration needs its kind and names: {object}");
        };
        self.state.lock().named.put(&path, object);
    }

    /// A Secret as it is now.
    pub fn secret(&self, namespace: &str, name: &str) -> Option<Value> {
        let path = named::secret(namespace, name);
        self.state.lock().named.read(&path).cloned()
    }

    /// A webhook configuration as it is now.
    pub fn webhook_configuration(&self, name: &str) -> Option<Value> {
        let path = named::configuration(name);
        self.state.lock().named.read(&path).cloned()
    }

    /// Deletes a Secret; one that is not there stays so.
    pub fn delete_secret(&self, namespace: &str, name: &str) {
        let path = named::secret(namespace, name);
        self.state.lock().named.delete(&path);
    }

    /// Deletes a webhook configuration; one that is not there stays so.
    pub fn delete_webhook_configuration(&self, name: &str) {
        let path = named::configuration(name);
        self.state.lock().named.delete(&path);
    }

    /// Takes a verb (`get`, `patch`, `watch`) from whoever asks for Secrets or webhook configurations.
    pub fn withhold(&self, verb: &str, resource: &str) {
        self.state.lock().named.withhold(verb, resource);
    }

    /// Gives back every verb that was withheld.
    pub fn grant_all(&self) {
        self.state.lock().named.grant_all();
    }

    /// Begins a fault, in the place of another of the same scope; [`Fault::None`] ends them all.
    pub fn play(&self, fault: impl Into<LimitedFault>) {
        let fault = fault.into();
        let mut state = self.state.lock();
        state.faults.play(fault);
        state.watches.feel(fault.fault());
        if fault.fault() == Fault::Away {
            state.named.cut();
        }
    }

    /// Every request so far, the refused ones included, in order.
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.state.lock().requests.entries()
    }

    /// The number of watches now open.
    pub fn open_watches(&self) -> usize {
        self.state.lock().watches.count()
    }

    /// What `/version` answers from now on; the minor may have a suffix, as on GKE and EKS (`34+`).
    pub fn set_version(&self, major: &str, minor: &str) {
        self.state.lock().version = (major.to_owned(), minor.to_owned());
    }

    /// Forgets history: every `resourceVersion` and `continue` token handed out so far is gone (410).
    ///
    /// Open watches go on, for what they still have to tell they have been told.
    pub fn compact(&self) {
        self.state.lock().store.compact();
    }

    /// Comes back empty and with revisions from the beginning, as after the restore of an old backup.
    pub fn rewind(&self) {
        let mut state = self.state.lock();
        state.store = Store::new();
        state.watches.close();
    }

    /// Ends every open watch, cleanly, as the end of its time would.
    pub fn close_watches(&self) {
        self.state.lock().watches.close();
    }

    /// Sends a bookmark at once to every watch that allows them; by themselves they come once a minute.
    pub fn send_bookmark(&self) {
        self.bookmark(None);
    }

    /// Answers one request.
    pub(crate) async fn respond(
        self: Arc<Self>,
        request: Request<hyper::body::Incoming>,
    ) -> Response<Body> {
        self.answer(request).await
    }

    fn bookmark(&self, only: Option<u64>) {
        let mut state = self.state.lock();
        let revision = state.store.revision();
        state.watches.bookmark(revision, only);
    }
}

/// The bearer token is not shown.
impl fmt::Debug for Kubernetes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Kubernetes").finish_non_exhaustive()
    }
}

impl State {
    /// Keeps an object and tells the watches, unless it is a trial or changes nothing.
    fn keep(&mut self, key: &str, object: Value, dry_run: bool, writer: Writer<'_>) -> Arc<Value> {
        let present = self.store.newest(key);
        let object = object::stamped(object, key, present.map(|present| &**present), writer);
        if let Some(present) = present
            && object::same(present, &object)
        {
            return Arc::clone(present);
        }
        if dry_run {
            return Arc::new(object);
        }
        let change = self.store.put(key, object);
        self.watches.announce(&change);
        change.object
    }

    fn drop_object(&mut self, key: &str) -> Option<Arc<Value>> {
        let change = self.store.delete(key)?;
        self.watches.announce(&change);
        Some(change.object)
    }
}

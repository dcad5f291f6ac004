//! A small Kubernetes API server: ServiceAccounts, with the lists, watches and faults that a client must get right.
//!
//! What it does it does as kube-apiserver does it; see
//! <https://kubernetes.io/docs/reference/using-api/api-concepts/>. Namespaces are not checked to exist.

mod accept;
mod discovery;
mod fault;
mod object;
mod options;
mod path;
mod read;
mod status;
mod store;
#[cfg(test)]
mod tests;
mod watch;
mod write;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, USER_AGENT};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};

pub use self::fault::{Fault, LimitedFault};
use self::fault::{Faults, Scope};
use self::object::Writer;
use self::options::{ListOptions, Query, WatchOptions};
use self::path::Path;
use self::status::Status;
use self::store::Store;
use self::watch::Watches;
use self::write::Input;
use crate::http::{self, Body};
use crate::shared::Shared;

/// The largest body read, in bytes, which is also the real server's limit.
const MAX_BODY: usize = 3 << 20;

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
    requests: Vec<SeenRequest>,
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
                requests: Vec::new(),
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

    /// Creates or replaces the ServiceAccount that `object` is, whatever else it holds.
    ///
    /// # Panics
    ///
    /// If it has no `metadata.namespace` and `metadata.name`, for then there is no place for it.
    pub fn put_object(&self, object: Value) {
        let text = |field: &str| object["metadata"][field].as_str().map(str::to_owned);
        let (Some(namespace), Some(name)) = (text("namespace"), text("name")) else {
            panic!("an object to put needs metadata.namespace and metadata.name: {object}");
        };
        let writer = Writer {
            now: SystemTime::now(),
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

    /// Begins a fault, in the place of another of the same scope; [`Fault::None`] ends them all.
    pub fn play(&self, fault: impl Into<LimitedFault>) {
        let fault = fault.into();
        let mut state = self.state.lock();
        state.faults.play(fault);
        state.watches.feel(fault.fault());
    }

    /// Every request so far, the refused ones included, in order.
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.state.lock().requests.clone()
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

    async fn answer<B>(self: Arc<Self>, request: Request<B>) -> Response<Body>
    where
        B: hyper::body::Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        if self.see(&parts) == Fault::Away {
            return Response::new(http::broken_after(Bytes::new()));
        }
        let served = self.serve(&parts, body).await;
        served.unwrap_or_else(|status| status.to_response())
    }

    async fn serve<B>(self: &Arc<Self>, parts: &Parts, body: B) -> Result<Response<Body>, Status>
    where
        B: hyper::body::Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let path = Path::parse(parts.uri.path());
        if path == Path::Health {
            return Ok(http::answer(
                StatusCode::OK,
                "text/plain; charset=utf-8",
                "ok",
            ));
        }
        self.authenticate(parts)?;
        match path {
            Path::Health | Path::Nothing => Ok(discovery::nothing()),
            Path::NoResource => Err(Status::unknown_resource()),
            Path::Discovery(document) => {
                only_get(parts)?;
                let version = self.state.lock().version.clone();
                Ok(document.answer(&version))
            }
            Path::All(namespace) if parts.method == Method::GET => {
                self.read_all(parts, namespace).await
            }
            Path::One(namespace, name) if parts.method == Method::GET => {
                self.read_one(parts, namespace, name).await
            }
            Path::All(_) | Path::One(..) => self.write(parts, body, &path).await,
        }
    }

    async fn read_one(
        &self,
        parts: &Parts,
        namespace: &str,
        name: &str,
    ) -> Result<Response<Body>, Status> {
        match self.meet(Scope::Get) {
            Fault::GetForbidden => return Err(Status::forbidden("get", namespace, name)),
            Fault::GetError => return Err(Status::internal("etcdserver: request timed out")),
            Fault::GetReset => return Ok(read::cut_after_head()),
            Fault::GetSlow(wait) => tokio::time::sleep(wait).await,
            _ => {}
        }
        let form = accept::negotiate(header(parts, &ACCEPT))?;
        let state = self.state.lock();
        read::single(&state.store, (namespace, name), &query(parts), form)
    }

    async fn read_all(
        self: &Arc<Self>,
        parts: &Parts,
        namespace: Option<&str>,
    ) -> Result<Response<Body>, Status> {
        let query = query(parts);
        let place = namespace.unwrap_or_default();
        if query.flag("watch") == Some(true) {
            let fault = self.meet(Scope::Watch);
            if fault == Fault::WatchRefused {
                return Err(Status::forbidden("watch", place, ""));
            }
            let form = accept::negotiate(header(parts, &ACCEPT))?;
            let options = WatchOptions::parse(namespace, &query)?;
            return read::watch(self, &options, form, fault);
        }
        match self.meet(Scope::List) {
            Fault::ListForbidden => return Err(Status::forbidden("list", place, "")),
            Fault::ListSlow(wait) => tokio::time::sleep(wait).await,
            _ => {}
        }
        let form = accept::negotiate(header(parts, &ACCEPT))?;
        let options = ListOptions::parse(namespace, &query)?;
        read::list(&self.state.lock().store, &options, form)
    }

    async fn write<B>(
        &self,
        parts: &Parts,
        body: B,
        path: &Path<'_>,
    ) -> Result<Response<Body>, Status>
    where
        B: hyper::body::Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let form = accept::negotiate(header(parts, &ACCEPT))?;
        let query = query(parts);
        let body = Limited::new(body, MAX_BODY).collect().await;
        let body =
            body.map_err(|error| Status::bad_request(format!("the body cannot be read: {error}")))?;
        let agent = header(parts, &USER_AGENT).and_then(|agent| agent.split('/').next());
        let input = Input {
            content_type: header(parts, &CONTENT_TYPE),
            body: &body.to_bytes(),
            dry_run: write::is_dry_run(&query),
            writer: Writer {
                now: SystemTime::now(),
                manager: query.value("fieldManager").or(agent).unwrap_or("unknown"),
            },
        };
        let mut state = self.state.lock();
        let (code, object) = match (path, parts.method.as_str()) {
            (Path::All(Some(namespace)), "POST") => (
                StatusCode::CREATED,
                write::create(&mut state, namespace, &input)?,
            ),
            (Path::One(namespace, name), "PUT") => (
                StatusCode::OK,
                write::replace(&mut state, (namespace, name), &input)?,
            ),
            (Path::One(namespace, name), "PATCH") => (
                StatusCode::OK,
                write::patch(&mut state, (namespace, name), &input)?,
            ),
            (Path::One(namespace, name), "DELETE") => (
                StatusCode::OK,
                write::delete(&mut state, (namespace, name), &query, &input)?,
            ),
            _ => return Err(Status::method_not_allowed()),
        };
        Ok(http::json(code, &object::rendered(&object, form)?))
    }

    /// Takes note of a request; the answer is `Away` if that is being played.
    fn see(&self, parts: &Parts) -> Fault {
        let mut state = self.state.lock();
        let path = parts.uri.path_and_query();
        state.requests.push(SeenRequest {
            method: parts.method.to_string(),
            path: path.map_or_else(String::new, ToString::to_string),
            accept: header(parts, &ACCEPT).map(str::to_owned),
        });
        state.faults.next(Scope::Everything)
    }

    fn meet(&self, scope: Scope) -> Fault {
        self.state.lock().faults.next(scope)
    }

    fn authenticate(&self, parts: &Parts) -> Result<(), Status> {
        let token = header(parts, &AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        if token == Some(self.bearer_token.as_str()) {
            return Ok(());
        }
        Err(Status::unauthorized())
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

fn header<'a>(parts: &'a Parts, name: &HeaderName) -> Option<&'a str> {
    parts.headers.get(name)?.to_str().ok()
}

fn query(parts: &Parts) -> Query {
    Query::parse(parts.uri.query().unwrap_or_default())
}

fn only_get(parts: &Parts) -> Result<(), Status> {
    if parts.method == Method::GET {
        return Ok(());
    }
    Err(Status::method_not_allowed())
}

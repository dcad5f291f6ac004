//! The front door: authentication, then path, fault and form, then what was asked for.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, USER_AGENT};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};

use super::fault::{Fault, Scope};
use super::named::{Patch, Place};
use super::object::Writer;
use super::options::{ListOptions, Query, WatchOptions};
use super::path::Path;
use super::status::Status;
use super::write::Input;
use super::{Kubernetes, SeenRequest, accept, discovery, object, read, write};
use crate::http::{self, Body};

/// The largest body read, in bytes, which is also the real server's limit.
const MAX_BODY: usize = 3 << 20;

impl Kubernetes {
    pub(super) async fn answer<B>(self: Arc<Self>, request: Request<B>) -> Response<Body>
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
            Path::Pod(namespace, name) => {
                only_get(parts)?;
                let state = self.state.lock();
                let pod = state.pods.get(&object::key(namespace, name));
                let pod = pod.ok_or_else(|| Status::no_pod(name))?;
                Ok(http::json(StatusCode::OK, pod))
            }
            Path::Named(place) => self.named(parts, body, place).await,
            Path::AllNamed(all) => self.watch_named(parts, all),
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
            if fault == Fault::StreamRefused && query.flag("sendInitialEvents").is_some() {
                return Err(Status::no_streaming());
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

    async fn named<B>(
        &self,
        parts: &Parts,
        body: B,
        place: Place<'_>,
    ) -> Result<Response<Body>, Status>
    where
        B: hyper::body::Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let body = Limited::new(body, MAX_BODY).collect().await;
        let body =
            body.map_err(|error| Status::bad_request(format!("the body cannot be read: {error}")))?;
        let mut state = self.state.lock();
        match parts.method.as_str() {
            "GET" => Ok(http::json(StatusCode::OK, state.named.get(place)?)),
            "PATCH" => {
                let patch = Patch {
                    content_type: header(parts, &CONTENT_TYPE).unwrap_or_default(),
                    query: &query(parts),
                    body: &body.to_bytes(),
                };
                let patched = state.named.patch(place, &patch)?;
                Ok(http::json(StatusCode::OK, &patched))
            }
            _ => Err(Status::method_not_allowed()),
        }
    }

    /// A watch of the one object that the query names; the kinds cannot be listed.
    fn watch_named(&self, parts: &Parts, all: Place<'_>) -> Result<Response<Body>, Status> {
        let query = query(parts);
        let selected = query.value("fieldSelector");
        let name = selected.and_then(|selected| selected.strip_prefix("metadata.name="));
        let (Some(name), Some(true)) = (name, query.flag("watch")) else {
            return Err(Status::method_not_allowed());
        };
        let form = accept::negotiate(header(parts, &ACCEPT))?;
        let path = format!("{}/{name}", all.path);
        let place = Place {
            path: &path,
            name,
            ..all
        };
        let body = self.state.lock().named.watch(place, form)?;
        Ok(Response::new(body))
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

//! GET, list and watch.

use std::io;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::accept::Form;
use super::fault::Fault;
use super::options::{self, ListFrom, ListOptions, Query, WatchFrom, WatchOptions};
use super::status::Status;
use super::store::Store;
use super::stream::WatchStream;
use super::{Kubernetes, object};
use crate::http::{self, Body};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// One object by name.
pub(super) fn single(
    store: &Store,
    (namespace, name): (&str, &str),
    query: &Query,
    form: Form,
) -> Result<Response<Body>, Status> {
    reached(store, options::revision(query)?)?;
    let found = store.newest(&object::key(namespace, name));
    let found = found.ok_or_else(|| Status::not_found(name))?;
    Ok(http::json(StatusCode::OK, &object::rendered(found, form)?))
}

/// A page of a list.
pub(super) fn list(
    store: &Store,
    options: &ListOptions,
    form: Form,
) -> Result<Response<Body>, Status> {
    let (revision, start) = state_of_list(store, options)?;
    let mut found = store
        .at(revision, &start)
        .take_while(|(key, _)| key.starts_with(&options.selection.prefix()))
        .filter(|(key, _)| options.selection.holds(key));
    let limit = if options.limit == 0 {
        usize::MAX
    } else {
        options.limit
    };
    let page: Vec<_> = found.by_ref().take(limit).collect();
    let remaining = found.count();

    let mut metadata = json!({"resourceVersion": revision.to_string()});
    if let Some((last, _)) = page.last().filter(|_| remaining > 0) {
        metadata["continue"] = json!(options::continue_after(last, revision));
        if !options.selection.is_filtered() {
            metadata["remainingItemCount"] = json!(remaining);
        }
    }
    let items = page.iter().map(|(_, object)| -> &Value { object });
    let list = object::rendered_list(&metadata, items, form)?;
    Ok(http::json(StatusCode::OK, &list))
}

/// A watch, which goes on in the body of the answer.
pub(super) fn watch(
    kubernetes: &Arc<Kubernetes>,
    options: &WatchOptions,
    form: Form,
    fault: Fault,
) -> Result<Response<Body>, Status> {
    if form == Form::MetadataList {
        return Err(Status::not_acceptable(
            "you requested PartialObjectMetadataList, but the events of a watch hold single objects",
        ));
    }
    let opened = {
        let mut state = kubernetes.state.lock();
        let state = &mut *state;
        if let WatchFrom::State { at_least, .. } = options.from {
            reached(&state.store, at_least)?;
        }
        state.watches.open(options, &state.store, fault)
    };
    let stream = WatchStream::new(Arc::clone(kubernetes), opened, form, options.timeout);
    let mut response = Response::new(stream.boxed());
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    Ok(response)
}

/// An answer whose head arrives and whose body never does.
pub(super) fn cut_after_head() -> Response<Body> {
    let mut polled = false;
    let body = stream::poll_fn(move |context| {
        // As in `WatchStream`: an error at once would take the head with it.
        if std::mem::replace(&mut polled, true) {
            let cut = io::Error::from(io::ErrorKind::ConnectionReset);
            return Poll::Ready(Some(Err::<Frame<Bytes>, _>(cut)));
        }
        context.waker().wake_by_ref();
        Poll::Pending
    });
    let mut response = Response::new(StreamBody::new(body).boxed());
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

/// The revision that a list shows, and the key it begins with.
fn state_of_list(store: &Store, options: &ListOptions) -> Result<(u64, String), Status> {
    let newest = store.revision();
    let beginning = || options.selection.prefix();
    match &options.from {
        ListFrom::AtLeast(revision) => {
            reached(store, *revision)?;
            Ok((newest, beginning()))
        }
        ListFrom::Exactly(revision) => {
            reached(store, *revision)?;
            if *revision < store.compacted() {
                let message = "The resourceVersion for the provided list is too old.";
                return Err(Status::expired(message));
            }
            Ok((*revision, beginning()))
        }
        ListFrom::Continued { revision, start } => {
            let revision = revision.unwrap_or(newest);
            reached(store, revision)?;
            if revision < store.compacted() {
                let token = options::inconsistent_continue(start);
                return Err(Status::expired_continue(token));
            }
            Ok((revision, start.clone()))
        }
    }
}

fn reached(store: &Store, revision: u64) -> Result<(), Status> {
    if revision > store.revision() {
        return Err(Status::too_large(revision, store.revision()));
    }
    Ok(())
}

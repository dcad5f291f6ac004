//! ServiceAccounts as the Kubernetes API gives them, metadata alone and of that only what is used.
//!
//! Typed objects with their managed fields would take a hundred times the memory while they are read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use gtoken_inject::{Binding, Dialect, Unbound};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Client;
use kube::api::{GetParams, ListParams, Request, WatchEvent, WatchParams};
use kube::core::request;
use serde::Deserialize;

use super::Key;

/// The most ServiceAccounts in one answer: a page is the largest thing that is ever held in memory.
const PAGE_SIZE: u32 = 100;

/// A ServiceAccount as far as it is read.
#[derive(Clone, Debug, Deserialize)]
pub struct ServiceAccount {
    metadata: Metadata,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    namespace: String,
    #[serde(default)]
    resource_version: String,
    #[serde(default)]
    creation_timestamp: Option<Time>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

impl ServiceAccount {
    /// Its name; none if it could not be asked for by it.
    pub fn key(&self) -> Option<Key> {
        Key::new(&self.metadata.namespace, &self.metadata.name)
    }

    /// What its annotations ask for.
    fn binding(&self, dialect: &Dialect) -> Result<Binding, Unbound> {
        let annotations = self.metadata.annotations.iter().flatten();
        Binding::parse(
            dialect,
            annotations.map(|(name, value)| (&**name, &**value)),
        )
    }

    /// Whether it was created less than `age` ago, or in what a slow clock takes for the future.
    pub(super) fn is_younger_than(&self, age: Duration, now: SystemTime) -> bool {
        let created = self.metadata.creation_timestamp.as_ref();
        let elapsed = created.map(|created| now.duration_since(SystemTime::from(created.0)));
        elapsed.is_some_and(|elapsed| elapsed.map_or(true, |elapsed| elapsed < age))
    }

    /// Its version, from which a watch may go on.
    pub(super) fn resource_version(&self) -> &str {
        &self.metadata.resource_version
    }
}

/// The events of a watch.
pub(crate) type Changes = BoxStream<'static, Result<WatchEvent<ServiceAccount>, kube::Error>>;

/// The annotation of the bookmark that ends the initial events.
pub(super) const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

/// A page of a list.
#[derive(Debug, Deserialize)]
pub(crate) struct Page {
    pub(super) metadata: PageMetadata,
    pub(super) items: Vec<ServiceAccount>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PageMetadata {
    pub(super) resource_version: String,
    pub(super) r#continue: String,
}

/// Asks the Kubernetes API for ServiceAccounts.
#[derive(Clone)]
pub struct ServiceAccounts {
    client: Client,
    dialect: Arc<Dialect>,
}

impl ServiceAccounts {
    /// Asks by this client, and reads annotations in this way.
    pub fn new(client: Client, dialect: Dialect) -> Self {
        let dialect = Arc::new(dialect);
        Self { client, dialect }
    }

    /// What a ServiceAccount's annotations ask for.
    pub fn binding(&self, service_account: &ServiceAccount) -> Result<Binding, Unbound> {
        service_account.binding(&self.dialect)
    }

    /// One ServiceAccount; none if the API server says that there is no such.
    pub async fn one(&self, key: &Key) -> Result<Option<ServiceAccount>, kube::Error> {
        let path = format!("/api/v1/namespaces/{}/serviceaccounts", key.namespace());
        let request = Request::new(path).get_metadata(key.name(), &GetParams::default());
        match self.ask(request).await {
            // The reason too, since a proxy's 404 says nothing about ServiceAccounts.
            Err(kube::Error::Api(status)) if status.code == 404 && status.reason == "NotFound" => {
                Ok(None)
            }
            result => result.map(Some),
        }
    }

    /// A page of all ServiceAccounts, the first one by an empty `continue` token.
    pub(crate) async fn page(&self, continue_token: &str) -> Result<Page, kube::Error> {
        let params = ListParams {
            limit: Some(PAGE_SIZE),
            continue_token: (!continue_token.is_empty()).then(|| continue_token.to_owned()),
            ..ListParams::default()
        };
        self.ask(everywhere().list_metadata(&params)).await
    }

    /// What changes after a version, bookmarks included.
    pub(crate) async fn changes(&self, resource_version: &str) -> Result<Changes, kube::Error> {
        self.watch(&WatchParams::default(), resource_version).await
    }

    /// All that there is now, one event each, a bookmark that ends them, and what changes from then on.
    ///
    /// A server that does not know this refuses it, or never sends that bookmark:
    /// <https://kubernetes.io/docs/reference/using-api/api-concepts/#streaming-lists>.
    pub(super) async fn everything(&self) -> Result<Changes, kube::Error> {
        // No version asks for the newest state, as a list without one does.
        self.watch(&WatchParams::default().initial_events(), "")
            .await
    }

    async fn watch(&self, params: &WatchParams, version: &str) -> Result<Changes, kube::Error> {
        let request = everywhere().watch_metadata(params, version);
        let request = request.map_err(kube::Error::BuildRequest)?;
        Ok(self.client.request_events(request).await?.boxed())
    }

    async fn ask<T: for<'a> Deserialize<'a>>(
        &self,
        request: Result<hyper::Request<Vec<u8>>, request::Error>,
    ) -> Result<T, kube::Error> {
        let request = request.map_err(kube::Error::BuildRequest)?;
        let text = self.client.request_text(request).await?;
        serde_json::from_str(&text).map_err(kube::Error::SerdeError)
    }
}

fn everywhere() -> Request {
    Request::new("/api/v1/serviceaccounts")
}

/// Says in a line what went wrong with a call of this verb, and by which rule a missing permission is given.
pub(crate) fn describe_call(verb: &str, error: &kube::Error) -> String {
    let reason = describe(error);
    if !is_forbidden(error) {
        return reason;
    }
    format!(
        "{reason}; add to the webhook's ClusterRole the rule \
         {{apiGroups: [\"\"], resources: [serviceaccounts], verbs: [{verb}]}}"
    )
}

/// Whether RBAC refused a call.
pub(super) fn is_forbidden(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 403)
}

/// Says in a line what went wrong with the API server, and whose word it is.
pub fn describe(error: &kube::Error) -> String {
    use std::error::Error as _;
    match error {
        kube::Error::Api(status) => {
            format!(
                "the API server answered {} {}: {}",
                status.code, status.reason, status.message
            )
        }
        other => {
            let mut text = other.to_string();
            let mut source = other.source();
            while let Some(cause) = source {
                let cause_text = cause.to_string();
                // Many errors repeat their cause.
                if !text.contains(&cause_text) {
                    text = format!("{text}: {cause_text}");
                }
                source = cause.source();
            }
            format!("the API server cannot be asked: {text}")
        }
    }
}

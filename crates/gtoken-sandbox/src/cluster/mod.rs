//! A real cluster whose pods call the metadata server: who called, and as which Google account it may act.
//!
//! As on GKE, that is told by the caller's address alone. Three things are put together: the folder that a CNI plugin keeps
//! says which pod has the address, the pod names its ServiceAccount, and the ServiceAccount's annotation the Google account.

mod client;
mod directory;
mod kubeconfig;

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

use client::{Client, ReadError};
pub(crate) use directory::{Pod, PodDirectory};
use kubeconfig::Access;
pub use kubeconfig::KubeconfigError;
use serde::Deserialize;
use serde_json::Value;

use crate::google::{GoogleIdentity, Identity};
use crate::shared::Shared;

/// How pods are told apart.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClusterConfig {
    /// The folder that the CNI plugin writes, as its configuration's `podsFolder` names it.
    pub pods_folder: PathBuf,
    /// A kubeconfig whose user may get pods and ServiceAccounts.
    pub kubeconfig: PathBuf,
    /// Whose tokens a caller gets that is no pod with an address of its own.
    #[serde(default = "GoogleIdentity::node")]
    pub node: GoogleIdentity,
    /// Unique ids by email; accounts that are not named here have that of [`GoogleIdentity::named`].
    #[serde(default)]
    pub accounts: HashMap<String, String>,
}

/// The cluster, and what was learnt of its pods.
pub(crate) struct Cluster {
    pods: PodDirectory,
    client: Client,
    node: GoogleIdentity,
    accounts: HashMap<String, String>,
    /// By uid; a pod's ServiceAccount never changes.
    service_accounts: Shared<HashMap<String, String>>,
}

/// Why it is not known whom the caller may act as.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallerError {
    #[error("cannot tell who calls from {address}: {folder} cannot be read: {cause}", folder = .folder.display())]
    Directory {
        address: IpAddr,
        folder: PathBuf,
        cause: io::Error,
    },
    #[error("cannot tell the Google account of the pod {namespace}/{name}: {cause}")]
    Read {
        namespace: String,
        name: String,
        cause: ReadError,
    },
    #[error(
        "the pod {namespace}/{name} that calls is not in the cluster, or another took its name"
    )]
    Gone { namespace: String, name: String },
}

/// The annotation that links a ServiceAccount to a Google account.
const LINK: &str = "iam.gke.io/gcp-service-account";

/// The most pods whose ServiceAccount is remembered.
const MAX_REMEMBERED: usize = 10_000;

impl Cluster {
    /// Reads the kubeconfig; the API server need not answer yet.
    pub(crate) fn new(config: ClusterConfig) -> Result<Self, KubeconfigError> {
        let access = Access::read(&config.kubeconfig)?;
        let client = Client::new(&access).map_err(|fault| KubeconfigError::Content {
            path: config.kubeconfig,
            fault,
        })?;
        Ok(Self {
            pods: PodDirectory::new(config.pods_folder),
            client,
            node: config.node,
            accounts: config.accounts,
            service_accounts: Shared::default(),
        })
    }

    /// The pod that has the address; none is the node, with its hostNetwork pods.
    pub(crate) fn pod(&self, address: IpAddr) -> Result<Option<Pod>, CallerError> {
        self.pods
            .find(address)
            .map_err(|cause| CallerError::Directory {
                address,
                folder: self.pods.path().to_owned(),
                cause,
            })
    }

    /// Whom the pod acts as now, which is read anew each time; it waits for the API server.
    pub(crate) fn identity(&self, pod: Option<&Pod>) -> Result<Identity, CallerError> {
        let Some(pod) = pod else {
            return Ok(Identity::Node(self.node.clone()));
        };
        let service_account = self.service_account(pod)?;
        let namespace = &pod.namespace;
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{service_account}");
        let object = self.get(pod, &path)?.unwrap_or_default();
        let email = object["metadata"]["annotations"][LINK].as_str();
        Ok(match email.filter(|email| !email.is_empty()) {
            Some(email) => Identity::Linked(self.account(email)),
            None => Identity::Unlinked {
                namespace: namespace.clone(),
                service_account,
            },
        })
    }

    /// The Google account of this email.
    pub(crate) fn account(&self, email: &str) -> GoogleIdentity {
        match self.accounts.get(email) {
            Some(unique_id) => GoogleIdentity {
                email: email.to_owned(),
                unique_id: unique_id.clone(),
            },
            None => GoogleIdentity::named(email),
        }
    }

    fn service_account(&self, pod: &Pod) -> Result<String, CallerError> {
        if let Some(known) = self.service_accounts.lock().get(&pod.uid) {
            return Ok(known.clone());
        }
        let Pod {
            namespace, name, ..
        } = pod;
        let path = format!("/api/v1/namespaces/{namespace}/pods/{name}");
        let object = self.get(pod, &path)?.unwrap_or_default();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let found = text(&object["spec"]["serviceAccountName"])
            .filter(|_| object["metadata"]["uid"].as_str() == Some(&pod.uid));
        let found = found.ok_or_else(|| CallerError::Gone {
            namespace: namespace.clone(),
            name: name.clone(),
        })?;
        let mut known = self.service_accounts.lock();
        if known.len() >= MAX_REMEMBERED {
            known.clear();
        }
        known.insert(pod.uid.clone(), found.clone());
        Ok(found)
    }

    fn get(&self, pod: &Pod, path: &str) -> Result<Option<Value>, CallerError> {
        self.client.get(path).map_err(|cause| CallerError::Read {
            namespace: pod.namespace.clone(),
            name: pod.name.clone(),
            cause,
        })
    }
}

//! The file of `--config`.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use crate::aws::Role;
use crate::cluster::ClusterConfig;
use crate::google::{GoogleIdentity, Identity};
use crate::sandbox::Config;

/// The form of the file, as `--help` shows it.
pub(super) const HELP: &str = r#"The file of --config, in which everything is optional and times are in seconds:
  {
    "identity": {"linked": {"email": "NAME@PROJECT.iam.gserviceaccount.com", "uniqueId": "1048…"}},
    "roles": [{"arn": "arn:aws:iam::123456789012:role/NAME", "trustPolicy": {…}, "maxSessionDuration": 3600}],
    "tokenLifetime": 3600,
    "sessionLifetime": 3600,
    "expiryGrace": 300,
    "cluster": {
      "podsFolder": "/run/gtoken-sandbox/pods", "kubeconfig": "/etc/kubernetes/admin.conf",
      "node": {"email": "…", "uniqueId": "…"}, "accounts": {"NAME@PROJECT.iam.gserviceaccount.com": "1048…"}
    }
  }
The identity may also be {"node": {…}}, as on a node pool without Workload Identity, or
{"unlinked": {"namespace": "…", "serviceAccount": "…"}}.
Without roles there is arn:aws:iam::123456789012:role/reader, which trusts
reader@gtoken-sandbox.iam.gserviceaccount.com, the identity unless another is given.
With a cluster, pods are told apart by their addresses as on GKE, and each gets the Google account that the
iam.gke.io/gcp-service-account annotation of its ServiceAccount names; a caller that is no pod gets the node's. The
folder is written by the CNI plugin (`gtoken-sandbox cni --help`). Node and accounts are optional: an account without
a unique id here has one that follows from its email."#;

/// What the sandbox starts with, besides addresses.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Settings {
    pub(super) identity: Identity,
    pub(super) roles: Vec<Role>,
    token_lifetime: u64,
    session_lifetime: u64,
    expiry_grace: u64,
    pub(super) cluster: Option<ClusterConfig>,
}

impl Default for Settings {
    fn default() -> Self {
        let config = Config::default();
        Self {
            identity: Identity::Linked(GoogleIdentity::reader()),
            roles: vec![Role::reader()],
            token_lifetime: config.token_lifetime.as_secs(),
            session_lifetime: config.session_lifetime.as_secs(),
            expiry_grace: config.expiry_grace.as_secs(),
            cluster: None,
        }
    }
}

impl Settings {
    pub(super) fn read(file: &Path) -> anyhow::Result<Self> {
        let shown = file.display();
        let text = std::fs::read(file).map_err(|error| {
            anyhow::anyhow!("cannot read the configuration {shown}: {error}; name a file that can be read with --config")
        })?;
        serde_json::from_slice(&text).map_err(|error| {
            anyhow::anyhow!("cannot use the configuration {shown}: {error}; `gtoken-sandbox up --help` shows its form")
        })
    }

    /// The account that the files of credentials lead to.
    pub(super) fn account(&self) -> GoogleIdentity {
        match &self.identity {
            Identity::Linked(account) => account.clone(),
            Identity::Node(_) | Identity::Unlinked { .. } => GoogleIdentity::reader(),
        }
    }

    pub(super) fn config(&self) -> Config {
        Config {
            identity: self.identity.clone(),
            token_lifetime: Duration::from_secs(self.token_lifetime),
            session_lifetime: Duration::from_secs(self.session_lifetime),
            expiry_grace: Duration::from_secs(self.expiry_grace),
            cluster: self.cluster.clone(),
            ..Config::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_optional_and_nothing_unknown_is_passed_over() {
        let settings: Settings = serde_json::from_str("{}").unwrap();
        assert_eq!(settings, Settings::default());
        let settings: Settings =
            serde_json::from_str(r#"{"tokenLifetime": 60, "roles": []}"#).unwrap();
        assert_eq!(settings.config().token_lifetime, Duration::from_mins(1));
        let unknown = serde_json::from_str::<Settings>(r#"{"tokenLifetimes": 60}"#);
        assert!(unknown.unwrap_err().to_string().contains("tokenLifetimes"));
    }
}

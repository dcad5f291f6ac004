//! The way to the Kubernetes API, and which version answers there.

mod counted;

pub use counted::counted;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use gtoken_inject::ServerVersion;
use kube::config::{InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError, LoadDataError};
use kube::{Client, Config};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use crate::accounts::api::describe;
use crate::ready::Awaited;

/// The variable that names kubeconfig files.
pub const KUBECONFIG: &str = "KUBECONFIG";

/// How often the version is read again: a control plane is upgraded while we run.
const VERSION_INTERVAL: Duration = Duration::from_mins(5);
/// How soon it is tried again after a failure.
const VERSION_RETRY: Duration = Duration::from_secs(2);
/// How long the API server may take to tell its version.
const VERSION_TIMEOUT: Duration = Duration::from_secs(5);

/// A client by KUBECONFIG, else by what a pod is given, else by `~/.kube/config`, in client-go's order.
pub async fn client(variable: impl Fn(&str) -> Option<OsString>) -> Result<Client, NoCluster> {
    let is_set = |name| variable(name).filter(|value| !value.is_empty());
    if let Some(paths) = is_set(KUBECONFIG) {
        let paths: Vec<PathBuf> = std::env::split_paths(&paths).collect();
        return by_files(&paths).await;
    }
    if is_set("KUBERNETES_SERVICE_HOST").is_some() {
        return connect(Config::incluster().map_err(NoCluster::InCluster)?);
    }
    let home = is_set("HOME").ok_or(NoCluster::Nothing)?;
    by_files(&[PathBuf::from(home).join(".kube/config")]).await
}

async fn by_files(paths: &[PathBuf]) -> Result<Client, NoCluster> {
    let unusable = |error| NoCluster::Kubeconfig {
        paths: paths.to_vec(),
        reason: without_content(&error),
    };
    let mut kubeconfig = Kubeconfig::default();
    let mut paths_there = paths
        .iter()
        .filter(|path| !path.as_os_str().is_empty())
        .collect::<Vec<_>>();
    if paths_there.iter().any(|path| path.exists()) {
        // As client-go has it: of several files some may be missing.
        paths_there.retain(|path| path.exists());
    }
    for path in paths_there {
        let next = Kubeconfig::read_from(path).map_err(unusable)?;
        kubeconfig = kubeconfig.merge(next).map_err(unusable)?;
    }
    let names_proxy = names_proxy(&kubeconfig);
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    let mut config = config.map_err(unusable)?;
    if !names_proxy {
        // kube takes HTTPS_PROXY of the environment too, even for an API server on this machine.
        config.proxy_url = None;
    }
    connect(config)
}

fn names_proxy(kubeconfig: &Kubeconfig) -> bool {
    let mut clusters = kubeconfig
        .clusters
        .iter()
        .filter_map(|named| named.cluster.as_ref());
    clusters.any(|cluster| cluster.proxy_url.is_some())
}

fn connect(mut config: Config) -> Result<Client, NoCluster> {
    // What is worth trying again, and how often, is decided where it is asked.
    config.default_retry = false;
    Client::try_from(config).map_err(|error| NoCluster::Client(Box::new(error)))
}

/// Why there is no way to a Kubernetes API; it is for the operator to mend.
#[derive(Debug, thiserror::Error)]
pub enum NoCluster {
    /// What the configuration asks for cannot be done.
    #[error(
        "cannot connect to Kubernetes as configured: {0}; check the certificates and keys that are named there"
    )]
    Client(Box<kube::Error>),
    /// A pod has no token or no certificate of its cluster.
    #[error(
        "cannot read what a pod is given of its cluster: {0}; is automountServiceAccountToken off?"
    )]
    InCluster(InClusterError),
    /// A kubeconfig is missing or wrong.
    #[error(
        "cannot use the kubeconfig {paths}: {reason}; mend it, or name another by {KUBECONFIG}",
        paths = shown(paths)
    )]
    Kubeconfig {
        /// The files that were tried.
        paths: Vec<PathBuf>,
        /// What is wrong with them.
        reason: String,
    },
    /// There is nothing that says where it is.
    #[error("no Kubernetes: set {KUBECONFIG} to the path of a kubeconfig, or run in a pod")]
    Nothing,
}

/// Says what is wrong with a kubeconfig, but not what stands in it: that may be a key or a token.
fn without_content(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::ReadConfig(error, _) => error.to_string(),
        KubeconfigError::Parse(error) => match error.location() {
            Some(at) => format!(
                "it is no kubeconfig at line {}, column {}",
                at.line(),
                at.column()
            ),
            None => "it is no kubeconfig in YAML".to_owned(),
        },
        KubeconfigError::LoadCertificateAuthority(error)
        | KubeconfigError::LoadClientCertificate(error)
        | KubeconfigError::LoadClientKey(error) => match error {
            LoadDataError::ReadFile(error, path) => format!("{}: {error}", path.display()),
            _ => "a certificate or key in it is no base64".to_owned(),
        },
        KubeconfigError::ParseCertificates(_) => "a certificate or key in it is no PEM".to_owned(),
        KubeconfigError::ParseClusterUrl(_) | KubeconfigError::ParseProxyUrl(_) => {
            "a server or proxy in it is no URL".to_owned()
        }
        // The others name contexts and clusters, which are no secrets.
        other => other.to_string(),
    }
}

fn shown(paths: &[PathBuf]) -> String {
    let paths: Vec<_> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    paths.join(", ")
}

/// Reads the version at once and every 5 minutes; what was read last counts until the next is.
pub async fn follow_version(
    client: Client,
    version: watch::Sender<ServerVersion>,
    read: &Awaited,
) -> std::convert::Infallible {
    loop {
        match ask_version(&client).await {
            Ok(found) => {
                let is_new =
                    version.send_if_modified(|known| std::mem::replace(known, found) != found);
                if is_new {
                    info!(
                        major = found.major,
                        minor = found.minor,
                        "the API server's version"
                    );
                }
                read.arrived();
                sleep(VERSION_INTERVAL).await;
            }
            Err(reason) => {
                warn!(reason, "cannot read the API server's version; trying again");
                sleep(if read.is_missing() {
                    VERSION_RETRY
                } else {
                    VERSION_INTERVAL / 10
                })
                .await;
            }
        }
    }
}

/// Which version answers; the error says in a line why that is not known.
pub async fn ask_version(client: &Client) -> Result<ServerVersion, String> {
    let info = match timeout(VERSION_TIMEOUT, client.apiserver_version()).await {
        Ok(info) => info.map_err(|error| describe(&error))?,
        Err(_) => {
            return Err(format!(
                "the API server did not answer within {VERSION_TIMEOUT:?}"
            ));
        }
    };
    ServerVersion::parse(&info.major, &info.minor).ok_or_else(|| {
        format!(
            "it says {}.{}, which is no version; is it a Kubernetes API server?",
            info.major, info.minor
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(value: Option<&str>) -> impl Fn(&str) -> Option<OsString> {
        move |name| value.filter(|_| name == KUBECONFIG).map(OsString::from)
    }

    #[tokio::test]
    async fn a_kubeconfig_that_cannot_be_used_is_named_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing");
        let broken = folder.path().join("broken");
        std::fs::write(&broken, "clusters: 5").unwrap();
        let empty = folder.path().join("empty");
        std::fs::write(&empty, "apiVersion: v1\nkind: Config\n").unwrap();
        for path in [missing, broken, empty] {
            let path = path.to_str().unwrap();
            let error = client(with(Some(path))).await.err().unwrap().to_string();
            assert!(error.contains(path), "{error}");
        }
    }

    #[tokio::test]
    async fn what_stands_in_a_kubeconfig_is_in_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        for user in [
            "token: s3cr3t: x",
            "token: [s3cr3t]",
            "user: s3cr3t",
            "client-key-data: s3cr3t!",
            "client-certificate-data: s3cr3t!",
        ] {
            let text = format!(
                "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
                 clusters:\n- name: c\n  cluster: {{server: 'https://localhost'}}\n\
                 contexts:\n- name: c\n  context: {{cluster: c, user: u}}\n\
                 users:\n- name: u\n  user:\n    {user}\n"
            );
            std::fs::write(&path, text).unwrap();
            if let Err(error) = client(with(path.to_str())).await {
                let error = format!("{:#}", anyhow::Error::from(error));
                assert!(
                    !error.contains("s3cr3t") && error.lines().count() == 1,
                    "{error}"
                );
            }
        }
    }

    #[tokio::test]
    async fn of_several_kubeconfigs_some_may_be_missing() {
        let folder = tempfile::tempdir().unwrap();
        let broken = folder.path().join("broken");
        std::fs::write(&broken, "clusters: 5").unwrap();
        let paths = format!("/missing:{}", broken.display());
        let error = client(with(Some(&paths))).await.err().unwrap().to_string();
        assert!(error.contains("line 1"), "{error}");
    }

    #[tokio::test]
    async fn with_nothing_at_all_it_says_what_to_set() {
        for value in [None, Some("")] {
            let error = client(with(value)).await.err().unwrap();
            assert!(error.to_string().contains("set KUBECONFIG"), "{error}");
        }
    }
}

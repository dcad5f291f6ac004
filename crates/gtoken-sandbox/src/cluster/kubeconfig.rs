//! The file that says where a cluster is and who we are there.
//!
//! <https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/>. Of its ways to say who we are,
//! client certificates and bearer tokens are known; a program to run or a password is refused.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// What a client needs, read from the current context.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Access {
    /// `https://HOST:PORT`, without a slash at the end.
    pub(crate) server: String,
    /// The certificates to trust, in PEM.
    pub(crate) authority: Vec<u8>,
    pub(crate) credential: Credential,
}

/// How we say who we are; `Debug` is not derived because it holds secrets.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Credential {
    Token(String),
    /// Both in PEM.
    Certificate {
        chain: Vec<u8>,
        key: Vec<u8>,
    },
}

/// Why a kubeconfig cannot be used; whoever wrote the file, or named it, can mend it.
#[derive(Debug, thiserror::Error)]
pub enum KubeconfigError {
    /// It, or a file it names, cannot be read.
    #[error("cannot read {path}, which is the kubeconfig or named in it: {cause}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// It is no kubeconfig.
    #[error("cannot use the kubeconfig {path}: {fault}")]
    Content {
        /// The kubeconfig.
        path: PathBuf,
        /// What is wrong with it.
        fault: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Document {
    current_context: String,
    clusters: Vec<NamedCluster>,
    users: Vec<NamedUser>,
    contexts: Vec<NamedContext>,
}

#[derive(Deserialize)]
struct NamedCluster {
    name: String,
    cluster: Cluster,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Cluster {
    server: String,
    certificate_authority: Option<PathBuf>,
    certificate_authority_data: Option<String>,
}

#[derive(Deserialize)]
struct NamedUser {
    name: String,
    user: User,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct User {
    token: Option<String>,
    #[serde(rename = "tokenFile")]
    token_file: Option<PathBuf>,
    client_certificate: Option<PathBuf>,
    client_certificate_data: Option<String>,
    client_key: Option<PathBuf>,
    client_key_data: Option<String>,
}

#[derive(Deserialize)]
struct NamedContext {
    name: String,
    context: Context,
}

#[derive(Deserialize)]
struct Context {
    cluster: String,
    user: String,
}

impl Access {
    /// Reads the file and those it names; their paths are relative to its folder.
    pub(crate) fn read(path: &Path) -> Result<Self, KubeconfigError> {
        let text = read(path)?;
        let content = |fault: String| KubeconfigError::Content {
            path: path.to_owned(),
            fault,
        };
        let text = String::from_utf8(text).map_err(|error| content(error.to_string()))?;
        let document: Document = serde_saphyr::from_str(&text)
            .map_err(|error| content(format!("{}", error.without_snippet())))?;
        let (cluster, user) = document.current().map_err(content)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let content_of =
            |file: Option<PathBuf>, data: Option<String>, name: &str| match (file, data) {
                (_, Some(data)) => STANDARD
                    .decode(data)
                    .map(Some)
                    .map_err(|error| content(format!("{name}-data is no base64: {error}"))),
                (Some(file), None) => read(&folder.join(file)).map(Some),
                (None, None) => Ok(None),
            };
        let authority = content_of(
            cluster.certificate_authority,
            cluster.certificate_authority_data,
            "certificate-authority",
        )?;
        let chain = content_of(
            user.client_certificate,
            user.client_certificate_data,
            "client-certificate",
        )?;
        let key = content_of(user.client_key, user.client_key_data, "client-key")?;
        let token = match (user.token, user.token_file) {
            (None, Some(file)) => {
                let token = read(&folder.join(file))?;
                Some(String::from_utf8_lossy(&token).trim().to_owned())
            }
            (token, _) => token,
        };
        let credential = match (chain, key, token) {
            (Some(chain), Some(key), _) => Credential::Certificate { chain, key },
            (_, _, Some(token)) => Credential::Token(token),
            _ => {
                let fault = "its user has neither a token nor a client certificate with its key";
                return Err(content(fault.into()));
            }
        };
        let authority =
            authority.ok_or_else(|| content("its cluster has no certificate-authority".into()))?;
        Ok(Self {
            server: cluster.server.trim_end_matches('/').to_owned(),
            authority,
            credential,
        })
    }
}

impl Document {
    /// The cluster and the user of the current context.
    fn current(self) -> Result<(Cluster, User), String> {
        let missing = |kind: &str, name: &str| format!("it has no {kind} named {name}");
        let wanted = self.current_context;
        let context = self.contexts.into_iter().find(|item| item.name == wanted);
        let Context { cluster, user } = context.ok_or_else(|| missing("context", &wanted))?.context;
        let found = self.clusters.into_iter().find(|item| item.name == cluster);
        let found_user = self.users.into_iter().find(|item| item.name == user);
        Ok((
            found.ok_or_else(|| missing("cluster", &cluster))?.cluster,
            found_user.ok_or_else(|| missing("user", &user))?.user,
        ))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, KubeconfigError> {
    fs::read(path).map_err(|cause| KubeconfigError::File {
        path: path.to_owned(),
        cause,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const YAML: &str = "apiVersion: v1\nkind: Config\ncurrent-context: bed\n\
        clusters:\n- name: other\n  cluster: {server: 'https://x'}\n\
        - name: c\n  cluster:\n    server: https://10.0.0.1:6443/\n    certificate-authority: ca.pem\n\
        users:\n- name: u\n  user:\n    USER\n\
        contexts:\n- name: bed\n  context: {cluster: c, user: u}\n";

    fn access(user: &str) -> Result<Access, String> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.pem"), "authority").unwrap();
        fs::write(folder.path().join("token"), "from a file\n").unwrap();
        let file = folder.path().join("kubeconfig");
        fs::write(&file, YAML.replace("USER", user)).unwrap();
        Access::read(&file).map_err(|error| error.to_string())
    }

    #[test]
    fn the_current_context_leads_to_server_authority_and_credential() {
        let certificate = Credential::Certificate {
            chain: b"chain".to_vec(),
            key: b"key".to_vec(),
        };
        for (user, credential) in [
            ("token: abc", Credential::Token("abc".into())),
            ("tokenFile: token", Credential::Token("from a file".into())),
            (
                "client-certificate-data: Y2hhaW4=\n    client-key-data: a2V5",
                certificate,
            ),
        ] {
            let access = access(user).unwrap();
            assert_eq!(access.server, "https://10.0.0.1:6443");
            assert_eq!(access.authority, b"authority");
            assert!(access.credential == credential, "{user}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (user, part) in [
            ("exec: {command: x}", "neither a token nor"),
            ("client-certificate: missing.pem", "missing.pem"),
            (
                "client-certificate-data: '!'",
                "client-certificate-data is no base64",
            ),
            ("token: [", "kubeconfig"),
        ] {
            let error = access(user).err().expect(user);
            assert!(error.contains(part), "{user}: {error}");
        }
        let mut document = YAML.replace("USER", "token: x");
        document = document.replace("cluster: c", "cluster: d");
        let document: Document = serde_saphyr::from_str(&document).unwrap();
        assert_eq!(
            document.current().err().as_deref(),
            Some("it has no cluster named d")
        );
    }
}

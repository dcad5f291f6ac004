//! Reading single objects from a Kubernetes API server.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Error};

use super::kubeconfig::{Access, Credential};

/// A client of one cluster, which waits while it reads.
pub(crate) struct Client {
    agent: Agent,
    server: String,
    authorization: Option<String>,
}

/// Why an object could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("the API server at {server} cannot be reached: {cause}")]
    Unreachable { server: String, cause: Box<Error> },
    #[error("the API server at {server} answered {status} to GET {path}")]
    Refused {
        server: String,
        path: String,
        status: u16,
    },
}

/// How long an answer may take: less than the client of the metadata server waits.
const PATIENCE: Duration = Duration::from_secs(5);

impl Client {
    /// A client that trusts the cluster's authority only; the error says which PEM is none.
    pub(crate) fn new(access: &Access) -> Result<Self, String> {
        let authority = certificates(&access.authority, "certificate-authority")?;
        let (client, authorization) = match &access.credential {
            Credential::Token(token) => (None, Some(format!("Bearer {token}"))),
            Credential::Certificate { chain, key } => {
                let chain = certificates(chain, "client-certificate")?;
                let key = PrivateKey::from_pem(key)
                    .map_err(|error| format!("its client-key is no PEM: {error}"))?;
                (Some(ClientCert::new_with_certs(&chain, key)), None)
            }
        };
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(authority)))
            .client_cert(client)
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(PATIENCE))
            .proxy(None)
            .build()
            .new_agent();
        Ok(Self {
            agent,
            server: access.server.clone(),
            authorization,
        })
    }

    /// The object at this path, or nothing where there is none.
    pub(crate) fn get(&self, path: &str) -> Result<Option<Value>, ReadError> {
        let unreachable = |cause| ReadError::Unreachable {
            server: self.server.clone(),
            cause: Box::new(cause),
        };
        let mut request = self.agent.get(format!("{}{path}", self.server));
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        let mut answer = request.call().map_err(unreachable)?;
        match answer.status().as_u16() {
            200 => answer.body_mut().read_json().map(Some).map_err(unreachable),
            404 => Ok(None),
            status => Err(ReadError::Refused {
                server: self.server.clone(),
                path: path.to_owned(),
                status,
            }),
        }
    }
}

fn certificates(pem: &[u8], name: &str) -> Result<Vec<Certificate<'static>>, String> {
    let mut found = Vec::new();
    for item in parse_pem(pem) {
        let item = item.map_err(|error| format!("its {name} is no PEM: {error}"))?;
        if let PemItem::Certificate(certificate) = item {
            found.push(certificate);
        }
    }
    if found.is_empty() {
        return Err(format!("its {name} holds no certificate"));
    }
    Ok(found)
}

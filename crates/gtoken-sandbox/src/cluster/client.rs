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

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, Issuer, KeyPair};
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::server::WebPkiClientVerifier;
    use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

    use super::*;

    /// A certificate and its key, both in PEM.
    fn issue(authority: &Issuer<'_, KeyPair>, usage: ExtendedKeyUsagePurpose) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.extended_key_usages = vec![usage];
        let certificate = params.signed_by(&key, authority).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// TLS that lets in only who has a certificate of this authority, which also signed its own.
    fn guarded(authority: &str, (certificate, key): &(String, String)) -> ServerConfig {
        let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(der(authority)).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
        ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(
                vec![der(certificate)],
                PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
            )
            .unwrap()
    }

    #[test]
    fn a_client_certificate_opens_what_asks_for_one() {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        let server = issue(&issuer, ExtendedKeyUsagePurpose::ServerAuth);
        let config = Arc::new(guarded(&authority, &server));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serving = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
            let mut request = [0; 14];
            stream.read_exact(&mut request).unwrap();
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
            stream.write_all(answer).unwrap();
            request
        });

        let (chain, key) = issue(&issuer, ExtendedKeyUsagePurpose::ClientAuth);
        let client = Client::new(&Access {
            server: format!("https://{address}"),
            authority: authority.into_bytes(),
            credential: Credential::Certificate {
                chain: chain.into_bytes(),
                key: key.into_bytes(),
            },
        });
        let object = client.unwrap().get("/api/v1").unwrap();
        assert_eq!(object, Some(serde_json::json!({})));
        assert_eq!(&serving.join().unwrap(), b"GET /api/v1 HT");
    }
}

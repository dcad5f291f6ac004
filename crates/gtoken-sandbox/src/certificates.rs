//! The sandbox's own certificate authority: one per sandbox, so that no test trusts another's servers.

use std::net::IpAddr;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// The authority that signs every certificate of one sandbox.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// The names that the sandbox's own servers go by.
const OWN_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

impl Authority {
    /// A new authority with a key of its own.
    pub(crate) fn new() -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "gtoken sandbox");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pem = params.self_signed(&key)?.pem();
        let issuer = Issuer::new(params, key);
        Ok(Self { issuer, pem })
    }

    /// The authority's certificate.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// A server certificate for these DNS names and addresses, and its key, both in PEM.
    pub(crate) fn issue(&self, names: &[&str]) -> Result<(String, String), rcgen::Error> {
        let key = KeyPair::generate()?;
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names)?;
        params
            .distinguished_name
            .push(DnType::CommonName, "gtoken sandbox server");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok((certificate.pem(), key.serialize_pem()))
    }

    /// TLS for one of the sandbox's own servers, at this address and on loopback, that goes by these names as well.
    pub(crate) fn acceptor(
        &self,
        address: IpAddr,
        names: &[String],
    ) -> Result<TlsAcceptor, TlsError> {
        let address = address.to_string();
        let names = names.iter().map(String::as_str);
        let mut all: Vec<&str> = OWN_NAMES.into_iter().chain(names).collect();
        if !all.contains(&address.as_str()) {
            all.push(&address);
        }
        let (certificate, key) = self.issue(&all)?;
        let certificate = CertificateDer::from_pem_slice(certificate.as_bytes())?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// Why the sandbox could not make certificates for itself; a fault of the sandbox or of the machine's randomness.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A certificate could not be made.
    #[error("cannot make a certificate")]
    Certificate(#[from] rcgen::Error),
    /// The certificate just made could not be read.
    #[error("cannot read the certificate just made")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// TLS does not take the certificate.
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
}

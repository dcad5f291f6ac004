//! What stands in a `caBundle`: the certificates that API servers trust for one entry of a webhook configuration.

use std::fmt;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::certificate::{Certificate, Fingerprint};

/// The certificates of a `caBundle`, each once.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CaBundle {
    certificates: Vec<Certificate>,
    /// Something that is no certificate, or one that is there twice.
    has_litter: bool,
}

impl CaBundle {
    /// Reads PEM; what cannot be read is left out.
    pub fn read(pem: &[u8]) -> Self {
        let mut bundle = Self::default();
        let mut rest = CertificateDer::pem_slice_iter(pem);
        loop {
            match rest.next() {
                Some(Ok(der)) => bundle.take(Certificate::read(der)),
                // The reader goes on behind what it cannot read.
                Some(Err(_)) => bundle.take(None),
                None => break,
            }
        }
        bundle.has_litter |= bundle.certificates.is_empty() && !pem.is_empty();
        bundle
    }

    /// These, in this order.
    pub fn of(certificates: impl IntoIterator<Item = Certificate>) -> Self {
        let mut bundle = Self::default();
        for certificate in certificates {
            if !bundle.holds(&certificate) {
                bundle.certificates.push(certificate);
            }
        }
        bundle
    }

    fn take(&mut self, certificate: Option<Certificate>) {
        match certificate {
            Some(certificate) if !self.holds(&certificate) => self.certificates.push(certificate),
            _ => self.has_litter = true,
        }
    }

    /// All of them.
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// Whether there is more in it than certificates, each once.
    pub fn has_litter(&self) -> bool {
        self.has_litter
    }

    /// Whether this one is in it.
    pub fn holds(&self, certificate: &Certificate) -> bool {
        self.certificates.contains(certificate)
    }

    /// Whether one with this fingerprint is in it.
    pub fn has(&self, fingerprint: &Fingerprint) -> bool {
        let mut certificates = self.certificates.iter();
        certificates.any(|certificate| certificate.fingerprint() == *fingerprint)
    }

    /// Whether a server that shows this leaf is trusted.
    pub fn trusts(&self, leaf: &Certificate) -> bool {
        let mut certificates = self.certificates.iter();
        certificates.any(|authority| leaf.is_signed_by(authority))
    }

    /// In PEM.
    pub fn pem(&self) -> String {
        self.certificates.iter().map(Certificate::pem).collect()
    }
}

impl fmt::Debug for CaBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.certificates).finish()
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> Certificate {
        let made = rcgen::generate_simple_self_signed(["somebody".to_owned()]).unwrap();
        Certificate::read(made.cert.der().clone()).unwrap()
    }

    #[test]
    fn what_is_written_is_read_back_without_litter() {
        let [one, other] = [made(), made()];
        let bundle = CaBundle::of([one.clone(), other.clone(), one.clone()]);
        let read = CaBundle::read(bundle.pem().as_bytes());
        assert_eq!(read, bundle);
        assert_eq!(read.certificates(), [one, other]);
        assert!(!read.has_litter() && !CaBundle::read(b"").has_litter());
    }

    #[test]
    fn what_others_write_around_certificates_is_no_litter_but_what_cannot_be_read_is() {
        let pem = made().pem();
        let commented = format!("# of somebody\n{pem}");
        assert!(!CaBundle::read(commented.as_bytes()).has_litter());
        let cut = pem.replace("-----END", "");
        let no_certificate = pem.replace(pem.lines().nth(1).unwrap(), "AAAA");
        for litter in [
            "nonsense",
            &format!("{pem}{pem}"),
            &format!("{pem}{no_certificate}"),
            &format!("{pem}{cut}"),
        ] {
            let bundle = CaBundle::read(litter.as_bytes());
            assert!(bundle.has_litter(), "{litter}");
            assert!(bundle.certificates().len() <= 1);
        }
    }
}

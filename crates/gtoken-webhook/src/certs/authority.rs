//! Our authorities and the leaves they sign: ECDSA over P-256, as every API server takes it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SerialNumber,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, DnsName, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use webpki::EndEntityCert;
use zeroize::{Zeroize as _, Zeroizing};

use super::certificate::{Certificate, Validity, authority_name};
use super::{Expiry, Served, provider};

/// The bytes of a serial number, which RFC 5280 lets have 20; fewer than 20 are never negative with one bit cleared.
const SERIAL: usize = 16;

/// An authority that can sign.
#[derive(Clone)]
pub struct Authority {
    certificate: Certificate,
    /// In PEM; overwritten when it is dropped.
    key: Zeroizing<String>,
}

/// A leaf that can be served.
#[derive(Clone)]
pub struct LeafPair {
    certificate: Certificate,
    /// In PEM; overwritten when it is dropped.
    key: Zeroizing<String>,
    served: Served,
}

/// The names that API servers call us by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsNames(Vec<String>);

impl Authority {
    /// Makes one that lives so long from now on.
    pub fn make(now: SystemTime, life: Duration) -> Result<Self, CannotMake> {
        let validity = Validity::from(now, life);
        let pair = Pair::generate()?;
        let mut params = params(validity)?;
        params.distinguished_name = common_name(authority_name(validity));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let made = params.self_signed(&pair.0)?;
        Ok(Self {
            certificate: read(made.der().clone())?,
            key: pair.pem(),
        })
    }

    /// One from PEM: a certificate as [`make`](Self::make) makes it, and its key.
    pub fn read(certificate: &str, key: Zeroizing<String>) -> Result<Self, Unusable> {
        let certificate = certificate_of(certificate)?;
        if !certificate.is_ours() {
            return Err(Unusable::NoAuthority);
        }
        certified(&certificate, &key)?;
        Ok(Self { certificate, key })
    }

    /// Its certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Its key, in PEM.
    pub fn key(&self) -> &Zeroizing<String> {
        &self.key
    }

    /// Signs a leaf that lives so long from now on, at the most as long as the authority.
    pub fn sign(
        &self,
        names: &DnsNames,
        now: SystemTime,
        life: Duration,
    ) -> Result<LeafPair, CannotMake> {
        let own = self.certificate.validity();
        let mut validity = Validity::from(now, life);
        validity.not_after = validity.not_after.min(own.not_after);
        let pair = Pair::generate()?;
        let mut leaf = params(validity)?;
        leaf.subject_alt_names = CertificateParams::new(names.0.clone())?.subject_alt_names;
        leaf.use_authority_key_identifier_extension = true;
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let mut issuer = CertificateParams::default();
        issuer.distinguished_name = common_name(authority_name(own));
        issuer.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let signer = Pair(KeyPair::from_pem(&self.key)?);
        let made = leaf.signed_by(&pair.0, &Issuer::from_params(&issuer, &signer.0))?;
        let certificate = read(made.der().clone())?;
        if !certificate.is_signed_by(&self.certificate) {
            return Err(CannotMake::Untrusted);
        }
        LeafPair::new(certificate, pair.pem()).map_err(CannotMake::Leaf)
    }
}

impl LeafPair {
    /// One from PEM.
    pub fn read(certificate: &str, key: Zeroizing<String>) -> Result<Self, Unusable> {
        Self::new(certificate_of(certificate)?, key)
    }

    fn new(certificate: Certificate, key: Zeroizing<String>) -> Result<Self, Unusable> {
        let served = Served {
            certified: Arc::new(certified(&certificate, &key)?),
            expiry: Expiry(certificate.validity().not_after),
        };
        Ok(Self {
            certificate,
            key,
            served,
        })
    }

    /// Its certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Its key, in PEM.
    pub fn key(&self) -> &Zeroizing<String> {
        &self.key
    }

    /// Whether it is for all of these names.
    pub fn is_for(&self, names: &DnsNames) -> bool {
        let Ok(leaf) = EndEntityCert::try_from(self.certificate.der()) else {
            return false;
        };
        names.0.iter().all(|name| {
            let name = ServerName::try_from(name.as_str());
            name.is_ok_and(|name| leaf.verify_is_valid_for_subject_name(&name).is_ok())
        })
    }

    /// What is served of it.
    pub fn served(&self) -> Served {
        self.served.clone()
    }
}

impl fmt::Debug for Authority {
    /// Does not show the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authority({:?})", self.certificate)
    }
}

impl fmt::Debug for LeafPair {
    /// Does not show the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LeafPair({:?})", self.certificate)
    }
}

impl DnsNames {
    /// Those by which the API server calls a Service.
    pub fn of_service(name: &str, namespace: &str) -> Result<Self, NoDnsNames> {
        format!("{name}.{namespace}.svc,{name}.{namespace}.svc.cluster.local").parse()
    }
}

impl FromStr for DnsNames {
    type Err = NoDnsNames;

    /// Takes names with commas between.
    fn from_str(text: &str) -> Result<Self, NoDnsNames> {
        let names: Vec<_> = text.split(',').map(|name| name.trim().to_owned()).collect();
        match names
            .iter()
            .find(|name| DnsName::try_from(name.as_str()).is_err())
        {
            Some(name) => Err(NoDnsNames(name.clone())),
            None => Ok(Self(names)),
        }
    }
}

impl fmt::Display for DnsNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

/// A key pair whose private half is overwritten when it is dropped.
struct Pair(KeyPair);

impl Pair {
    fn generate() -> Result<Self, rcgen::Error> {
        KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map(Self)
    }

    fn pem(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.serialize_pem())
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

fn params(validity: Validity) -> Result<CertificateParams, CannotMake> {
    let moment = |time: SystemTime| {
        let since = time.duration_since(SystemTime::UNIX_EPOCH);
        rcgen::date_time_ymd(1970, 1, 1) + since.unwrap_or_default()
    };
    let mut serial = [0; SERIAL];
    let random = provider().secure_random.fill(&mut serial);
    random.map_err(|_| CannotMake::NoRandomness)?;
    // The sign; and the next, so that no leading zero makes it shorter than it says.
    serial[0] = serial[0] & 0x7f | 0x40;
    let mut params = CertificateParams::default();
    params.not_before = moment(validity.not_before);
    params.not_after = moment(validity.not_after);
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.distinguished_name = common_name("gtoken-webhook".to_owned());
    Ok(params)
}

fn common_name(name: String) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

fn read(der: CertificateDer<'static>) -> Result<Certificate, CannotMake> {
    Certificate::read(der).ok_or(CannotMake::Unreadable)
}

/// The first certificate of some PEM.
pub(super) fn certificate_of(pem: &str) -> Result<Certificate, Unusable> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes());
    let der = der.map_err(|_| Unusable::NoCertificate)?;
    Certificate::read(der).ok_or(Unusable::NoCertificate)
}

fn certified(certificate: &Certificate, key: &str) -> Result<CertifiedKey, Unusable> {
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| Unusable::NoKey)?;
    let certified = CertifiedKey::from_der(vec![certificate.der().clone()], key, &provider());
    certified.map_err(|_| Unusable::AnotherKey)
}

/// Why a certificate could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CannotMake {
    /// The leaf is none.
    #[error("the leaf that was made cannot be served: {0}")]
    Leaf(Unusable),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    NoRandomness,
    /// The library refuses.
    #[error("cannot make a certificate: {0}")]
    Refused(#[from] rcgen::Error),
    /// What was made cannot be read.
    #[error("the certificate that was made cannot be read")]
    Unreadable,
    /// Nobody would trust what was made, as where the authority was made by somebody else.
    #[error("the authority is not one of ours: nobody would trust what it signs")]
    Untrusted,
}

/// Why a pair of certificate and key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// They do not belong together.
    #[error("certificate and key do not belong together")]
    AnotherKey,
    /// One half is missing.
    #[error("half of the pair is missing")]
    Half,
    /// It must not sign, or we would not have made it.
    #[error("the certificate is of no authority that gtoken-webhook made")]
    NoAuthority,
    /// There is no certificate.
    #[error("there is no certificate that can be read")]
    NoCertificate,
    /// There is no key.
    #[error("there is no private key that can be read")]
    NoKey,
}

/// A text is no DNS name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no DNS name; it takes names like gtoken-webhook-svc.gtoken.svc with commas between"
)]
pub struct NoDnsNames(String);

#[cfg(test)]
mod tests {
    use super::*;

    const WEEK: Duration = Duration::from_hours(7 * 24);
    const YEAR: Duration = Duration::from_hours(365 * 24);

    fn names() -> DnsNames {
        DnsNames::of_service("gtoken-webhook-svc", "gtoken").unwrap()
    }

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_564_805)
    }

    #[test]
    fn a_leaf_is_trusted_by_its_authority_for_its_names_alone() {
        let authority = Authority::make(now(), YEAR).unwrap();
        let leaf = authority.sign(&names(), now(), WEEK).unwrap();
        let own = authority.certificate();
        assert!(own.is_ours() && !leaf.certificate().is_ours());
        assert!(leaf.certificate().is_signed_by(own));
        assert!(!own.is_signed_by(own), "an authority serves nobody");
        let other = Authority::make(now(), YEAR).unwrap();
        assert!(!leaf.certificate().is_signed_by(other.certificate()));
        assert!(
            leaf.is_for(&names()) && leaf.is_for(&"gtoken-webhook-svc.gtoken.svc".parse().unwrap())
        );
        assert!(!leaf.is_for(&"gtoken-webhook-svc.other.svc".parse().unwrap()));
    }

    #[test]
    fn a_clock_that_is_slow_by_an_hour_takes_it_and_no_leaf_outlives_its_authority() {
        let authority = Authority::make(now(), WEEK).unwrap();
        let leaf = authority.sign(&names(), now(), YEAR).unwrap();
        for certificate in [authority.certificate(), leaf.certificate()] {
            let validity = certificate.validity();
            assert_eq!(validity.not_before, now() - Duration::from_hours(1));
            assert_eq!(validity.not_after, now() + WEEK);
        }
    }

    #[test]
    fn a_serial_number_is_positive_and_no_two_are_the_same() {
        let serials = [(); 8].map(|()| {
            params(Validity::from(now(), WEEK))
                .unwrap()
                .serial_number
                .unwrap()
        });
        for (index, serial) in serials.iter().enumerate() {
            let bytes = serial.to_bytes();
            assert_eq!((bytes.len(), bytes[0] & 0xc0), (SERIAL, 0x40));
            assert!(
                !serials[..index]
                    .iter()
                    .any(|other| other.to_bytes() == bytes)
            );
        }
    }

    #[test]
    fn what_is_read_back_is_the_same_and_half_of_it_is_not_taken() {
        let authority = Authority::make(now(), YEAR).unwrap();
        let leaf = authority.sign(&names(), now(), WEEK).unwrap();
        let pem = authority.certificate().pem();
        let read = Authority::read(&pem, authority.key().clone()).unwrap();
        assert_eq!(read.certificate(), authority.certificate());
        assert!(read.sign(&names(), now(), WEEK).is_ok());
        let other = Authority::make(now(), YEAR).unwrap();
        for (certificate, key, why) in [
            (pem.clone(), other.key().clone(), Unusable::AnotherKey),
            (pem.clone(), pem.clone().into(), Unusable::NoKey),
            (
                other.key().to_string(),
                other.key().clone(),
                Unusable::NoCertificate,
            ),
            (
                leaf.certificate().pem(),
                leaf.key().clone(),
                Unusable::NoAuthority,
            ),
        ] {
            assert_eq!(Authority::read(&certificate, key).err(), Some(why));
        }
    }

    #[test]
    fn no_key_is_shown() {
        let authority = Authority::make(now(), YEAR).unwrap();
        let leaf = authority.sign(&names(), now(), WEEK).unwrap();
        let shown = format!("{authority:?} {leaf:?}");
        for key in [authority.key(), leaf.key()] {
            assert!(!shown.contains(key.lines().nth(1).unwrap()), "{shown}");
        }
    }
}

//! The leaf certificate that is served, kept where it can be exchanged without touching a listener.

pub mod api;
pub mod authority;
mod bell;
pub mod ca_bundle;
pub mod certificate;
pub mod change;
pub mod files;
pub mod keeper;
pub mod mode;
pub mod plan;
pub mod reload;
pub mod secret;
mod x509;

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use certificate::Certificate;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};

/// A certificate that can be served, and until when.
#[derive(Clone)]
pub struct Served {
    certified: Arc<CertifiedKey>,
    expiry: Expiry,
}

impl Served {
    /// None where the certificate does not say until when it is good.
    pub fn new(certified: CertifiedKey) -> Option<Self> {
        let expiry = x509::Fields::read(certified.cert.first()?)?.not_after;
        Some(Self {
            certified: Arc::new(certified),
            expiry: Expiry(expiry),
        })
    }

    /// Until when it is good.
    pub fn expiry(&self) -> Expiry {
        self.expiry
    }
}

impl fmt::Debug for Served {
    /// Does not show the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Served");
        shown.field("expiry", &self.expiry).finish_non_exhaustive()
    }
}

/// Until when a certificate is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expiry(pub SystemTime);

impl fmt::Display for Expiry {
    /// As the date and time of RFC 3339 that Kubernetes shows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.0.duration_since(SystemTime::UNIX_EPOCH);
        let seconds = since.unwrap_or(Duration::ZERO).as_secs();
        match k8s_openapi::jiff::Timestamp::from_second(seconds.try_into().unwrap_or(i64::MAX)) {
            Ok(moment) => moment.fmt(f),
            Err(_) => write!(f, "{seconds} s after 1970"),
        }
    }
}

/// The leaf that new connections are served with; before there is one, no handshake comes to an end.
#[derive(Default)]
pub struct Leaf(RwLock<Option<Served>>);

impl Leaf {
    /// Serves this certificate and key.
    pub fn new(served: Served) -> Arc<Self> {
        Arc::new(Self(RwLock::new(Some(served))))
    }

    /// Serves this one from the next connection on.
    pub fn serve(&self, served: Served) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(served);
    }

    /// Until when what is served now is good.
    pub fn expiry(&self) -> Option<Expiry> {
        self.current().map(|served| served.expiry)
    }

    /// The certificate that is served now.
    pub fn certificate(&self) -> Option<Certificate> {
        let served = self.current()?;
        Certificate::read(served.certified.cert.first()?.clone())
    }

    fn current(&self) -> Option<Served> {
        let served = self.0.read().unwrap_or_else(PoisonError::into_inner);
        served.clone()
    }
}

impl fmt::Debug for Leaf {
    /// Shows nothing: the key is in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Leaf")
    }
}

impl ResolvesServerCert for Leaf {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.current().map(|served| served.certified)
    }
}

/// The cryptography of every TLS connection here; none is installed for the process as a whole.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// The oldest version of TLS that a client may speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OldestTls {
    /// TLS 1.2, which every API server since 2014 speaks, in FIPS builds too.
    #[default]
    V1_2,
    /// TLS 1.3.
    V1_3,
}

impl FromStr for OldestTls {
    type Err = UnknownTlsVersion;

    /// Takes the names that Kubernetes has for its own `--tls-min-version`, and the bare numbers.
    fn from_str(text: &str) -> Result<Self, UnknownTlsVersion> {
        match text {
            "1.2" | "VersionTLS12" => Ok(Self::V1_2),
            "1.3" | "VersionTLS13" => Ok(Self::V1_3),
            _ => Err(UnknownTlsVersion),
        }
    }
}

/// The text names no version of TLS that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the versions are: 1.2, 1.3 (or VersionTLS12, VersionTLS13)")]
pub struct UnknownTlsVersion;

/// TLS 1.3, and 1.2 where that is let in; HTTP/2 before HTTP/1.1.
pub fn server_config(leaf: Arc<Leaf>, oldest: OldestTls) -> Result<ServerConfig, rustls::Error> {
    let versions: &[_] = match oldest {
        OldestTls::V1_2 => &[&TLS13, &TLS12],
        OldestTls::V1_3 => &[&TLS13],
    };
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)?
        .with_no_client_auth()
        .with_cert_resolver(leaf);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

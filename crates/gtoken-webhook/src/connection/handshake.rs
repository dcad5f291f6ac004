//! Handshakes that come to nothing, and whose fault that is.

use std::io;
use std::time::{Duration, Instant};

use rustls::{AlertDescription, Error};
use tracing::{debug, warn};

use crate::log::Seldom;

/// How often it is said that clients do not trust us: each API server tries for every pod.
static SAID: Seldom = Seldom::new(Duration::from_mins(1));

/// Why a handshake came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failed {
    /// It was no TLS, or broke off.
    Broken,
    /// It had to make room for others.
    NoRoom,
    /// It did not end in time.
    Slow,
    /// The client does not trust our certificate, or holds it for another's.
    Untrusted,
    /// There is no version of TLS, or no cipher, that both sides speak.
    Unspoken,
}

impl Failed {
    /// What became of a handshake that this error ended.
    pub(super) fn by(error: &io::Error) -> Self {
        use AlertDescription as Alert;
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref());
        match tls {
            Some(Error::AlertReceived(
                Alert::BadCertificate
                | Alert::CertificateExpired
                | Alert::CertificateUnknown
                // By an authority of the same name with another key, as after a renewal that caBundle has not followed.
                | Alert::DecryptError
                | Alert::UnknownCA,
            )) => Self::Untrusted,
            Some(
                Error::PeerIncompatible(_)
                | Error::AlertReceived(Alert::HandshakeFailure | Alert::ProtocolVersion),
            ) => Self::Unspoken,
            _ => Self::Broken,
        }
    }

    /// The reason in metrics.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Broken => "broken",
            Self::NoRoom => "no-room",
            Self::Slow => "slow",
            Self::Untrusted => "untrusted",
            Self::Unspoken => "unspoken",
        }
    }

    /// Tells the operator what there is to mend; of the rest, whoever looks for it.
    pub(super) fn tell(self) {
        match self {
            Self::Untrusted if SAID.is_due(Instant::now()) => warn!(
                "a client does not trust the certificate that is served; \
                 does the caBundle of the webhook configuration hold its authority, and it the name of the Service?"
            ),
            Self::Unspoken => debug!("a client speaks no version of TLS that is served"),
            failed => debug!(reason = failed.label(), "a TLS handshake failed"),
        }
    }
}

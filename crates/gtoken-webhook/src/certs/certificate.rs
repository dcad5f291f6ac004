//! A certificate as a value, whoever made it.

use std::fmt;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use super::Expiry;
use super::x509::Fields;

/// How long before it was made a certificate of ours begins, so that a clock which is slow by as much takes it.
pub const BACKDATE: Duration = Duration::from_hours(1);

const UTF8_STRING: u8 = 0x0c;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// 2.5.4.3, with its tag and length.
const COMMON_NAME: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x03];

/// The characters of a line of PEM (RFC 7468, section 2).
const PEM_LINE: usize = 64;

/// A certificate that can be read.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: CertificateDer<'static>,
    validity: Validity,
    is_ours: bool,
}

/// From when until when a certificate is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first moment.
    pub not_before: SystemTime,
    /// The last.
    pub not_after: SystemTime,
}

impl Validity {
    /// That of a certificate of ours that is made now to live so long, to the second, as certificates have it.
    pub fn from(now: SystemTime, life: Duration) -> Self {
        let since = now.duration_since(SystemTime::UNIX_EPOCH);
        let now = Duration::from_secs(since.unwrap_or_default().as_secs());
        let now = SystemTime::UNIX_EPOCH + now.max(BACKDATE);
        Self {
            not_before: now - BACKDATE,
            not_after: now + Duration::from_secs(life.as_secs()),
        }
    }

    /// The moment at two thirds of the life of a certificate of ours.
    pub fn two_thirds(&self) -> SystemTime {
        let made = self.not_before + BACKDATE;
        let life = self.not_after.duration_since(made).unwrap_or_default();
        made + life * 2 / 3
    }

    /// Whether it can be served, by a clock that is off by no more than this either way.
    pub fn holds(&self, now: SystemTime, skew: Duration) -> bool {
        self.not_before <= now + skew && now < self.not_after
    }
}

/// What tells a certificate from all others: the SHA-256 of its DER.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Reads what [`Display`](fmt::Display) writes.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 2 * bytes.len() || !text.is_ascii() {
            return None;
        }
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Certificate {
    /// None where it cannot be read.
    pub fn read(der: CertificateDer<'static>) -> Option<Self> {
        let fields = Fields::read(&der)?;
        let validity = Validity {
            not_before: fields.not_before,
            not_after: fields.not_after,
        };
        let certificate = Self {
            validity,
            is_ours: fields.is_authority && fields.subject == in_der(&authority_name(validity)),
            der,
        };
        // What webpki does not take for an authority could not be trusted by us.
        anchor_from_trusted_cert(&certificate.der).ok()?;
        Some(certificate)
    }

    /// In DER.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// From when until when it is good.
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// Whether it is an authority's, and has the name that we give ours.
    pub fn is_ours(&self) -> bool {
        self.is_ours
    }

    /// What tells it from all others.
    pub fn fingerprint(&self) -> Fingerprint {
        let digest = ring::digest::digest(&ring::digest::SHA256, &self.der);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest.as_ref());
        Fingerprint(bytes)
    }

    /// Whether a server that shows it is trusted by whoever trusts this authority.
    pub fn is_signed_by(&self, authority: &Self) -> bool {
        let Ok(leaf) = EndEntityCert::try_from(&self.der) else {
            return false;
        };
        let Ok(anchor) = anchor_from_trusted_cert(&authority.der) else {
            return false;
        };
        // Whether it is good now is asked elsewhere, by whoever knows how far clocks may be off.
        let since = self
            .validity
            .not_before
            .duration_since(SystemTime::UNIX_EPOCH);
        let then = UnixTime::since_unix_epoch(since.unwrap_or_default());
        let usage = KeyUsage::server_auth();
        leaf.verify_for_usage(
            ALL_VERIFICATION_ALGS,
            &[anchor],
            &[],
            then,
            usage,
            None,
            None,
        )
        .is_ok()
    }

    /// In PEM.
    pub fn pem(&self) -> String {
        let text = STANDARD.encode(&self.der);
        let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (line, others) = rest.split_at(rest.len().min(PEM_LINE));
            pem.push_str(line);
            pem.push('\n');
            rest = others;
        }
        pem.push_str("-----END CERTIFICATE-----\n");
        pem
    }
}

/// The common name of an authority of ours, which tells when it was made.
pub(super) fn authority_name(validity: Validity) -> String {
    let made = Expiry(validity.not_before + BACKDATE);
    format!("gtoken-webhook authority {made}")
}

/// The content of a name that is a common name alone, in DER; it has less than 100 bytes.
fn in_der(common_name: &str) -> Vec<u8> {
    let tagged = |tag: u8, content: &[u8]| {
        let length = u8::try_from(content.len()).unwrap_or(u8::MAX);
        [&[tag, length], content].concat()
    };
    let text = tagged(UTF8_STRING, common_name.as_bytes());
    let pair = [COMMON_NAME, &text].concat();
    tagged(SET, &tagged(SEQUENCE, &pair))
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({})", &self.fingerprint().to_string()[..8])
    }
}

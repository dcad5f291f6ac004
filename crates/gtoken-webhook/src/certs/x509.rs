//! What is read of a certificate here, in RFC 5280's order (section 4.1); signatures and names are for webpki.

use std::str::FromStr;
use std::time::{Duration, SystemTime};

use k8s_openapi::jiff::civil::DateTime;
use k8s_openapi::jiff::tz::TimeZone;

const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;

/// 2.5.29.15, of which keyCertSign is the sixth bit.
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const KEY_CERT_SIGN: u8 = 0x04;
/// 2.5.29.19, which begins with whether the certificate is an authority's.
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const TRUE: &[u8] = &[0xff];

/// The fields of a certificate that are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fields<'a> {
    pub(super) not_before: SystemTime,
    pub(super) not_after: SystemTime,
    /// The subject's name, in DER.
    pub(super) subject: &'a [u8],
    /// Whether other certificates may be signed with its key.
    pub(super) is_authority: bool,
}

impl<'a> Fields<'a> {
    /// None where the certificate, in DER, cannot be read.
    pub(super) fn read(certificate: &'a [u8]) -> Option<Self> {
        let mut certificate = Der(Der(certificate).take(SEQUENCE)?);
        let mut fields = Der(certificate.take(SEQUENCE)?);
        if fields.next_tag() == Some(VERSION) {
            fields.take(VERSION)?;
        }
        fields.take(INTEGER)?; // serialNumber
        fields.take(SEQUENCE)?; // signature
        fields.take(SEQUENCE)?; // issuer
        let mut validity = Der(fields.take(SEQUENCE)?);
        let (not_before, not_after) = (validity.time()?, validity.time()?);
        let subject = fields.take(SEQUENCE)?;
        fields.take(SEQUENCE)?; // subjectPublicKeyInfo
        while fields.next_tag().is_some_and(|tag| tag != EXTENSIONS) {
            fields.take(fields.next_tag()?)?; // issuerUniqueID, subjectUniqueID
        }
        let is_authority = match fields.next_tag() {
            Some(_) => is_authority(Der(Der(fields.take(EXTENSIONS)?).take(SEQUENCE)?))?,
            None => false,
        };
        Some(Self {
            not_before,
            not_after,
            subject,
            is_authority,
        })
    }
}

/// As an API server sees it: an authority by its basic constraints, unless its key is not for that.
fn is_authority(mut extensions: Der<'_>) -> Option<bool> {
    let (mut is_authority, mut may_sign) = (false, true);
    while extensions.next_tag().is_some() {
        let mut extension = Der(extensions.take(SEQUENCE)?);
        let id = extension.take(OBJECT_IDENTIFIER)?;
        if extension.next_tag() == Some(BOOLEAN) {
            extension.take(BOOLEAN)?; // critical
        }
        let mut value = Der(extension.take(OCTET_STRING)?);
        if id == BASIC_CONSTRAINTS {
            let mut constraints = Der(value.take(SEQUENCE)?);
            is_authority =
                constraints.next_tag() == Some(BOOLEAN) && constraints.take(BOOLEAN)? == TRUE;
        } else if id == KEY_USAGE {
            // The first byte says how many bits of the last one are unused.
            let bits = value.take(BIT_STRING)?.get(1).copied();
            may_sign = bits.unwrap_or_default() & KEY_CERT_SIGN != 0;
        }
    }
    Some(is_authority && may_sign)
}

/// What is left of some DER.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn next_tag(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The content of the next value, which must have this tag.
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (&[found, short], rest) = self.0.split_first_chunk()?;
        let (length, rest) = match short {
            0..=0x7f => (usize::from(short), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(short & 0x7f))?;
                let length = bytes
                    .iter()
                    .fold(0, |length, byte| length << 8 | usize::from(*byte));
                (length, rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        (found == tag).then_some(content)
    }

    /// `YYMMDDHHMMSSZ` until 2049, `YYYYMMDDHHMMSSZ` from then on (RFC 5280, section 4.1.2.5).
    fn time(&mut self) -> Option<SystemTime> {
        match *self.0.first()? {
            UTC_TIME => {
                let (year, rest) = digits::<i16>(self.take(UTC_TIME)?, 2)?;
                moment(if year < 50 { 2000 + year } else { 1900 + year }, rest)
            }
            GENERALIZED_TIME => {
                let (year, rest) = digits(self.take(GENERALIZED_TIME)?, 4)?;
                moment(year, rest)
            }
            _ => None,
        }
    }
}

fn moment(year: i16, rest: &[u8]) -> Option<SystemTime> {
    let (month, rest) = digits(rest, 2)?;
    let (day, rest) = digits(rest, 2)?;
    let (hour, rest) = digits(rest, 2)?;
    let (minute, rest) = digits(rest, 2)?;
    let (second, rest) = digits(rest, 2)?;
    if rest != b"Z" {
        return None;
    }
    let moment = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    let seconds = TimeZone::UTC.to_timestamp(moment).ok()?.as_second();
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.try_into().ok()?))
}

fn digits<N: FromStr>(text: &[u8], count: usize) -> Option<(N, &[u8])> {
    let (digits, rest) = text.split_at_checked(count)?;
    let digits = std::str::from_utf8(digits).ok()?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    Some((is_number.then(|| digits.parse().ok())??, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{
        BasicConstraints, CertificateParams, IsCa, KeyPair, KeyUsagePurpose, date_time_ymd,
    };

    use super::*;

    fn made(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    fn ending(year: i32, month: u8, day: u8) -> Vec<u8> {
        made(|params| params.not_after = date_time_ymd(year, month, day))
    }

    #[test]
    fn the_end_is_read_to_the_second() {
        // The seconds are those of `date --utc --date=… +%s`.
        for (year, month, day, seconds) in [
            (1999, 12, 31, 946_598_400),
            (2024, 2, 29, 1_709_164_800),
            (2026, 11, 25, 1_795_564_800),
            (2049, 12, 31, 2_524_521_600),
            (2050, 1, 1, 2_524_608_000),
            (2100, 3, 1, 4_107_542_400),
        ] {
            let end = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            let certificate = ending(year, month, day);
            let fields = Fields::read(&certificate).unwrap();
            assert_eq!(fields.not_after, end, "{year}-{month}-{day}");
        }
    }

    #[test]
    fn an_authority_is_one_by_its_constraints_and_the_use_of_its_key() {
        let authority = IsCa::Ca(BasicConstraints::Constrained(0));
        for (is_ca, usages, expected) in [
            (IsCa::NoCa, vec![], false),
            (IsCa::ExplicitNoCa, vec![], false),
            (authority, vec![], true),
            (authority, vec![KeyUsagePurpose::KeyCertSign], true),
            (authority, vec![KeyUsagePurpose::DigitalSignature], false),
        ] {
            let certificate = made(|params| {
                params.is_ca = is_ca;
                params.key_usages.clone_from(&usages);
            });
            let fields = Fields::read(&certificate).unwrap();
            assert_eq!(fields.is_authority, expected, "{is_ca:?} {usages:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, at in 0..400_usize, byte: u8) {
            let _ = Fields::read(&bytes);
            let mut damaged = ending(2030, 1, 1);
            if let Some(place) = damaged.get_mut(at) {
                *place = byte;
            }
            let _ = Fields::read(&damaged);
        }
    }
}

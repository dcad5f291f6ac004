//! How long a certificate is good: the one field of it that rustls does not tell (RFC 5280, section 4.1).

use std::str::FromStr;
use std::time::{Duration, SystemTime};

use k8s_openapi::jiff::civil::DateTime;
use k8s_openapi::jiff::tz::TimeZone;

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// The moment after which a certificate in DER is good no more; none where it cannot be read.
pub(super) fn not_after(certificate: &[u8]) -> Option<SystemTime> {
    let mut certificate = Der(Der(certificate).take(SEQUENCE)?);
    let mut fields = Der(certificate.take(SEQUENCE)?);
    if fields.0.first() == Some(&VERSION) {
        fields.take(VERSION)?;
    }
    fields.take(INTEGER)?; // serialNumber
    fields.take(SEQUENCE)?; // signature
    fields.take(SEQUENCE)?; // issuer
    let mut validity = Der(fields.take(SEQUENCE)?);
    validity.time()?; // notBefore
    validity.time()
}

/// What is left of some DER.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
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
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn ending(year: i32, month: u8, day: u8) -> Vec<u8> {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, month, day);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
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
            assert_eq!(
                not_after(&ending(year, month, day)),
                Some(end),
                "{year}-{month}-{day}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, at in 0..400_usize, byte: u8) {
            let _ = not_after(&bytes);
            let mut damaged = ending(2030, 1, 1);
            if let Some(place) = damaged.get_mut(at) {
                *place = byte;
            }
            let _ = not_after(&damaged);
        }
    }
}

//! What the Secret holds: the one truth that all replicas share.
//!
//! | key | what |
//! |---|---|
//! | `ca.crt`, `ca.key` | the authority that signs leaves |
//! | `next-ca.crt`, `next-ca.key` | the one that will, while a rotation is under way |
//! | `tls.crt`, `tls.key` | the leaf that all replicas serve |
//! | `state.json` | what else stays in `caBundle`, and until when |

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::authority::{Authority, LeafPair, Unusable, certificate_of};
use super::certificate::{Certificate, Fingerprint};

const CURRENT: [&str; 2] = ["ca.crt", "ca.key"];
const NEXT: [&str; 2] = ["next-ca.crt", "next-ca.key"];
const LEAF: [&str; 2] = ["tls.crt", "tls.key"];
const STATE: &str = "state.json";

/// The end of the year 9999, after which RFC 5280 has no time.
const LATEST: u64 = 253_402_300_799;

/// The values of a Secret by their keys; overwritten when they are dropped.
pub type Data = BTreeMap<String, Zeroizing<String>>;

/// What the Secret holds, as far as it can be used.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// The authority that signs.
    pub current: Option<Authority>,
    /// The one that will.
    pub next: Option<Authority>,
    /// The leaf that is served.
    pub leaf: Option<LeafPair>,
    /// What else stays in `caBundle`.
    pub trusted: Vec<Trusted>,
    /// What is to leave it.
    pub retired: BTreeSet<Fingerprint>,
    /// The latest end of all leaves that the current authority has signed.
    pub signed_until: Option<SystemTime>,
    /// When the current authority began to sign.
    pub signing_since: Option<SystemTime>,
    /// Whether what others had in `caBundle` before us was taken note of.
    pub is_taken_over: bool,
    /// What was there and cannot be used.
    pub defects: Vec<Defect>,
}

/// A certificate that stays in `caBundle` for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trusted {
    /// The certificate.
    pub certificate: Certificate,
    /// Until when somebody may have to be trusted by it, to the second.
    pub until: SystemTime,
}

/// Something in the Secret that cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defect {
    /// The key in the Secret.
    pub key: &'static str,
    /// What is wrong.
    pub why: String,
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.why)
    }
}

#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct State {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    trusted: Vec<TrustedState>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    retired: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signed_until: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signing_since: Option<u64>,
}

/// Times are seconds since 1970.
#[derive(Deserialize, Serialize)]
struct TrustedState {
    certificate: String,
    until: u64,
}

impl Stored {
    /// Reads what can be used; the rest is a defect.
    pub fn read(data: &Data) -> Self {
        let mut stored = Self::default();
        stored.current = stored.pair(data, CURRENT, Authority::read);
        stored.next = stored.pair(data, NEXT, Authority::read);
        stored.leaf = stored.pair(data, LEAF, LeafPair::read);
        stored.state(data);
        if stored.current.is_none() {
            stored.current = stored.next.take();
        }
        stored
    }

    /// What the Secret is to hold; none for keys that it is not to have.
    pub fn data(&self) -> BTreeMap<&'static str, Option<Zeroizing<String>>> {
        let mut data = BTreeMap::new();
        for (keys, authority) in [(CURRENT, &self.current), (NEXT, &self.next)] {
            let certificate = authority.as_ref().map(|own| own.certificate().pem().into());
            data.insert(keys[0], certificate);
            data.insert(keys[1], authority.as_ref().map(|own| own.key().clone()));
        }
        let leaf = self.leaf.as_ref();
        data.insert(LEAF[0], leaf.map(|own| own.certificate().pem().into()));
        data.insert(LEAF[1], leaf.map(|own| own.key().clone()));
        let state = serde_json::to_string(&self.as_state()).expect("text and numbers are JSON");
        data.insert(STATE, Some(state.into()));
        data
    }

    /// All that is to be in `caBundle`: what signs, what will, and what has.
    pub fn wanted(&self) -> impl Iterator<Item = &Certificate> {
        let authorities = self.current.iter().chain(&self.next);
        let trusted = self.trusted.iter().map(|trusted| &trusted.certificate);
        authorities.map(Authority::certificate).chain(trusted)
    }

    fn pair<T>(
        &mut self,
        data: &Data,
        [certificate, key]: [&'static str; 2],
        read: impl Fn(&str, Zeroizing<String>) -> Result<T, Unusable>,
    ) -> Option<T> {
        let half = |key| data.get(key).filter(|value| !value.trim().is_empty());
        let pair = match (half(certificate), half(key)) {
            (None, None) => return None,
            (Some(certificate), Some(key)) => read(certificate, key.clone()),
            _ => Err(Unusable::Half),
        };
        match pair {
            Ok(pair) => Some(pair),
            Err(why) => {
                self.defect(certificate, why.to_string());
                None
            }
        }
    }

    fn state(&mut self, data: &Data) {
        let Some(text) = data.get(STATE).filter(|text| !text.trim().is_empty()) else {
            return;
        };
        let state: State = match serde_json::from_str(text) {
            Ok(state) => state,
            Err(error) => {
                let (line, column) = (error.line(), error.column());
                let why = format!("it is not ours at line {line}, column {column}");
                return self.defect(STATE, why);
            }
        };
        self.is_taken_over = true;
        self.signed_until = state.signed_until.and_then(moment);
        self.signing_since = state.signing_since.and_then(moment);
        self.retired = state
            .retired
            .iter()
            .filter_map(|text| Fingerprint::parse(text))
            .collect();
        for trusted in state.trusted {
            match (certificate_of(&trusted.certificate), moment(trusted.until)) {
                (Ok(certificate), Some(until)) => self.trusted.push(Trusted { certificate, until }),
                _ => self.defect(STATE, "a certificate in it cannot be read".to_owned()),
            }
        }
    }

    fn defect(&mut self, key: &'static str, why: String) {
        self.defects.push(Defect { key, why });
    }

    fn as_state(&self) -> State {
        let trusted = self.trusted.iter().map(|trusted| TrustedState {
            certificate: trusted.certificate.pem(),
            until: seconds(trusted.until),
        });
        State {
            trusted: trusted.collect(),
            retired: self.retired.iter().map(ToString::to_string).collect(),
            signed_until: self.signed_until.map(seconds),
            signing_since: self.signing_since.map(seconds),
        }
    }
}

/// None where it is later than a certificate can tell.
fn moment(seconds: u64) -> Option<SystemTime> {
    (seconds <= LATEST).then(|| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

/// Rounded up, so that nothing ends early.
fn seconds(moment: SystemTime) -> u64 {
    let since = moment
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    since.as_secs() + u64::from(since.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::certs::ca_bundle::CaBundle;

    const HOUR: Duration = Duration::from_hours(1);

    fn full() -> Stored {
        let now = SystemTime::UNIX_EPOCH + HOUR * 500_000;
        let [current, next, old] = [(); 3].map(|()| Authority::make(now, HOUR * 9).unwrap());
        let names = "gtoken-webhook-svc.gtoken.svc".parse().unwrap();
        Stored {
            leaf: Some(current.sign(&names, now, HOUR).unwrap()),
            trusted: vec![Trusted {
                certificate: old.certificate().clone(),
                until: now + HOUR,
            }],
            retired: [next.certificate().fingerprint()].into(),
            current: Some(current),
            next: Some(next),
            signed_until: Some(now + HOUR),
            signing_since: Some(now),
            is_taken_over: true,
            defects: Vec::new(),
        }
    }

    fn data(stored: &Stored) -> Data {
        let data = stored.data().into_iter();
        data.filter_map(|(key, value)| Some((key.to_owned(), value?)))
            .collect()
    }

    #[test]
    fn what_is_kept_is_read_back() {
        let stored = full();
        let read = Stored::read(&data(&stored));
        assert_eq!(format!("{read:?}"), format!("{stored:?}"));
        assert!(read.wanted().eq(stored.wanted()));
    }

    #[test]
    fn where_only_the_next_authority_is_left_it_signs() {
        let mut left = data(&full());
        left.remove("ca.crt");
        left.remove("ca.key");
        let read = Stored::read(&left);
        assert!(read.current.is_some() && read.next.is_none());
    }

    #[test]
    fn what_is_wrong_is_told_without_what_stands_there() {
        let full = data(&full());
        for (key, value, why) in [
            ("ca.key", "", "ca.crt: half of the pair is missing"),
            ("ca.crt", " \n", "ca.crt: half of the pair is missing"),
            (
                "next-ca.crt",
                "s3cr3t",
                "next-ca.crt: there is no certificate that can be read",
            ),
            (
                "tls.key",
                "s3cr3t",
                "tls.crt: there is no private key that can be read",
            ),
            (
                "tls.key",
                &*full["ca.key"],
                "tls.crt: certificate and key do not belong together",
            ),
            (
                "state.json",
                "{\"trusted\": s3cr3t",
                "state.json: it is not ours at line 1, column 13",
            ),
            (
                "state.json",
                r#"{"trusted": [{"certificate": "s3cr3t", "until": 1}]}"#,
                "state.json: a certificate in it cannot be read",
            ),
        ] {
            let mut damaged = full.clone();
            damaged.insert(key.to_owned(), value.to_owned().into());
            let read = Stored::read(&damaged);
            let told: Vec<_> = read.defects.iter().map(ToString::to_string).collect();
            assert_eq!(told, [why]);
        }
    }

    #[test]
    fn times_that_no_certificate_can_have_are_no_times() {
        let state = format!(
            r#"{{"signedUntil": {}, "signingSince": {LATEST}}}"#,
            u64::MAX
        );
        let data = [(STATE.to_owned(), state.into())].into();
        let read = Stored::read(&data);
        assert_eq!(
            (read.signed_until, read.signing_since.is_some()),
            (None, true)
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_reading_panic(key in 0..7_usize, text in ".{0,200}", bytes: Vec<u8>) {
            let mut damaged = data(&full());
            let key = damaged.keys().nth(key).cloned();
            damaged.extend(key.map(|key| (key, text.into())));
            let _ = Stored::read(&damaged);
            let _ = CaBundle::read(&bytes);
        }
    }
}

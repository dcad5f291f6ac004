//! Whether traffic should come here: not before everything was read once, not with a certificate that nobody takes,
//! and not while ending.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::certs::Expiry;

/// What readiness depends on; clones show the same.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    awaited: Vec<&'static str>,
    arrived: Vec<&'static str>,
    /// Until when the certificate is good; none before there is one.
    certificate: Option<Expiry>,
    troubles: BTreeMap<&'static str, String>,
    ending: bool,
}

/// Something that is awaited until it says that it is there; dropped without that, it is awaited for ever.
#[must_use = "what is dropped never comes"]
#[derive(Clone, Debug)]
pub struct Awaited {
    readiness: Readiness,
    what: &'static str,
}

/// Why no traffic should come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotReady {
    /// The certificate is good no more, so that no API server takes it.
    Expired(Expiry),
    /// These have not been there yet, each with what stands in its way where that is known.
    Awaiting(Vec<(&'static str, Option<String>)>),
    /// The process is about to end.
    Ending,
}

impl Readiness {
    /// Adds something to wait for.
    pub fn awaits(&self, what: &'static str) -> Awaited {
        self.lock().awaited.push(what);
        Awaited {
            readiness: self.clone(),
            what,
        }
    }

    /// From now on no new traffic should come.
    pub fn end(&self) {
        self.lock().ending = true;
    }

    /// Whether the process is about to end.
    pub fn is_ending(&self) -> bool {
        self.lock().ending
    }

    /// From now on a certificate is served that is good until then.
    pub fn certificate(&self, expiry: Expiry) {
        self.lock().certificate = Some(expiry);
    }

    /// Whether traffic should come, and if not, why.
    pub fn check(&self, now: SystemTime) -> Result<(), NotReady> {
        let state = self.lock();
        if state.ending {
            Err(NotReady::Ending)
        } else if !state.awaited.is_empty() {
            let awaited = state.awaited.iter();
            let awaited = awaited.map(|what| (*what, state.troubles.get(what).cloned()));
            Err(NotReady::Awaiting(awaited.collect()))
        } else if let Some(expiry) = state.certificate.filter(|expiry| expiry.0 <= now) {
            Err(NotReady::Expired(expiry))
        } else {
            Ok(())
        }
    }

    /// Each part by its name, a line each, as API servers show theirs. What is wrong just now with a part that was there
    /// before is no reason to send traffic elsewhere.
    pub fn parts(&self, now: SystemTime) -> String {
        let state = self.lock();
        let certificate = state.certificate.map(|expiry| {
            let is_good = expiry.0 > now;
            let how = if is_good { "ok, until" } else { "expired at" };
            (is_good, "the certificate", format!("{how} {expiry}"))
        });
        let arrived = state.arrived.iter().map(|what| {
            let trouble = state.troubles.get(what);
            let how = trouble.map_or("ok".to_owned(), |why| format!("ok, but {why}"));
            (true, *what, how)
        });
        let awaited = state.awaited.iter().map(|what| {
            let trouble = state.troubles.get(what);
            let how = trouble.map_or("awaited".to_owned(), |why| format!("awaited: {why}"));
            (false, *what, how)
        });
        let ending = state
            .ending
            .then(|| (false, "the process", "ending".into()));
        let mut text = String::new();
        for (is_good, what, how) in certificate
            .into_iter()
            .chain(arrived)
            .chain(awaited)
            .chain(ending)
        {
            let mark = if is_good { '+' } else { '-' };
            // Writing to a string never fails.
            let _ = writeln!(text, "[{mark}] {what}: {how}");
        }
        text
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Awaited {
    /// It is there, and nothing is wrong with it; saying so again changes nothing.
    pub fn arrived(&self) {
        let mut state = self.readiness.lock();
        if state.awaited.contains(&self.what) {
            state.awaited.retain(|what| *what != self.what);
            state.arrived.push(self.what);
        }
        state.troubles.remove(self.what);
    }

    /// Something stands in its way, or is wrong with it, until it arrives.
    pub fn hindered(&self, why: &str) {
        let mut state = self.readiness.lock();
        state.troubles.insert(self.what, why.to_owned());
    }

    /// Whether it still is awaited.
    pub fn is_missing(&self) -> bool {
        self.readiness.lock().awaited.contains(&self.what)
    }
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired(expiry) => write!(f, "the certificate has expired at {expiry}"),
            Self::Awaiting(awaited) => {
                for (index, (what, why)) in awaited.iter().enumerate() {
                    f.write_str(if index == 0 { "waiting for " } else { " and " })?;
                    f.write_str(what)?;
                    if let Some(why) = why {
                        write!(f, " ({why})")?;
                    }
                }
                Ok(())
            }
            Self::Ending => f.write_str("ending"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn is_ready_when_everything_awaited_has_come_until_the_end() {
        let readiness = Readiness::default();
        let one = readiness.awaits("one");
        let two = readiness.awaits("two");
        one.arrived();
        let not_ready = readiness.check(SystemTime::now()).unwrap_err();
        assert_eq!(not_ready.to_string(), "waiting for two");
        two.arrived();
        two.arrived();
        assert_eq!(readiness.check(SystemTime::now()), Ok(()));
        readiness.end();
        assert!(readiness.is_ending());
        assert_eq!(readiness.check(SystemTime::now()), Err(NotReady::Ending));
    }

    #[test]
    fn an_expired_certificate_is_not_ready_and_each_part_is_named() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_564_805);
        let readiness = Readiness::default();
        readiness.certificate(Expiry(now));
        let index = readiness.awaits("the ServiceAccounts");
        assert_eq!(
            readiness.parts(now - Duration::from_secs(1)),
            "[+] the certificate: ok, until 2026-11-25T00:00:05Z\n[-] the ServiceAccounts: awaited\n"
        );
        index.arrived();
        assert_eq!(readiness.check(now - Duration::from_secs(1)), Ok(()));
        assert_eq!(readiness.check(now), Err(NotReady::Expired(Expiry(now))));
        assert_eq!(
            readiness.parts(now),
            "[-] the certificate: expired at 2026-11-25T00:00:05Z\n[+] the ServiceAccounts: ok\n"
        );
    }

    #[test]
    fn what_stands_in_the_way_is_told_until_it_is_gone() {
        let readiness = Readiness::default();
        let one = readiness.awaits("one");
        let _two = readiness.awaits("two");
        one.hindered("no permission");
        let now = SystemTime::UNIX_EPOCH;
        let not_ready = readiness.check(now).unwrap_err();
        assert_eq!(
            not_ready.to_string(),
            "waiting for one (no permission) and two"
        );
        one.arrived();
        assert_eq!(readiness.parts(now), "[+] one: ok\n[-] two: awaited\n");
        one.hindered("no permission");
        assert_eq!(
            readiness.parts(now),
            "[+] one: ok, but no permission\n[-] two: awaited\n"
        );
    }

    #[test]
    fn what_goes_without_having_come_is_awaited_on() {
        let readiness = Readiness::default();
        drop(readiness.awaits("one"));
        assert!(readiness.check(SystemTime::now()).is_err());
    }
}

//! Whether traffic should come here: not before everything was read once, and not while ending.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What readiness depends on; clones show the same.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    awaited: Vec<&'static str>,
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

    /// Whether traffic should come, and if not, why.
    pub fn check(&self) -> Result<(), NotReady> {
        let state = self.lock();
        if state.ending {
            Err(NotReady::Ending)
        } else if state.awaited.is_empty() {
            Ok(())
        } else {
            let awaited = state.awaited.iter();
            let awaited = awaited.map(|what| (*what, state.troubles.get(what).cloned()));
            Err(NotReady::Awaiting(awaited.collect()))
        }
    }

    /// What is wrong just now with what was there before, if anything: no reason to send traffic elsewhere.
    pub fn troubles(&self) -> Option<String> {
        let state = self.lock();
        let troubles = state.troubles.iter();
        let troubles: Vec<_> = troubles
            .map(|(what, why)| format!("{what}: {why}"))
            .collect();
        (!troubles.is_empty()).then(|| troubles.join("; "))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Awaited {
    /// It is there, and nothing is wrong with it; saying so again changes nothing.
    pub fn arrived(&self) {
        let mut state = self.readiness.lock();
        state.awaited.retain(|what| *what != self.what);
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
    use super::*;

    #[test]
    fn is_ready_when_everything_awaited_has_come_until_the_end() {
        let readiness = Readiness::default();
        let one = readiness.awaits("one");
        let two = readiness.awaits("two");
        one.arrived();
        let not_ready = readiness.check().unwrap_err();
        assert_eq!(not_ready.to_string(), "waiting for two");
        two.arrived();
        two.arrived();
        assert_eq!(readiness.check(), Ok(()));
        readiness.end();
        assert!(readiness.is_ending());
        assert_eq!(readiness.check(), Err(NotReady::Ending));
    }

    #[test]
    fn what_stands_in_the_way_is_told_until_it_is_gone() {
        let readiness = Readiness::default();
        let one = readiness.awaits("one");
        let _two = readiness.awaits("two");
        one.hindered("no permission");
        let not_ready = readiness.check().unwrap_err();
        assert_eq!(
            not_ready.to_string(),
            "waiting for one (no permission) and two"
        );
        one.arrived();
        assert_eq!(readiness.troubles(), None);
        one.hindered("no permission");
        assert_eq!(readiness.troubles().unwrap(), "one: no permission");
    }

    #[test]
    fn what_goes_without_having_come_is_awaited_on() {
        let readiness = Readiness::default();
        drop(readiness.awaits("one"));
        assert!(readiness.check().is_err());
    }
}

//! What is known of the failures since the last answer, and which of them are worth a line.

use std::time::{Duration, SystemTime};

use crate::clock::Reading;
use crate::log::Line;
use crate::schedule::Failures;
use crate::source::Retry;

/// A reason that goes on is said again after so long.
const REPEAT_AFTER: Duration = Duration::from_mins(1);

/// Reasons that change with each attempt get no more lines than this in [`REPEAT_AFTER`].
const LINES: usize = 5;

/// The failures since the last answer.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    failures: Failures,
    since: Option<SystemTime>,
    person_since: Option<Duration>,
    said: Vec<(String, Duration)>,
}

impl Trouble {
    /// How many failures there were, and what the last one asked for.
    pub(crate) fn failures(&self) -> Failures {
        self.failures
    }

    /// When the first was.
    pub(crate) fn since(&self) -> Option<SystemTime> {
        self.since
    }

    /// At which uptime the failures began that a person must mend, if the last one is of that kind.
    pub(crate) fn person_since(&self) -> Option<Duration> {
        self.person_since
    }

    /// Counts a failure, which may ask for a pause.
    pub(crate) fn add(&mut self, retry: Retry, retry_after: Option<Duration>, now: Reading) {
        self.failures = Failures {
            count: self.failures.count.saturating_add(1),
            retry_after,
        };
        self.since.get_or_insert(now.day);
        if retry == Retry::NeedsPerson {
            self.person_since.get_or_insert(now.uptime);
        } else {
            self.person_since = None;
        }
    }

    /// Tells of the failures in a line.
    pub(crate) fn tell(&self, line: Line) -> Line {
        match self.since {
            Some(since) => line
                .with("failed_attempts", self.failures.count)
                .at("failing_since", since),
            None => line,
        }
    }

    /// Whether this reason is worth a line now: it is new, or was not said for a minute.
    pub(crate) fn worth_saying(&mut self, reason: &str, uptime: Duration) -> bool {
        self.said
            .retain(|(_, at)| uptime.saturating_sub(*at) < REPEAT_AFTER);
        let worth = self.said.len() < LINES && self.said.iter().all(|(said, _)| said != reason);
        if worth {
            self.said.push((reason.to_owned(), uptime));
        }
        worth
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_reason_is_said_when_it_is_new_and_once_a_minute() {
        let mut trouble = Trouble::default();
        let mut said = Vec::new();
        for second in 0..130 {
            let reason = if (10..12).contains(&second) { "b" } else { "a" };
            if trouble.worth_saying(reason, SECOND * second) {
                said.push((second, reason));
            }
        }
        assert_eq!(said, [(0, "a"), (10, "b"), (60, "a"), (120, "a")]);
    }

    #[test]
    fn reasons_that_always_change_do_not_flood_the_log() {
        let mut trouble = Trouble::default();
        let lines = (0..60).filter(|i| trouble.worth_saying(&i.to_string(), SECOND * *i));
        assert_eq!(lines.count(), LINES);
    }

    #[test]
    fn what_passes_by_itself_ends_the_wait_for_a_person() {
        let mut trouble = Trouble::default();
        let at = |uptime| Reading {
            day: SystemTime::UNIX_EPOCH,
            uptime,
        };
        trouble.add(Retry::NeedsPerson, None, at(SECOND));
        trouble.add(Retry::NeedsPerson, None, at(SECOND * 2));
        assert_eq!(trouble.person_since(), Some(SECOND));
        trouble.add(Retry::Transient, Some(SECOND), at(SECOND * 3));
        assert_eq!(trouble.person_since(), None);
        let failures = Failures {
            count: 3,
            retry_after: Some(SECOND),
        };
        assert_eq!(trouble.failures(), failures);
    }
}

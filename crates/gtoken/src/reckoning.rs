//! Which time it is, on a machine whose clock may be set either way at any moment.
//!
//! A good token tells the time, if only within an hour; from its arrival on the uptime counts, which nobody can set.
//! A token is judged by the time of day, and by that count where the time of day speaks against it; what to do next
//! is planned by whichever is later, because a refresh too early costs a request, and one too late the credentials.

use std::time::{Duration, SystemTime};

use crate::clock::Reading;
use crate::token::Lifetime;

/// A moment of which the time is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Anchor {
    /// What time it was then.
    pub(crate) time: SystemTime,
    reading: Reading,
}

impl Anchor {
    /// The time, whatever the time of day was set to since.
    fn by_uptime(&self, now: Reading) -> SystemTime {
        let passed = now.uptime.saturating_sub(self.reading.uptime);
        self.time.checked_add(passed).unwrap_or(self.time)
    }

    /// The uptime at a later time; that of the moment itself for an earlier one.
    pub(crate) fn uptime_at(&self, time: SystemTime) -> Duration {
        let until = time.duration_since(self.time).unwrap_or_default();
        self.reading.uptime.saturating_add(until)
    }

    /// The latest time that it may be.
    pub(crate) fn at_the_latest(&self, now: Reading) -> SystemTime {
        let by_day = now.day.duration_since(self.reading.day).unwrap_or_default();
        let by_day = self.time.checked_add(by_day).unwrap_or(self.time);
        by_day.max(self.by_uptime(now))
    }
}

/// What is known of the time.
#[derive(Debug)]
pub(crate) struct Reckoning {
    counted: Option<Anchor>,
    trusts_day: bool,
}

impl Default for Reckoning {
    fn default() -> Self {
        Self {
            counted: None,
            trusts_day: true,
        }
    }
}

impl Reckoning {
    /// The time to judge a token by.
    pub(crate) fn time(&self, now: Reading) -> SystemTime {
        match self.counted {
            Some(counted) if !self.trusts_day => counted.by_uptime(now),
            _ => now.day,
        }
    }

    /// A token came that is of another time, so either it is wrong or the time is.
    pub(crate) fn doubt(&mut self) {
        self.trusts_day = !self.trusts_day;
    }

    /// The time of day was set, and most who set it set it right.
    pub(crate) fn set(&mut self) {
        self.trusts_day = true;
    }

    /// A token came that is good, which gives the time to plan by.
    pub(crate) fn learn(&mut self, lifetime: Lifetime, now: Reading) -> Anchor {
        let judged_by = self.time(now);
        let counted = self.counted.map(|counted| counted.by_uptime(now));
        let counted = counted.filter(|time| lifetime.is_good_at(*time));
        let anchor = |time| Anchor { time, reading: now };
        let counted = counted.unwrap_or(judged_by);
        self.counted = Some(anchor(counted));
        anchor(counted.max(judged_by))
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);
    const DAY: SystemTime = UNIX_EPOCH;

    /// Hours of the day and of the uptime.
    fn reading(day: u32, uptime: u32) -> Reading {
        Reading {
            day: DAY + HOUR * day,
            uptime: HOUR * uptime,
        }
    }

    /// A token that is good from one hour of the day to another.
    fn good(from: u32, to: u32) -> Lifetime {
        Lifetime {
            issued_at: DAY + HOUR * from,
            expires_at: DAY + HOUR * to,
        }
    }

    #[test]
    fn a_clock_that_is_set_moves_the_latest_time_forward_only() {
        let anchor = Reckoning::default().learn(good(90, 91), reading(90, 1));
        assert_eq!(anchor.time, DAY + HOUR * 90);
        for (day, latest) in [(92, 92), (70, 92), (94, 94)] {
            assert_eq!(
                anchor.at_the_latest(reading(day, 3)),
                DAY + HOUR * latest,
                "{day}"
            );
        }
    }

    #[test]
    fn the_time_of_day_goes_first_and_the_count_second() {
        let mut reckoning = Reckoning::default();
        reckoning.learn(good(90, 91), reading(90, 1));
        let now = reading(70, 3);
        assert_eq!(reckoning.time(now), now.day);
        reckoning.doubt();
        assert_eq!(reckoning.time(now), DAY + HOUR * 92);
        reckoning.set();
        assert_eq!(reckoning.time(now), now.day);
    }

    #[test]
    fn the_count_goes_on_while_it_fits_the_tokens() {
        let mut reckoning = Reckoning::default();
        reckoning.learn(good(90, 95), reading(90, 0));
        let ahead = reckoning.learn(good(91, 96), reading(94, 1));
        assert_eq!(ahead.time, DAY + HOUR * 94, "to plan by, the later counts");
        reckoning.doubt();
        assert_eq!(reckoning.time(reading(95, 2)), DAY + HOUR * 92);
        let overruled = reckoning.learn(good(92, 97), reading(95, 2));
        assert_eq!(overruled.time, DAY + HOUR * 92);
    }

    #[test]
    fn a_count_that_fits_no_more_gives_way() {
        let mut reckoning = Reckoning::default();
        reckoning.learn(good(50, 51), reading(50, 0));
        reckoning.learn(good(90, 91), reading(90, 1));
        reckoning.doubt();
        assert_eq!(reckoning.time(reading(0, 2)), DAY + HOUR * 91);
    }
}

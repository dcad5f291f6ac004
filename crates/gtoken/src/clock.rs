//! Time as an argument, so that hours pass at once in tests.

use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// What the agent needs to know of time.
pub trait Clock {
    /// The time of day, which may jump.
    fn now(&self) -> SystemTime;
    /// The time since this clock was started, which only grows.
    fn uptime(&self) -> Duration;
    /// Does nothing for so long.
    fn sleep(&self, pause: Duration);

    /// Waits, but not past the time of day that `pause` from now is: a machine that was suspended
    /// wakes up with a token that ran out, and the time it slept is in no uptime.
    fn wait(&self, pause: Duration) {
        let begun = self.uptime();
        let until = self.now().checked_add(pause);
        loop {
            let by_uptime = pause.saturating_sub(self.uptime().saturating_sub(begun));
            let by_day = until.map_or(by_uptime, |until| {
                until.duration_since(self.now()).unwrap_or_default()
            });
            let left = by_uptime.min(by_day);
            if left.is_zero() {
                return;
            }
            self.sleep(left.min(Duration::from_mins(1)));
        }
    }
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// Starts to count the uptime.
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    fn sleep(&self, pause: Duration) {
        thread::sleep(pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestClock;

    #[test]
    fn waits_as_long_as_asked() {
        let clock = TestClock::default();
        clock.wait(Duration::from_mins(45));
        assert_eq!(clock.uptime(), Duration::from_mins(45));
    }

    #[test]
    fn a_clock_set_back_does_not_prolong_a_wait() {
        let clock = TestClock::default();
        clock.jump_back_at_next_sleep(Duration::from_hours(1));
        clock.wait(Duration::from_mins(45));
        assert_eq!(clock.uptime(), Duration::from_mins(45));
    }

    #[test]
    fn a_clock_set_forward_ends_a_wait() {
        let clock = TestClock::default();
        clock.jump_forward_at_next_sleep(Duration::from_hours(1));
        clock.wait(Duration::from_mins(45));
        assert_eq!(clock.uptime(), Duration::from_mins(1));
    }
}

//! The sandbox's time, which tests may set and move so that nothing has to be waited for.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::shared::Shared;

/// A clock that all of one sandbox goes by; clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Shared<Hands>>);

#[derive(Clone, Copy, Debug)]
enum Hands {
    Running { ahead: Duration },
    Stopped(SystemTime),
}

impl Clock {
    /// The machine's time.
    pub fn real() -> Self {
        Self(Arc::new(Shared::new(Hands::Running {
            ahead: Duration::ZERO,
        })))
    }

    /// A clock that stands still until it is moved.
    pub fn stopped_at(time: SystemTime) -> Self {
        Self(Arc::new(Shared::new(Hands::Stopped(time))))
    }

    /// The time it shows.
    pub fn now(&self) -> SystemTime {
        match *self.0.lock() {
            Hands::Running { ahead } => SystemTime::now() + ahead,
            Hands::Stopped(time) => time,
        }
    }

    /// Stops the clock at `time`, which may lie before the time it showed.
    pub fn set(&self, time: SystemTime) {
        *self.0.lock() = Hands::Stopped(time);
    }

    /// Moves the clock forward; a running one runs on from there.
    pub fn advance(&self, by: Duration) {
        match &mut *self.0.lock() {
            Hands::Running { ahead } => *ahead += by,
            Hands::Stopped(time) => *time += by,
        }
    }

    /// Whole seconds since 1970, which is how tokens tell time; before 1970 it is 0.
    pub(crate) fn unix(&self) -> u64 {
        self.now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs())
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::real()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_clock_moves_only_when_told_and_for_every_clone() {
        let clock = Clock::stopped_at(UNIX_EPOCH + Duration::from_secs(10));
        let other = clock.clone();
        clock.advance(Duration::from_secs(5));
        assert_eq!(other.unix(), 15);
        other.set(UNIX_EPOCH);
        assert_eq!(clock.unix(), 0);
    }

    #[test]
    fn a_running_clock_can_be_moved_ahead() {
        let clock = Clock::real();
        clock.advance(Duration::from_hours(1));
        assert!(clock.now() > SystemTime::now() + Duration::from_secs(3500));
    }
}

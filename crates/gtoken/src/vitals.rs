//! What the agent has done so far, for whoever asks from outside.
//!
//! There is no lock: the agent writes a few numbers without waiting for anybody, and a reader that sees one of them a
//! moment before the other misleads nobody.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::source::Retry;

/// How an attempt to get a token ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A newer token was published.
    Published,
    /// The source answered with no newer token than the one in place.
    Unchanged,
    /// It failed in a way that passes by itself.
    TryAgain,
    /// It failed in a way that a person must mend.
    NeedsPerson,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Published,
        Self::Unchanged,
        Self::TryAgain,
        Self::NeedsPerson,
    ];

    /// Its name for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Unchanged => "unchanged",
            Self::TryAgain => "try-again",
            Self::NeedsPerson => "needs-person",
        }
    }

    /// How a failure counts.
    pub fn of_failure(retry: Retry) -> Self {
        match retry {
            Retry::NeedsPerson => Self::NeedsPerson,
            Retry::Never | Retry::Transient => Self::TryAgain,
        }
    }

    fn is_success(self) -> bool {
        matches!(self, Self::Published | Self::Unchanged)
    }
}

/// The numbers as they are now, which the agent changes while others look.
#[derive(Debug, Default)]
pub struct Vitals {
    /// Seconds of the agent's uptime, which nobody can set; 0 is never.
    expires_at: AtomicU64,
    /// Seconds since 1970; 0 is never.
    last_success: AtomicU64,
    attempts: [AtomicU64; 4],
}

/// The numbers as they were at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// When the token that was published last runs out, in seconds of the agent's uptime.
    pub expires_at: Option<u64>,
    /// When an attempt last succeeded, in seconds since 1970.
    pub last_success: Option<u64>,
    /// How many attempts ended so, in the order of [`Outcome::ALL`].
    pub attempts: [u64; 4],
}

impl Vitals {
    /// Takes note of the newest token that was ever in place, which runs out at this uptime.
    pub fn hold(&self, expires_at: Duration) {
        // Within the first second is as good as after it.
        self.expires_at.store(expires_at.as_secs().max(1), Relaxed);
    }

    /// Takes note of an attempt.
    pub fn count(&self, outcome: Outcome, now: SystemTime) {
        for (counted, count) in Outcome::ALL.iter().zip(&self.attempts) {
            if *counted == outcome {
                count.fetch_add(1, Relaxed);
            }
        }
        if outcome.is_success() {
            self.last_success.store(seconds(now), Relaxed);
        }
    }

    /// The numbers of this moment.
    pub fn snapshot(&self) -> Snapshot {
        let time = |time: &AtomicU64| Some(time.load(Relaxed)).filter(|time| *time != 0);
        Snapshot {
            expires_at: time(&self.expires_at),
            last_success: time(&self.last_success),
            attempts: self.attempts.each_ref().map(|count| count.load(Relaxed)),
        }
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_counted_by_how_they_ended() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let vitals = Vitals::default();
        assert_eq!(vitals.snapshot(), Snapshot::default());
        vitals.count(Outcome::of_failure(Retry::NeedsPerson), at(6));
        vitals.count(Outcome::Published, at(7));
        vitals.hold(Duration::from_secs(100));
        vitals.count(Outcome::of_failure(Retry::Transient), at(8));
        vitals.count(Outcome::of_failure(Retry::Transient), at(9));
        let seen = Snapshot {
            expires_at: Some(100),
            last_success: Some(7),
            attempts: [1, 0, 2, 1],
        };
        assert_eq!(vitals.snapshot(), seen);
    }
}

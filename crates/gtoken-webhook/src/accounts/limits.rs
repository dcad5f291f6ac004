//! How often the API server may be asked: a bucket of tokens, with `now` as an argument.

use std::time::{Duration, Instant};

/// Grants at most `per_second` in the long run, and as many at once after a rest.
#[derive(Debug)]
pub(super) struct RateLimit {
    per_second: u32,
    /// When the bucket is full; each grant moves it by one interval.
    full_at: Option<Instant>,
}

impl RateLimit {
    pub(super) fn per_second(per_second: u32) -> Self {
        Self {
            per_second,
            full_at: None,
        }
    }

    /// Takes a grant, if there is one now.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let interval = Duration::from_secs(1) / self.per_second;
        let full_at = self.full_at.map_or(now, |full_at| full_at.max(now)) + interval;
        let granted = full_at.duration_since(now) <= Duration::from_secs(1);
        if granted {
            self.full_at = Some(full_at);
        }
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_twenty_at_once_and_then_one_each_twentieth_of_a_second() {
        let start = Instant::now();
        let mut limit = RateLimit::per_second(20);
        assert!((0..20).all(|_| limit.take(start)));
        assert!(!limit.take(start));
        let later = start + Duration::from_millis(50);
        assert!(limit.take(later));
        assert!(!limit.take(later));
        let rested = start + Duration::from_mins(1);
        assert_eq!((0..100).filter(|_| limit.take(rested)).count(), 20);
    }
}

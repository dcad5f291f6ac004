//! When to ask for the next token: a pure function of the time, the token held and the failures since.
//!
//! - A token is refreshed at a random point of 65 to 80 % of its life, so that pods that were started
//!   together do not ask together.
//! - A source that answers with the token that is held already is asked again after a quarter of what is left.
//! - After a failure no pause is longer than 3 s: the server may be back any moment, and nobody knows for how long.
//!   Only a server that asks for a longer one gets it, up to half of what is left of the token that is held.
//! - There are never more than 30 attempts a minute.

#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use crate::token::Lifetime;

/// The numbers of the schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// The shares of a token's life between which it is refreshed.
    pub refresh_between: (f64, f64),
    /// The first pause before there was any token; it doubles. A metadata server is often up in less than a second.
    pub first_pause: Duration,
    /// The pauses after a failure. The shorter one is also what keeps below 30 attempts a minute.
    pub pauses_after_failure: (Duration, Duration),
    /// The longest pause while the source has no newer token than the one that works.
    pub longest_pause: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            refresh_between: (0.65, 0.8),
            first_pause: Duration::from_millis(250),
            pauses_after_failure: (Duration::from_millis(2500), Duration::from_secs(3)),
            longest_pause: Duration::from_secs(30),
        }
    }
}

/// A token as the schedule sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// When it is to be refreshed.
    pub refresh_at: SystemTime,
    /// When it stops to be good.
    pub expires_at: SystemTime,
}

impl Due {
    /// Chooses when to refresh a token of this life; `jitter` is a random number from 0 to 1.
    pub fn new(lifetime: Lifetime, jitter: f64, policy: &Policy) -> Self {
        let Lifetime {
            issued_at,
            expires_at,
        } = lifetime;
        let life = expires_at.duration_since(issued_at).unwrap_or_default();
        let (from, to) = policy.refresh_between;
        let after = life.mul_f64(from + (to - from) * share(jitter));
        Self {
            refresh_at: issued_at.checked_add(after).unwrap_or(expires_at),
            expires_at,
        }
    }
}

/// The failures since the last answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// How many there were.
    pub count: u32,
    /// The pause that the last one asked for.
    pub retry_after: Option<Duration>,
}

/// How long to wait from `now` before the next attempt.
///
/// `held` is the newest token there ever was, and `jitter` is a random number from 0 to 1.
pub fn next_attempt(
    now: SystemTime,
    held: Option<&Due>,
    failures: Failures,
    jitter: f64,
    policy: &Policy,
) -> Duration {
    let jitter = share(jitter);
    let (shortest, ceiling) = policy.pauses_after_failure;
    let after_failure = between(shortest, ceiling, jitter);
    let Some(held) = held else {
        let doubled = doubled(policy.first_pause, failures.count);
        return between(doubled.mul_f64(0.8), doubled, jitter).min(after_failure);
    };
    let left = held.expires_at.duration_since(now).unwrap_or_default();
    if failures.count > 0 || left.is_zero() {
        // All who were told the same do not come back together.
        let spread = ceiling.mul_f64(jitter);
        let asked = failures.retry_after.unwrap_or_default();
        return after_failure.max(asked.saturating_add(spread).min(left / 2));
    }
    let pause = match held.refresh_at.duration_since(now) {
        Ok(until) if !until.is_zero() => until,
        _ => (left / 4).min(policy.longest_pause),
    };
    // Near the end a quarter of what is left is next to nothing.
    pause.max(between(shortest, ceiling, jitter / 4.0))
}

/// A number from 0 to 1, whatever is given.
fn share(jitter: f64) -> f64 {
    if jitter.is_finite() {
        jitter.clamp(0.0, 1.0)
    } else {
        0.5
    }
}

fn between(from: Duration, to: Duration, jitter: f64) -> Duration {
    from + to.saturating_sub(from).mul_f64(jitter)
}

/// The pause after so many failures, doubling from the first.
fn doubled(first: Duration, failures: u32) -> Duration {
    let times = 1_u32
        .checked_shl(failures.saturating_sub(1))
        .unwrap_or(u32::MAX);
    first.saturating_mul(times)
}

/// Random numbers that need not be secret (`SplitMix64`, <https://prng.di.unimi.it/splitmix64.c>).
#[derive(Clone, Debug)]
pub struct Jitter(u64);

impl Jitter {
    /// Begins the sequence that belongs to the seed.
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number, from 0 up to but not including 1.
    pub fn draw(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let high = u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or_default();
        f64::from(high) / (f64::from(u32::MAX) + 1.0)
    }
}

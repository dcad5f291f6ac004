//! The loop: ask, check, publish what is newer, wait, ask again.

#[cfg(test)]
mod tests;

use std::fmt;
use std::mem;
use std::time::Duration;

use crate::clock::Clock;
use crate::schedule::{Jitter, Policy, next_attempt};
use crate::sink::{Sink, SinkError};
use crate::source::{Retry, Source, SourceError};
use crate::timestamp::Timestamp;
use crate::token::{Expectation, InvalidToken, Lifetime};
use crate::trouble::Trouble;

/// The longest time for a whole answer: GKE's metadata server is slow at times.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// How long a one-shot goes on with what a person must mend, which may be just about to happen.
const PERSON_WITHIN: Duration = Duration::from_mins(1);

/// The agent, by what it gets tokens from, how it tells the time and where it logs.
#[derive(Debug)]
pub struct Agent<S, C, L> {
    source: S,
    sink: Sink,
    clock: C,
    say: L,
    expectation: Expectation,
    jitter: Jitter,
    policy: Policy,
    held: Option<Held>,
    trouble: Trouble,
}

/// The newest token there ever was.
#[derive(Clone, Copy, Debug)]
struct Held {
    /// As its claims have it, to compare with others.
    claimed: Lifetime,
    /// As the clock saw it on arrival, to plan by.
    seen: Lifetime,
    /// Whether it was said that the source has no newer one.
    said: bool,
}

/// Why an attempt published nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub enum AttemptError {
    /// There was no token.
    Source(#[from] SourceError),
    /// There was a token, and no way to publish it.
    Sink(#[from] SinkError),
}

impl AttemptError {
    /// Whether to go on without a person.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Source(error) => error.retry(),
            Self::Sink(error) => error.retry(),
        }
    }

    /// What stays the same while the failure goes on.
    fn topic(&self) -> String {
        match self {
            Self::Source(SourceError::NotUsable {
                reason: InvalidToken::Expired { .. },
                ..
            }) => "a token that ran out".to_owned(),
            other => other.to_string(),
        }
    }
}

/// Why the agent ended without what it was started for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GaveUp {
    /// The last failure.
    pub error: Box<AttemptError>,
    /// How many attempts failed in a row.
    pub attempts: u32,
    /// How long the agent ran.
    pub after: Duration,
}

impl fmt::Display for GaveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            error,
            attempts,
            after,
        } = self;
        let after = after.as_secs_f64();
        let times = if *attempts == 1 {
            "attempt"
        } else {
            "attempts"
        };
        write!(
            f,
            "gave up after {after:.1} s and {attempts} {times}: {error}"
        )
    }
}

impl<S: Source, C: Clock, L: FnMut(&str)> Agent<S, C, L> {
    /// Takes up what an agent before it left: a token in place counts as held while it is good.
    pub fn new(
        source: S,
        sink: Sink,
        clock: C,
        say: L,
        expectation: Expectation,
        jitter: Jitter,
    ) -> Self {
        sink.clear_leftovers();
        let now = clock.now();
        let in_place = sink
            .published()
            .and_then(|text| expectation.check(text, now).ok())
            .map(|token| Held::new(token.lifetime(), token.lifetime().seen_at(now)));
        Self {
            source,
            sink,
            clock,
            say,
            expectation,
            jitter,
            policy: Policy::default(),
            held: in_place,
            trouble: Trouble::default(),
        }
    }

    /// Ends with the first answer, after `timeout`, or a minute into what a person must mend.
    pub fn one_shot(&mut self, timeout: Option<Duration>) -> Result<(), GaveUp> {
        let started = self.clock.uptime();
        let end = timeout.map(|timeout| started.saturating_add(timeout));
        loop {
            let left = end.map(|end| end.saturating_sub(self.clock.uptime()));
            let within = left.unwrap_or(ANSWER_WITHIN).min(ANSWER_WITHIN);
            let Err(error) = self.attempt(within) else {
                return Ok(());
            };
            let pause = self.pause();
            let person_end = self
                .trouble
                .person_since()
                .map(|since| since + PERSON_WITHIN);
            let next = self.clock.uptime().saturating_add(pause);
            let over = [end, person_end]
                .into_iter()
                .flatten()
                .any(|end| next >= end);
            if over || error.retry() == Retry::Never {
                return Err(self.give_up(error));
            }
            self.complain(&error);
            self.clock.wait(pause);
        }
    }

    /// Keeps the token fresh. Ends only when nobody can ever read it.
    pub fn refresh(&mut self) -> GaveUp {
        loop {
            match self.attempt(ANSWER_WITHIN) {
                Err(error) if error.retry() == Retry::Never => return self.give_up(error),
                Err(error) => self.complain(&error),
                Ok(()) => {}
            }
            let pause = self.pause();
            self.clock.wait(pause);
        }
    }

    /// Asks once; publishes what is newer than anything published before.
    fn attempt(&mut self, within: Duration) -> Result<(), AttemptError> {
        let outcome = self.fetch_and_publish(within);
        match &outcome {
            Ok(()) => self.trouble = Trouble::default(),
            Err(error) => {
                let (now, uptime) = (self.clock.now(), self.clock.uptime());
                self.trouble.add(error.retry(), now, uptime);
            }
        }
        outcome
    }

    fn fetch_and_publish(&mut self, within: Duration) -> Result<(), AttemptError> {
        let asked_at = self.clock.now();
        let token = self.source.id_token(&self.expectation, asked_at, within)?;
        let claimed = token.lifetime();
        if let Some(held) = &mut self.held
            && claimed.expires_at <= held.claimed.expires_at
        {
            if !mem::replace(&mut held.said, true) {
                let until = Timestamp(held.claimed.expires_at);
                (self.say)(&format!(
                    "the token in place is the newest there is, good until {until}"
                ));
            }
            return Ok(());
        }
        self.sink.publish(&token)?;
        self.held = Some(Held::new(claimed, claimed.seen_at(asked_at)));
        let until = Timestamp(claimed.expires_at);
        (self.say)(&match self.trouble.since() {
            Some(since) => format!(
                "got a token good until {until}, after {} failed attempts since {}",
                self.trouble.failures(),
                Timestamp(since)
            ),
            None => format!("got a token good until {until}"),
        });
        Ok(())
    }

    fn pause(&mut self) -> Duration {
        next_attempt(
            self.clock.now(),
            self.held.as_ref().map(|held| &held.seen),
            self.trouble.failures(),
            self.jitter.draw(),
            &self.policy,
        )
    }

    /// Says what fails and what that means for readers, when it is new or a minute has passed.
    fn complain(&mut self, error: &AttemptError) {
        let uptime = self.clock.uptime();
        if !self.trouble.worth_saying(&error.topic(), uptime) {
            return;
        }
        let now = self.clock.now();
        let state = match self.held.map(|held| held.seen.expires_at) {
            None => "no token yet".to_owned(),
            Some(until) if until > now => {
                format!("the token in place is good until {}", Timestamp(until))
            }
            Some(until) => format!("the token in place ran out at {}", Timestamp(until)),
        };
        let next = match error.retry() {
            Retry::NeedsPerson => "a person must mend this; still trying",
            Retry::Never | Retry::Transient => "still trying",
        };
        (self.say)(&format!("{state}; {next}: {error}"));
    }

    fn give_up(&self, error: AttemptError) -> GaveUp {
        GaveUp {
            error: Box::new(error),
            attempts: self.trouble.failures(),
            after: self.clock.uptime(),
        }
    }
}

impl Held {
    fn new(claimed: Lifetime, seen: Lifetime) -> Self {
        Self {
            claimed,
            seen,
            said: false,
        }
    }
}

//! The loop: ask, check, publish what is newer, wait, ask again.

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::clock::{Clock, Reading, Woken};
use crate::log::{Level, Line};
use crate::reckoning::{Anchor, Reckoning};
use crate::schedule::{Due, Jitter, Policy, next_attempt};
use crate::sink::{Sink, SinkError};
use crate::source::{Retry, Source, SourceError};
use crate::timestamp::Timestamp;
use crate::token::{Expectation, IdToken, Lifetime};
use crate::trouble::Trouble;
use crate::vitals::{Outcome, Vitals};

/// A one-shot tries for the last time this long before its time is over.
const LAST_ATTEMPT: Duration = Duration::from_secs(1);

/// How long a one-shot goes on with what a person must mend, which may be just about to happen.
const PERSON_WITHIN: Duration = Duration::from_mins(1);

/// What is next after most failures.
const STILL_TRYING: &str = "still trying";

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
    reckoning: Reckoning,
    vitals: Arc<Vitals>,
}

/// The newest token there ever was.
#[derive(Clone, Copy, Debug)]
struct Held {
    /// When its claims have it end, to compare with others.
    claimed_end: SystemTime,
    /// When to refresh it, as the clock saw it on arrival.
    due: Due,
    /// When the source last gave it, to tell the time by.
    arrival: Anchor,
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

    /// The pause that was asked for.
    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Source(error) => error.retry_after(),
            Self::Sink(_) => None,
        }
    }

    fn is_about_time(&self) -> bool {
        matches!(self, Self::Source(error) if error.is_about_time())
    }

    /// What stays the same while the failure goes on.
    fn topic(&self) -> String {
        if self.is_about_time() {
            "a token of another time".to_owned()
        } else {
            self.to_string()
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

impl<S: Source, C: Clock, L: FnMut(&Line)> Agent<S, C, L> {
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
        let now = clock.read();
        let mut agent = Self {
            source,
            sink,
            clock,
            say,
            expectation,
            jitter,
            policy: Policy::default(),
            held: None,
            trouble: Trouble::default(),
            reckoning: Reckoning::default(),
            vitals: Arc::default(),
        };
        if let Some(token) = agent.in_place(now.day) {
            agent.hold(&token, now);
        }
        agent.show_held();
        agent
    }

    /// What the agent has done, now and as it goes on.
    pub fn vitals(&self) -> Arc<Vitals> {
        Arc::clone(&self.vitals)
    }

    fn show_held(&self) {
        if let Some(held) = self.held {
            let end = held.arrival.uptime_at(held.due.expires_at);
            self.vitals.hold(end);
        }
    }

    /// Ends with the first answer, after `timeout`, or a minute into what a person must mend.
    ///
    /// A token in place that is not due is as good as an answer while the source is away for a moment.
    pub fn one_shot(&mut self, timeout: Option<Duration>) -> Result<(), GaveUp> {
        let started = self.clock.uptime();
        let end = timeout.map(|timeout| started.saturating_add(timeout));
        loop {
            let left = end.map(|end| end.saturating_sub(self.clock.uptime()));
            let patience = self.source.patience();
            let within = left.map_or(patience, |left| left.min(patience));
            let Err(error) = self.attempt(within) else {
                return Ok(());
            };
            if error.retry() == Retry::Transient && self.is_in_place_and_not_due() {
                self.complain(&error, "which will do for now");
                return Ok(());
            }
            let Some(pause) = self.pause_before(end, &error) else {
                return Err(self.give_up(error));
            };
            self.complain(&error, STILL_TRYING);
            let until = self.clock.uptime().saturating_add(pause);
            while self.wait_until(until) == Woken::ClockSet {}
        }
    }

    /// How long a one-shot waits for its next attempt; `None` if there is none in time.
    fn pause_before(&mut self, end: Option<Duration>, error: &AttemptError) -> Option<Duration> {
        let uptime = self.clock.uptime();
        let person_end = self
            .trouble
            .person_since()
            .map(|since| since + PERSON_WITHIN);
        let jitter = self.jitter.draw();
        let asked = self.trouble.failures().retry_after;
        // Only who has a token can wait for as long as a server asks.
        let held = self.held.filter(|_| asked.is_some());
        let pause = self.pause(held.as_ref(), jitter);
        let next = uptime.saturating_add(pause);
        if error.retry() == Retry::Never || person_end.is_some_and(|end| next >= end) {
            return None;
        }
        // An attempt that has less than that is cut short, and its reason is no reason.
        match end {
            Some(end) if next.saturating_add(LAST_ATTEMPT) > end => {
                let last = end.checked_sub(uptime.saturating_add(LAST_ATTEMPT))?;
                (!last.is_zero()).then_some(last)
            }
            _ => Some(pause),
        }
    }

    /// Whether readers have a token that a refresher would not replace yet.
    fn is_in_place_and_not_due(&self) -> bool {
        let now = self.clock.now();
        let fresh = |token: IdToken| {
            let Lifetime {
                issued_at,
                expires_at,
            } = token.lifetime();
            let life = expires_at.duration_since(issued_at).unwrap_or_default();
            let left = expires_at.duration_since(now).unwrap_or_default();
            left >= life.mul_f64(1.0 - self.policy.refresh_between.1)
        };
        self.in_place(now).is_some_and(fresh)
    }

    /// The token that readers see, if it is one that fits.
    fn in_place(&self, now: SystemTime) -> Option<IdToken> {
        self.expectation.check(self.sink.published()?, now).ok()
    }

    /// Keeps the token fresh. Ends only when nobody can ever read it.
    pub fn refresh(&mut self) -> GaveUp {
        loop {
            match self.attempt(self.source.patience()) {
                Err(error) if error.retry() == Retry::Never => return self.give_up(error),
                Err(error) => self.complain(&error, STILL_TRYING),
                Ok(()) => {}
            }
            self.rest();
        }
    }

    /// Waits for the next attempt, which a clock that is set may bring forward and never puts off.
    fn rest(&mut self) {
        let jitter = self.jitter.draw();
        let planned = |agent: &Self| {
            let pause = agent.pause(agent.held.as_ref(), jitter);
            agent.clock.uptime().saturating_add(pause)
        };
        let mut until = planned(self);
        while self.wait_until(until) == Woken::ClockSet {
            self.reckoning.set();
            until = until.min(planned(self));
        }
    }

    fn wait_until(&self, uptime: Duration) -> Woken {
        self.clock.wait(uptime.saturating_sub(self.clock.uptime()))
    }

    /// Asks once; publishes what is newer than anything published before.
    fn attempt(&mut self, within: Duration) -> Result<(), AttemptError> {
        let before = self.held.map(|held| held.claimed_end);
        let outcome = self.fetch_and_publish(within);
        let now = self.clock.read();
        self.show_held();
        self.vitals.count(
            match &outcome {
                Ok(()) if self.held.map(|held| held.claimed_end) == before => Outcome::Unchanged,
                Ok(()) => Outcome::Published,
                Err(error) => Outcome::of_failure(error.retry()),
            },
            now.day,
        );
        match &outcome {
            Ok(()) => self.trouble = Trouble::default(),
            Err(error) => {
                self.trouble.add(error.retry(), error.retry_after(), now);
                if error.is_about_time() {
                    self.reckoning.doubt();
                }
            }
        }
        outcome
    }

    fn fetch_and_publish(&mut self, within: Duration) -> Result<(), AttemptError> {
        let asked_at = self.clock.read();
        let now = self.reckoning.time(asked_at);
        let token = self.source.id_token(&self.expectation, now, within)?;
        // An agent that was stopped on the way comes back to a token that may be over.
        let token = token.unless_over(self.reckoning.time(self.clock.read()));
        let token = token.map_err(|reason| SourceError::NotUsable {
            server: "the source".to_owned(),
            reason,
            hint: String::new(),
        })?;
        let expires_at = token.lifetime().expires_at;
        if let Some(held) = self.held
            && expires_at <= held.claimed_end
        {
            self.keep(&token, held, now)?;
            self.held = Some(Held {
                arrival: self.reckoning.learn(token.lifetime(), asked_at),
                said: true,
                ..held
            });
            return Ok(());
        }
        self.sink.publish(&token)?;
        self.hold(&token, asked_at);
        let until = Timestamp(expires_at);
        let message = match self.trouble.since() {
            Some(since) => format!(
                "got a token good until {until}, after {} failed attempts since {}",
                self.trouble.failures().count,
                Timestamp(since)
            ),
            None => format!("got a token good until {until}"),
        };
        self.say(Level::Info, message, expires_at);
        Ok(())
    }

    /// Plans by a token that is in place.
    fn hold(&mut self, token: &IdToken, asked_at: Reading) {
        let lifetime = token.lifetime();
        let arrival = self.reckoning.learn(lifetime, asked_at);
        let seen = lifetime.seen_at(arrival.time);
        self.held = Some(Held {
            claimed_end: lifetime.expires_at,
            due: Due::new(seen, self.jitter.draw(), &self.policy),
            arrival,
            said: false,
        });
    }

    /// Takes an answer that is no newer than what was published, which readers must still have.
    fn keep(&mut self, token: &IdToken, held: Held, now: SystemTime) -> Result<(), AttemptError> {
        let is_lost = self.sink.keeps()
            && self
                .in_place(now)
                .is_none_or(|found| found.lifetime().expires_at < token.lifetime().expires_at);
        if is_lost {
            self.sink.publish(token)?;
            let until = Timestamp(token.lifetime().expires_at);
            let message =
                format!("the token was not in place any more; put back one good until {until}");
            self.say(Level::Warning, message, token.lifetime().expires_at);
        }
        let until = Timestamp(held.claimed_end);
        if let Some(since) = self.trouble.since() {
            let (failures, since) = (self.trouble.failures().count, Timestamp(since));
            let message = format!(
                "answered again, after {failures} failed attempts since {since}, with no newer token \
                 than the one good until {until}"
            );
            self.say(Level::Info, message, held.claimed_end);
        } else if !held.said && !is_lost {
            let message = format!("the token in place is the newest there is, good until {until}");
            self.say(Level::Info, message, held.claimed_end);
        }
        Ok(())
    }

    fn pause(&self, held: Option<&Held>, jitter: f64) -> Duration {
        let now = self.clock.read();
        next_attempt(
            held.map_or(now.day, |held| held.arrival.at_the_latest(now)),
            held.map(|held| &held.due),
            self.trouble.failures(),
            jitter,
            &self.policy,
        )
    }

    /// Says what fails, what that means for readers and what is next, when it is new or a minute has passed.
    fn complain(&mut self, error: &AttemptError, next: &str) {
        let reading = self.clock.read();
        if !self.trouble.worth_saying(&error.topic(), reading.uptime) {
            return;
        }
        let now = self.reckoning.time(reading);
        let until = self.held.map(|held| held.due.expires_at);
        let (level, state) = match until {
            None => (Level::Error, "no token yet".to_owned()),
            Some(until) if until > now => {
                let state = format!("the token in place is good until {}", Timestamp(until));
                (Level::Warning, state)
            }
            Some(until) => {
                let state = format!("the token in place ran out at {}", Timestamp(until));
                (Level::Error, state)
            }
        };
        let needs_person = error.retry() == Retry::NeedsPerson;
        let whose = if needs_person {
            "a person must mend this; "
        } else {
            ""
        };
        let mut line = Line::new(level, format!("{state}; {whose}{next}: {error}"))
            .with("reason", error.to_string())
            .with("needs_person", needs_person);
        if let Some(until) = until {
            line = line.at("expires_at", until);
        }
        (self.say)(&self.trouble.tell(line));
    }

    /// Says what became of a token, and what went before.
    fn say(&mut self, level: Level, message: String, expires_at: SystemTime) {
        let line = Line::new(level, message).at("expires_at", expires_at);
        (self.say)(&self.trouble.tell(line));
    }

    fn give_up(&self, error: AttemptError) -> GaveUp {
        GaveUp {
            error: Box::new(error),
            attempts: self.trouble.failures().count,
            after: self.clock.uptime(),
        }
    }
}

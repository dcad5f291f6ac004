use std::time::UNIX_EPOCH;

use proptest::prelude::*;

use super::*;
use crate::testing::NOW;

const HOUR: u64 = 3600;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn token(issued_at: u64, seconds: u64) -> Lifetime {
    Lifetime {
        issued_at: at(issued_at),
        expires_at: at(issued_at + seconds),
    }
}

fn failed(count: u32) -> Failures {
    Failures {
        count,
        retry_after: None,
    }
}

fn due(held: Lifetime, jitter: f64) -> Due {
    Due::new(held, jitter, &Policy::default())
}

fn plan(now: SystemTime, held: Option<&Due>, failures: Failures, jitter: f64) -> Duration {
    next_attempt(now, held, failures, jitter, &Policy::default())
}

fn next(now: SystemTime, held: Option<Lifetime>, failures: u32, jitter: f64) -> Duration {
    let held = held.map(|held| due(held, jitter));
    plan(now, held.as_ref(), failed(failures), jitter)
}

#[test]
fn a_fresh_token_is_refreshed_at_65_to_80_percent_of_its_life() {
    let held = Some(token(NOW, HOUR));
    assert_eq!(next(at(NOW), held, 0, 0.0), Duration::from_mins(39));
    assert_eq!(next(at(NOW), held, 0, 1.0), Duration::from_mins(48));
    assert_eq!(next(at(NOW + 600), held, 0, 0.0), Duration::from_mins(29));
}

#[test]
fn a_source_without_a_newer_token_is_asked_after_a_quarter_of_what_is_left() {
    let held = Some(token(NOW, HOUR));
    assert_eq!(
        next(at(NOW + HOUR - 600), held, 0, 1.0),
        Duration::from_secs(30)
    );
    assert_eq!(
        next(at(NOW + HOUR - 60), held, 0, 1.0),
        Duration::from_secs(15)
    );
    assert_eq!(
        next(at(NOW + HOUR - 4), held, 0, 0.0),
        Duration::from_millis(2500)
    );
}

#[test]
fn the_moment_of_a_refresh_is_chosen_once() {
    let held = due(token(NOW, HOUR), 0.5);
    assert_eq!(held.refresh_at, at(NOW + 2610));
    for jitter in [0.0, 1.0] {
        let pause = plan(at(NOW), Some(&held), failed(0), jitter);
        assert_eq!(pause, Duration::from_secs(2610));
        let pause = plan(at(NOW + 2611), Some(&held), failed(0), jitter);
        assert_eq!(pause, Duration::from_secs(30), "it is past");
    }
}

#[test]
fn a_server_that_asks_for_a_pause_gets_it_while_the_token_lasts() {
    let held = due(token(NOW, HOUR), 0.5);
    let asked = |now, seconds, jitter| {
        let failures = Failures {
            count: 1,
            retry_after: Some(Duration::from_secs(seconds)),
        };
        plan(at(now), Some(&held), failures, jitter).as_secs_f64()
    };
    assert!((60.0..60.1).contains(&asked(NOW + 2400, 60, 0.0)));
    assert!((63.0..63.1).contains(&asked(NOW + 2400, 60, 1.0)));
    assert!((600.0..600.1).contains(&asked(NOW + 2400, 7200, 0.5)));
    assert!((2.0..=3.0).contains(&asked(NOW + 2400, 1, 0.0)));
    assert!((2.0..=3.0).contains(&asked(NOW + HOUR + 1, 7200, 1.0)));
}

#[test]
fn the_first_failures_are_followed_by_short_pauses() {
    let pauses: Vec<u128> = (1..=6)
        .map(|failures| next(at(NOW), None, failures, 1.0).as_millis())
        .collect();
    assert_eq!(pauses, [250, 500, 1000, 2000, 3000, 3000]);
}

#[test]
fn with_a_token_in_place_failures_are_followed_by_pauses_as_without() {
    let held = Some(token(NOW, HOUR));
    for failures in [1, 2, 10, u32::MAX] {
        assert_eq!(
            next(at(NOW + 2400), held, failures, 0.0),
            Duration::from_millis(2500)
        );
        assert_eq!(
            next(at(NOW + 2400), held, failures, 1.0),
            Duration::from_secs(3)
        );
    }
}

#[test]
fn the_numbers_are_spread_over_0_to_1() {
    let mut jitter = Jitter::seeded(7);
    let drawn: Vec<f64> = (0..1000).map(|_| jitter.draw()).collect();
    assert!(drawn.iter().all(|number| (0.0..1.0).contains(number)));
    for tenth in 0..10 {
        let from = f64::from(tenth) / 10.0;
        assert!(
            drawn
                .iter()
                .any(|number| (from..from + 0.1).contains(number)),
            "{from}"
        );
    }
}

/// What an attempt may bring: a token of some age and life, the one that is held, or a failure.
#[derive(Clone, Debug)]
enum Answer {
    Failure { retry_after: Option<u64> },
    Same,
    Token { age: u64, life: u64 },
}

fn any_answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        Just(Answer::Failure { retry_after: None }),
        (0..5000_u64).prop_map(|asked| Answer::Failure {
            retry_after: Some(asked)
        }),
        Just(Answer::Same),
        (0..4000_u64, 1..4000_u64).prop_map(|(age, life)| Answer::Token { age, life }),
        (0..2_u64, 1..20_u64).prop_map(|(age, life)| Answer::Token { age, life }),
    ]
}

/// A run of attempts by the schedule: each answer comes at once, and all is told by the one true time.
struct Run {
    jitter: Jitter,
    now: SystemTime,
    held: Option<Due>,
    failures: Failures,
}

impl Run {
    fn new(seed: u64) -> Self {
        Self {
            jitter: Jitter::seeded(seed),
            now: at(NOW),
            held: None,
            failures: Failures::default(),
        }
    }

    fn meet(&mut self, answer: &Answer) {
        match answer {
            Answer::Failure { retry_after } => {
                self.failures.count += 1;
                self.failures.retry_after = retry_after.map(Duration::from_secs);
            }
            Answer::Same if self.held.is_none() => self.failures.count += 1,
            Answer::Same => self.failures = Failures::default(),
            Answer::Token { age, life } => {
                let issued_at = self.now - Duration::from_secs(*age.min(&(life - 1)));
                let expires_at = issued_at + Duration::from_secs(*life);
                let lifetime = Lifetime {
                    issued_at,
                    expires_at,
                };
                self.held = Some(due(lifetime, self.jitter.draw()));
                self.failures = Failures::default();
            }
        }
    }

    fn pause(&mut self) -> Duration {
        let jitter = self.jitter.draw();
        plan(self.now, self.held.as_ref(), self.failures, jitter)
    }

    fn left(&self) -> Duration {
        let held = self
            .held
            .map(|held| held.expires_at.duration_since(self.now));
        held.and_then(Result::ok).unwrap_or_default()
    }
}

proptest! {
    #[test]
    fn never_more_than_30_attempts_a_minute(
        answers in prop::collection::vec(any_answer(), 1..300),
        seed in any::<u64>(),
    ) {
        let mut run = Run::new(seed);
        let mut attempts = Vec::new();
        for answer in &answers {
            attempts.push(run.now);
            run.meet(answer);
            let pause = run.pause();
            run.now += pause;
        }
        for (i, first) in attempts.iter().enumerate() {
            let minute = *first + Duration::from_mins(1);
            let within = attempts[i..].iter().take_while(|at| **at < minute).count();
            prop_assert!(within <= 30, "{within} attempts in a minute");
        }
    }

    #[test]
    fn after_any_answers_the_next_attempt_comes_before_the_held_token_ends(
        answers in prop::collection::vec(any_answer(), 1..300),
        seed in any::<u64>(),
    ) {
        let mut run = Run::new(seed);
        for answer in &answers {
            run.meet(answer);
            let (pause, left) = (run.pause(), run.left());
            prop_assert!(!pause.is_zero());
            // In the last seconds the limit on attempts goes before the token's end.
            let last_useful = left.max(Duration::from_secs(3));
            prop_assert!(pause <= last_useful, "{pause:?}, {left:?} left, after {answer:?}");
            run.now += pause;
        }
    }

    #[test]
    fn a_pause_that_is_asked_for_takes_no_more_than_half_of_what_is_left(
        left in 0..HOUR,
        asked in any::<u64>(),
        count in 1..u32::MAX,
        jitter in 0.0..1.0,
    ) {
        let held = due(token(NOW, HOUR), jitter);
        let retry_after = Some(Duration::from_secs(asked));
        let pause = plan(at(NOW + HOUR - left), Some(&held), Failures { count, retry_after }, jitter);
        let half = Duration::from_secs(left) / 2;
        prop_assert!(pause >= Duration::from_secs(asked).min(half), "{pause:?} of {asked} s");
        prop_assert!(pause <= half.max(Duration::from_secs(3)), "{pause:?} of {left} s");
        let spread = Duration::from_secs(3);
        prop_assert!(pause <= Duration::from_secs(asked).saturating_add(spread), "{pause:?}");
    }

    #[test]
    fn pauses_without_a_working_token_are_at_most_3_s(
        failures in any::<u32>(),
        jitter in any::<f64>(),
        gone in prop::option::of(0..100_000_u64),
    ) {
        let held = gone.map(|gone| token(NOW - gone - HOUR, HOUR));
        let pause = next(at(NOW), held, failures, jitter);
        prop_assert!(pause <= Duration::from_secs(3), "{pause:?}");
        prop_assert!(pause >= Duration::from_millis(200), "{pause:?}");
    }

    #[test]
    fn a_failure_waits_past_no_point_at_which_the_token_can_still_be_replaced(
        left in 3..HOUR,
        failures in 1..u32::MAX,
        jitter in 0.0..1.0,
    ) {
        let pause = next(at(NOW + HOUR - left), Some(token(NOW, HOUR)), failures, jitter);
        prop_assert!(pause < Duration::from_secs(left), "{pause:?} of {left} s");
        prop_assert!(pause <= Duration::from_secs(3), "{pause:?}");
    }

    #[test]
    fn a_token_is_asked_for_before_the_held_one_runs_out(
        life in 4..100_000_u64,
        age in 0..100_000_u64,
        jitter in 0.0..1.0,
    ) {
        let age = age.min(life - 3);
        let pause = next(at(NOW + age), Some(token(NOW, life)), 0, jitter);
        prop_assert!(pause < Duration::from_secs(life - age), "{pause:?} of {} s", life - age);
        prop_assert!(pause >= Duration::from_millis(2500), "{pause:?}");
    }

    #[test]
    fn any_time_and_token_give_a_pause(
        now in 0..u64::MAX / 4,
        issued_at in 0..u64::MAX / 4,
        life in 0..u64::MAX / 4,
        count in any::<u32>(),
        asked in prop::option::of(any::<u64>()),
        jitter in any::<f64>(),
    ) {
        let held = due(token(issued_at, life), jitter);
        let retry_after = asked.map(Duration::from_secs);
        let pause = plan(at(now), Some(&held), Failures { count, retry_after }, jitter);
        prop_assert!(pause >= Duration::from_millis(2500), "{pause:?}");
    }
}

/// A thousand pods that got tokens of the same second.
fn fleet() -> impl Iterator<Item = (Due, Jitter)> {
    (0..1000).map(|pod: u64| {
        let mut jitter = Jitter::seeded(pod.wrapping_mul(0x5851_f42d_4c95_7f2d));
        (due(token(NOW, HOUR), jitter.draw()), jitter)
    })
}

/// The most that happens in any one of the steps.
fn busiest(moments: impl Iterator<Item = Duration>, step: Duration) -> usize {
    let mut steps: Vec<u128> = moments.map(|at| at.as_nanos() / step.as_nanos()).collect();
    steps.sort_unstable();
    steps
        .chunk_by(PartialEq::eq)
        .map(<[_]>::len)
        .max()
        .unwrap_or_default()
}

#[test]
fn a_fleet_of_1000_that_was_started_together_does_not_ask_together() {
    let refreshes = fleet()
        .map(|(due, mut jitter)| plan(at(NOW), Some(&due), Failures::default(), jitter.draw()));
    // Evenly spread over nine minutes it is 111 a minute, and two a second.
    let refreshes: Vec<Duration> = refreshes.collect();
    let of_a_minute = busiest(refreshes.iter().copied(), Duration::from_mins(1));
    assert!(of_a_minute < 150, "{of_a_minute} in a minute");
    let of_a_second = busiest(refreshes.iter().copied(), Duration::from_secs(1));
    assert!(of_a_second < 12, "{of_a_second} in a second");
}

#[test]
fn a_fleet_of_1000_that_was_turned_away_together_does_not_come_back_together() {
    let retry_after = Some(Duration::from_mins(1));
    let returns = fleet().map(|(due, mut jitter)| {
        let failures = Failures {
            count: 1,
            retry_after,
        };
        plan(at(NOW + 2400), Some(&due), failures, jitter.draw())
    });
    // Evenly spread over three seconds it is 33 in each tenth of one.
    let of_a_tenth = busiest(returns, Duration::from_millis(100));
    assert!(of_a_tenth < 70, "{of_a_tenth} in 0.1 s");
}

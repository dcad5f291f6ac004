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

fn next(now: SystemTime, held: Option<Lifetime>, failures: u32, jitter: f64) -> Duration {
    next_attempt(now, held.as_ref(), failures, jitter, &Policy::default())
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
    Failure,
    Same,
    Token { age: u64, life: u64 },
}

fn any_answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        Just(Answer::Failure),
        Just(Answer::Same),
        (0..4000_u64, 1..4000_u64).prop_map(|(age, life)| Answer::Token { age, life }),
        (0..2_u64, 1..20_u64).prop_map(|(age, life)| Answer::Token { age, life }),
    ]
}

proptest! {
    #[test]
    fn never_more_than_30_attempts_a_minute(
        answers in prop::collection::vec(any_answer(), 1..300),
        seed in any::<u64>(),
    ) {
        let mut jitter = Jitter::seeded(seed);
        let (mut now, mut held, mut failures) = (at(NOW), None::<Lifetime>, 0);
        let mut attempts = Vec::new();
        for answer in answers {
            attempts.push(now);
            match answer {
                Answer::Failure => failures += 1,
                Answer::Same => failures = u32::from(held.is_none()),
                Answer::Token { age, life } => {
                    let issued_at = now - Duration::from_secs(age.min(life - 1));
                    let expires_at = issued_at + Duration::from_secs(life);
                    held = Some(Lifetime { issued_at, expires_at });
                    failures = 0;
                }
            }
            now += next(now, held, failures, jitter.draw());
        }
        for (i, first) in attempts.iter().enumerate() {
            let minute = *first + Duration::from_mins(1);
            let within = attempts[i..].iter().take_while(|at| **at < minute).count();
            prop_assert!(within <= 30, "{within} attempts in a minute");
        }
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
        failures in any::<u32>(),
        jitter in any::<f64>(),
    ) {
        let pause = next(at(now), Some(token(issued_at, life)), failures, jitter);
        prop_assert!(pause >= Duration::from_millis(2500), "{pause:?}");
    }
}

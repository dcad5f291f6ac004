use std::cell::{Cell, RefCell};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::SystemTime;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::sink::TokenFile;
use crate::source::{ANSWER_WITHIN, MetadataServer};
use crate::testing::{NOW, TestClock, expectation, jwt, jwt_of};
use crate::token::InvalidToken;

/// A source that is a function of the number of attempts before.
struct Scripted<F>(F, Cell<u64>);

impl<F: Fn(u64, SystemTime) -> Result<String, SourceError>> Source for Scripted<F> {
    fn id_token(
        &self,
        expectation: &Expectation,
        now: SystemTime,
        within: Duration,
    ) -> Result<IdToken, SourceError> {
        assert!(!within.is_zero() && within <= ANSWER_WITHIN, "{within:?}");
        let attempt = self.1.replace(self.1.get() + 1);
        let text = (self.0)(attempt, now)?;
        expectation
            .check(text.clone(), now)
            .map_err(|reason| SourceError::NotUsable {
                server: "the metadata server at 169.254.169.254".to_owned(),
                reason,
                hint: crate::excerpt::excerpt(text.as_bytes()),
            })
    }
}

fn scripted<F: Fn(u64, SystemTime) -> Result<String, SourceError>>(script: F) -> Scripted<F> {
    Scripted(script, Cell::new(0))
}

fn away() -> SourceError {
    SourceError::Unreachable {
        server: "the metadata server at 169.254.169.254".to_owned(),
        wanted: "an ID token",
        reason: "connection refused".to_owned(),
    }
}

fn refused(status: u16) -> SourceError {
    SourceError::Refused {
        server: "the metadata server at 169.254.169.254".to_owned(),
        wanted: "an ID token",
        status,
        said: "words".to_owned(),
        advice: "do something".into(),
        retry_after: None,
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// A folder, a clock and a log for one agent.
struct Stage {
    folder: TempDir,
    clock: TestClock,
    log: RefCell<Vec<String>>,
}

impl Stage {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            clock: TestClock::default(),
            log: RefCell::default(),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("gtoken")
    }

    fn in_place(&self) -> Option<String> {
        fs::read_to_string(self.path()).ok()
    }

    fn agent<S: Source>(&self, source: S) -> Agent<S, &TestClock, impl FnMut(&Line)> {
        let file = TokenFile::at(self.path().to_str().unwrap()).unwrap();
        let say = |line: &Line| self.log.borrow_mut().push(line.message.clone());
        let jitter = Jitter::seeded(1);
        Agent::new(
            source,
            Sink::File(file),
            &self.clock,
            say,
            expectation(),
            jitter,
        )
    }

    fn log(&self) -> String {
        self.log.borrow().join("\n")
    }
}

#[test]
fn a_one_shot_ends_with_its_token() {
    let stage = Stage::new();
    let token = jwt(NOW, NOW + 3600);
    let outcome = stage
        .agent(scripted(|_, _| Ok(token.clone())))
        .one_shot(None);
    assert_eq!(outcome, Ok(()));
    assert_eq!(stage.in_place(), Some(token));
    assert_eq!(stage.log(), "got a token good until 2026-11-23T01:00:00Z");
}

#[test]
fn a_one_shot_outlasts_an_hour_without_a_metadata_server() {
    let stage = Stage::new();
    let source = scripted(|attempt, now| match attempt {
        0..2000 => Err(away()),
        _ => Ok(jwt(seconds(now), seconds(now) + 3600)),
    });
    assert_eq!(stage.agent(source).one_shot(None), Ok(()));
    assert!(stage.clock.uptime() > Duration::from_hours(1));
    assert!(stage.in_place().is_some());
    assert!(
        stage
            .log()
            .contains("after 2000 failed attempts since 2026-11-23T00:00:00Z")
    );
}

#[test]
fn a_failing_refresh_touches_nothing_and_ends_nothing() {
    let stage = Stage::new();
    let source = scripted(|attempt, now| match attempt {
        1..400 => Err(refused(404)),
        _ => Ok(jwt(seconds(now), seconds(now) + 3600)),
    });
    let mut agent = stage.agent(source);
    let mut first = None;
    for attempt in 0..=400 {
        let outcome = agent.attempt(ANSWER_WITHIN);
        assert_eq!(outcome.is_ok(), attempt == 0 || attempt == 400);
        first = first.or_else(|| stage.in_place());
        if attempt < 400 {
            assert_eq!(stage.in_place(), first, "the token in place was touched");
        }
        agent.rest();
    }
    assert_ne!(stage.in_place(), first);
}

#[test]
fn a_one_shot_gives_up_at_its_timeout() {
    let stage = Stage::new();
    let timeout = Duration::from_secs(30);
    let gave_up = stage
        .agent(scripted(|_, _| Err(away())))
        .one_shot(Some(timeout))
        .unwrap_err();
    assert_eq!(gave_up.error.retry(), Retry::Transient);
    assert!(gave_up.after <= timeout && timeout < gave_up.after + Duration::from_secs(4));
    assert!(
        gave_up.to_string().contains("connection refused"),
        "{gave_up}"
    );
}

/// Is always away, and notes the least time that an attempt had.
struct Away<'a>(&'a Cell<Duration>);

impl Source for Away<'_> {
    fn id_token(
        &self,
        _: &Expectation,
        _: SystemTime,
        within: Duration,
    ) -> Result<IdToken, SourceError> {
        self.0.set(self.0.get().min(within));
        Err(away())
    }
}

#[test]
fn no_attempt_of_a_one_shot_is_too_short_for_an_answer() {
    for milliseconds in (2_000..12_000).step_by(50) {
        let (stage, least) = (Stage::new(), Cell::new(Duration::MAX));
        let timeout = Duration::from_millis(milliseconds);
        let ended = stage.agent(Away(&least)).one_shot(Some(timeout));
        assert!(ended.is_err());
        assert!(
            least.get() >= LAST_ATTEMPT,
            "{timeout:?}: {:?}",
            least.get()
        );
    }
}

#[test]
fn a_one_shot_without_timeout_gives_up_a_minute_into_what_a_person_must_mend() {
    let stage = Stage::new();
    let source = scripted(|attempt, _| Err(if attempt < 100 { away() } else { refused(404) }));
    let gave_up = stage.agent(source).one_shot(None).unwrap_err();
    assert_eq!(*gave_up.error, AttemptError::Source(refused(404)));
    let person = stage.clock.uptime().as_secs();
    assert!((250..400).contains(&person), "{person} s");
    assert!(gave_up.attempts > 115, "{gave_up:?}");
}

#[test]
fn a_file_that_cannot_be_written_is_a_persons_to_mend() {
    let stage = Stage::new();
    fs::create_dir(stage.path()).unwrap();
    let source = scripted(|_, now| Ok(jwt(seconds(now), seconds(now) + 3600)));
    let gave_up = stage.agent(source).one_shot(None).unwrap_err();
    assert_eq!(gave_up.error.retry(), Retry::NeedsPerson);
    assert!(
        stage
            .log()
            .starts_with("no token yet; a person must mend this; still trying: cannot write")
    );
}

#[test]
fn a_restarted_agent_replaces_no_token_with_an_older_one() {
    let stage = Stage::new();
    fs::write(stage.path(), jwt(NOW, NOW + 3000)).unwrap();
    let mut agent = stage.agent(scripted(|_, _| Ok(jwt(NOW - 600, NOW + 2999))));
    assert_eq!(agent.attempt(ANSWER_WITHIN), Ok(()));
    assert_eq!(agent.attempt(ANSWER_WITHIN), Ok(()));
    assert_eq!(stage.in_place(), Some(jwt(NOW, NOW + 3000)));
    assert_eq!(
        stage.log(),
        "the token in place is the newest there is, good until 2026-11-23T00:50:00Z"
    );
}

#[test]
fn what_is_in_place_and_no_token_that_works_is_replaced() {
    for in_place in [
        "",
        "nonsense",
        &jwt(NOW - 3600, NOW),
        &jwt_of(&serde_json::json!({ "aud": "else", "exp": NOW * 2 })),
    ] {
        let stage = Stage::new();
        fs::write(stage.path(), in_place).unwrap();
        let mut agent = stage.agent(scripted(|_, _| Ok(jwt(NOW, NOW + 60))));
        assert_eq!(agent.attempt(ANSWER_WITHIN), Ok(()));
        assert_eq!(stage.in_place(), Some(jwt(NOW, NOW + 60)));
    }
}

#[test]
fn at_rest_nothing_is_logged_but_each_new_token() {
    let stage = Stage::new();
    let mut agent = stage.agent(scripted(|_, now| {
        Ok(jwt(seconds(now), seconds(now) + 3600))
    }));
    let mut attempts = 0;
    while stage.clock.uptime() < Duration::from_hours(24) {
        agent.attempt(ANSWER_WITHIN).unwrap();
        attempts += 1;
        agent.rest();
    }
    assert!((30..=37).contains(&attempts), "{attempts} a day");
    assert_eq!(stage.log.borrow().len(), attempts);
}

#[test]
fn a_failure_is_logged_once_a_minute_with_what_it_means() {
    let stage = Stage::new();
    let source = scripted(|attempt, now| match attempt {
        0 => Ok(jwt(seconds(now), seconds(now) + 60)),
        _ => Err(away()),
    });
    let mut agent = stage.agent(source);
    while stage.clock.uptime() < Duration::from_mins(5) {
        if let Err(error) = agent.attempt(ANSWER_WITHIN) {
            agent.complain(&error, STILL_TRYING);
        }
        agent.rest();
    }
    let log = stage.log.borrow();
    assert!((5..=6).contains(&log.len()), "{log:#?}");
    assert_eq!(
        log[1],
        "the token in place is good until 2026-11-23T00:01:00Z; still trying: the metadata server at \
         169.254.169.254 gave no ID token: connection refused"
    );
    assert!(log[2].starts_with("the token in place ran out at 2026-11-23T00:01:00Z; still trying"));
}

#[test]
fn no_failure_ends_a_refresher_or_touches_its_token() {
    const END: u64 = 400;
    let stage = Stage::new();
    let kept = RefCell::new(None);
    let source = scripted(|attempt, now| {
        let mut kept = kept.borrow_mut();
        if attempt > 1 {
            assert_eq!(stage.in_place(), *kept, "the token in place was touched");
        }
        *kept = stage.in_place();
        match attempt {
            0 => Ok(jwt(seconds(now), seconds(now) + 3600)),
            END => panic!("the script is over"),
            i if i % 4 == 0 => Err(away()),
            i if i % 4 == 1 => Err(refused(404)),
            i if i % 4 == 2 => Ok("nonsense".to_owned()),
            _ => Ok(jwt_of(
                &serde_json::json!({ "aud": "else", "exp": NOW * 2 }),
            )),
        }
    });
    let mut agent = stage.agent(source);
    let ended = catch_unwind(AssertUnwindSafe(|| agent.refresh())).unwrap_err();
    assert_eq!(ended.downcast_ref(), Some(&"the script is over"));
    assert!(stage.in_place().is_some());
}

#[test]
fn a_one_shot_beside_a_token_in_place_tries_as_often_as_without() {
    let stage = Stage::new();
    fs::write(stage.path(), jwt(NOW - 3500, NOW + 100)).unwrap();
    let tries = Cell::new(0);
    let source = scripted(|_, _| {
        tries.set(tries.get() + 1);
        Err(away())
    });
    let timeout = Duration::from_secs(30);
    let gave_up = stage.agent(source).one_shot(Some(timeout)).unwrap_err();
    assert!(gave_up.after >= Duration::from_secs(29), "{gave_up}");
    assert!(tries.get() >= 10, "{} attempts", tries.get());
}

#[test]
fn a_one_shot_with_a_token_waits_as_long_as_the_server_asks_up_to_half_of_what_is_left() {
    for (asked, least) in [(20, 20), (600, 50)] {
        let stage = Stage::new();
        // Due for long.
        fs::write(stage.path(), jwt(NOW - 3500, NOW + 100)).unwrap();
        let source = scripted(|attempt, now| match attempt {
            0 => Err(SourceError::Relayed {
                said: "busy".to_owned(),
                retry: Retry::Transient,
                retry_after: Some(Duration::from_secs(asked)),
            }),
            _ => Ok(jwt(seconds(now), seconds(now) + 3600)),
        });
        assert_eq!(stage.agent(source).one_shot(None), Ok(()));
        let waited = stage.clock.uptime().as_secs();
        assert!((least..=least + 3).contains(&waited), "{waited} s");
    }
}

#[test]
fn whoever_asks_how_it_is_hears_of_no_clock_that_is_set() {
    let stage = Stage::new();
    let source = scripted(|_, now| Ok(jwt(seconds(now), seconds(now) + 3600)));
    stage.clock.set_at(Duration::from_secs(10), 3600);
    stage.clock.wait(Duration::from_secs(5));
    let mut agent = stage.agent(source);
    agent.attempt(ANSWER_WITHIN).unwrap();
    let end = Some(3605);
    assert_eq!(agent.vitals().snapshot().expires_at, end);
    stage.clock.wait(Duration::from_secs(10));
    agent.show_held();
    assert_eq!(agent.vitals().snapshot().expires_at, end);
}

#[test]
fn a_token_in_place_that_is_not_due_serves_a_one_shot_while_the_source_is_away() {
    let stage = Stage::new();
    let in_place = jwt(NOW - 600, NOW + 3000);
    fs::write(stage.path(), &in_place).unwrap();
    assert_eq!(
        stage.agent(scripted(|_, _| Err(away()))).one_shot(None),
        Ok(())
    );
    assert_eq!(stage.in_place(), Some(in_place));
    let words = "is good until 2026-11-23T00:50:00Z; which will do for now: ";
    assert!(stage.log().contains(words), "{}", stage.log());
    let refused = stage
        .agent(scripted(|_, _| Err(refused(404))))
        .one_shot(None);
    assert!(
        refused.is_err(),
        "what a person must mend is not passed over"
    );
}

#[test]
fn a_token_that_ran_out_while_the_agent_was_stopped_in_its_request_is_not_published() {
    let stage = Stage::new();
    let source = scripted(|attempt, now| {
        if attempt == 0 {
            stage.clock.wait(Duration::from_hours(2));
        }
        Ok(jwt(seconds(now), seconds(now) + 3600))
    });
    let mut agent = stage.agent(source);
    let error = agent.attempt(ANSWER_WITHIN).unwrap_err();
    assert_eq!(error.retry(), Retry::Transient, "{error}");
    assert_eq!(stage.in_place(), None);
    assert_eq!(agent.attempt(ANSWER_WITHIN), Ok(()));
    assert!(stage.in_place().is_some());
}

#[test]
fn a_token_that_was_lost_is_put_back() {
    let token = jwt(NOW, NOW + 3600);
    for lost in [None, Some("nonsense".to_owned()), Some(jwt(NOW, NOW + 60))] {
        let stage = Stage::new();
        let mut agent = stage.agent(scripted(|_, _| Ok(token.clone())));
        agent.attempt(ANSWER_WITHIN).unwrap();
        match lost {
            None => fs::remove_file(stage.path()).unwrap(),
            Some(text) => fs::write(stage.path(), text).unwrap(),
        }
        agent.attempt(ANSWER_WITHIN).unwrap();
        assert_eq!(stage.in_place(), Some(token.clone()));
        assert!(stage.log().contains("put back"), "{}", stage.log());
    }
}

#[test]
fn a_recovery_without_a_newer_token_is_told() {
    let stage = Stage::new();
    let source = scripted(|attempt, _| match attempt {
        0 | 1 | 4 => Ok(jwt(NOW, NOW + 3600)),
        _ => Err(away()),
    });
    let mut agent = stage.agent(source);
    for _ in 0..5 {
        // What fails is in the script.
        let _ = agent.attempt(ANSWER_WITHIN);
    }
    let log = stage.log();
    assert!(
        log.ends_with("with no newer token than the one good until 2026-11-23T01:00:00Z"),
        "{log}"
    );
    assert!(
        log.contains("answered again, after 2 failed attempts since"),
        "{log}"
    );
}

/// Runs an agent for a day beside a source that gives every token for `cached` seconds before it gives the next, of an hour
/// each, and that is away in these spans of seconds. Says when it was asked; what is in place must be good all the time.
fn a_day(stage: &Stage, cached: u64, away_in: &[(u64, u64)]) -> Vec<Duration> {
    let source = scripted(|attempt, _| {
        let uptime = stage.clock.uptime().as_secs();
        let is_away = away_in
            .iter()
            .any(|(from, to)| (from..to).contains(&&uptime));
        if attempt > 0 && is_away {
            return Err(away());
        }
        let issued_at = NOW + uptime - uptime % cached;
        Ok(jwt(issued_at, issued_at + 3600))
    });
    let mut agent = stage.agent(source);
    let mut asked = Vec::new();
    while stage.clock.uptime() < Duration::from_hours(24) {
        // What fails is told below, by what is in place.
        let _ = agent.attempt(ANSWER_WITHIN);
        asked.push(stage.clock.uptime());
        let good = expectation().check(stage.in_place().unwrap(), stage.clock.true_time());
        assert!(good.is_ok(), "at {:?}: {good:?}", stage.clock.uptime());
        let end = good.unwrap().lifetime().expires_at;
        agent.rest();
        let now = stage.clock.true_time();
        assert!(
            now < end,
            "the token in place ended at {end:?} and it is {now:?}"
        );
    }
    asked
}

fn most_in_a_minute(asked: &[Duration]) -> usize {
    let minute = Duration::from_mins(1);
    let within = |(i, first): (usize, &Duration)| {
        asked[i..]
            .iter()
            .take_while(|at| **at < *first + minute)
            .count()
    };
    asked
        .iter()
        .enumerate()
        .map(within)
        .max()
        .unwrap_or_default()
}

#[test]
fn a_clock_that_is_an_hour_or_a_day_wrong_costs_no_token_and_few_attempts() {
    for by in [3600, -3600, 86_400, -86_400] {
        let stage = Stage::new();
        stage.clock.set_at(Duration::from_mins(10), by);
        let asked = a_day(&stage, 1, &[]);
        assert!(
            (30..=40).contains(&asked.len()),
            "{by}: {} attempts",
            asked.len()
        );
        let complaints = stage
            .log
            .borrow()
            .iter()
            .filter(|line| !line.starts_with("got"))
            .count();
        assert_eq!(complaints, 0, "{by}: {}", stage.log());
    }
}

#[test]
fn a_clock_that_is_put_right_brings_a_refresh_forward() {
    // It is 20 minutes slow, so the token looks young on arrival.
    let stage = Stage::new();
    let mut agent = stage.agent(scripted(|_, _| Ok(jwt(NOW - 1200, NOW + 2400))));
    stage.clock.set_at(Duration::ZERO, -1200);
    assert_eq!(stage.clock.wait(Duration::ZERO), Woken::ClockSet);
    agent.attempt(ANSWER_WITHIN).unwrap();
    stage.clock.set_at(Duration::from_mins(30), 1200);
    agent.rest();
    let uptime = stage.clock.uptime();
    assert!((1800..1840).contains(&uptime.as_secs()), "{uptime:?}");
}

#[test]
fn a_clock_that_is_set_all_the_time_puts_no_attempt_off() {
    let stage = Stage::new();
    let mut agent = stage.agent(scripted(|_, _| Ok(jwt(NOW, NOW + 3600))));
    agent.attempt(ANSWER_WITHIN).unwrap();
    for second in 0..3600 {
        stage.clock.set_at(
            Duration::from_secs(second),
            if second % 2 == 0 { -60 } else { 60 },
        );
    }
    agent.rest();
    let uptime = stage.clock.uptime().as_secs();
    assert!((2270..=2880).contains(&uptime), "{uptime} s");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn no_clock_that_jumps_and_no_short_outage_leaves_a_pod_without_a_good_token(
        steps in prop::collection::vec((0..86_400_u64, -10_000..10_000_i64), 0..8),
        outages in prop::collection::vec((0..86_400_u64, 1..600_u64), 0..8),
        cached in prop_oneof![Just(1_u64), 1..3000_u64],
    ) {
        let stage = Stage::new();
        let mut steps = steps;
        steps.sort_unstable();
        for (at, by) in steps {
            stage.clock.set_at(Duration::from_secs(at), by);
        }
        let spans: Vec<_> = outages.iter().map(|(from, long)| (*from, from + long)).collect();
        let alone: Vec<_> = spans.iter().copied().filter(|(from, _)| !spans.iter().any(
            |(other, to)| other < from && from < &(to + 3600))).collect();
        let asked = a_day(&stage, cached, &alone);
        let most = most_in_a_minute(&asked);
        prop_assert!(most <= 30, "{most} attempts in a minute");
    }
}

/// Ends the reader, and so the test, also when the writer panics.
struct Running<'a>(&'a AtomicBool);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn cut(token: &str) -> String {
    token[..token.len() / 2].to_owned()
}

#[test]
fn the_token_file_is_never_empty_partial_or_older() {
    let stage = Stage::new();
    let path = stage.path();
    let over = AtomicBool::new(false);
    // Every third answer is older than the one before, every fifth is cut, every seventh a failure.
    let source = scripted(|attempt, now| {
        let now = seconds(now);
        match attempt {
            i if i % 7 == 6 => Err(away()),
            i if i % 5 == 4 => Ok(cut(&jwt(now, now + 8))),
            i if i % 3 == 2 => Ok(jwt(now - 5, now + 1)),
            _ => Ok(jwt(now, now + 8)),
        }
    });
    let mut agent = stage.agent(source);
    agent.attempt(ANSWER_WITHIN).unwrap();
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut newest, mut replaced) = (SystemTime::UNIX_EPOCH, 0);
            let long_ago = SystemTime::UNIX_EPOCH;
            while !over.load(Ordering::Relaxed) {
                let text = fs::read_to_string(&path).expect("the file was away");
                let Err(InvalidToken::NotYet { good_from, .. }) =
                    expectation().check(text.clone(), long_ago)
                else {
                    panic!("the file was not whole");
                };
                let token = expectation().check(text, good_from).unwrap();
                let expires_at = token.lifetime().expires_at;
                assert!(expires_at >= newest, "an older token was published");
                replaced += u64::from(expires_at > newest);
                newest = expires_at;
            }
            replaced
        });
        let running = Running(&over);
        for _ in 0..5000 {
            // What fails is in the script.
            let _ = agent.attempt(ANSWER_WITHIN);
            agent.rest();
        }
        drop(running);
        let replaced = reader.join().unwrap();
        assert!(replaced > 10, "the reader saw only {replaced} tokens");
    });
}

/// Every part of a token that is long enough to be told from words.
fn pieces(token: &str) -> impl Iterator<Item = &str> {
    token
        .as_bytes()
        .windows(12)
        .map(|window| std::str::from_utf8(window).unwrap())
}

/// A metadata server that gives this answer to every request.
fn metadata_server(status: u16, head: &str, body: &str) -> MetadataServer {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status} Said\r\ncontent-length: {length}\r\nconnection: close\r\n{head}\r\n{body}"
    );
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if stream.read(&mut byte).unwrap_or(0) == 0 {
                    break;
                }
                head.push(byte[0]);
            }
            // A client that has gone away reads no answer.
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    MetadataServer::new(host.parse().unwrap())
}

#[test]
fn a_busy_server_gets_the_pause_that_it_asks_for() {
    for (status, head, seconds) in [
        (429, "Retry-After: 300\r\n", 300..304),
        (503, "retry-after: 300\r\n", 300..304),
        (429, "Retry-After: 7200\r\n", 600..601),
        (500, "Retry-After: 300\r\n", 2..4),
        (429, "", 2..4),
    ] {
        let stage = Stage::new();
        fs::write(stage.path(), jwt(NOW - 2400, NOW + 1200)).unwrap();
        let mut agent = stage.agent(metadata_server(status, head, "busy"));
        agent.attempt(ANSWER_WITHIN).unwrap_err();
        agent.rest();
        let paused = stage.clock.uptime().as_secs();
        assert!(seconds.contains(&paused), "{status} {head}: {paused} s");
    }
}

#[test]
fn token_bytes_reach_no_log_error_or_debug() {
    let good = jwt(NOW, NOW + 3600);
    let expired = jwt(NOW - 7200, NOW - 3600);
    let elsewhere = jwt_of(&serde_json::json!({ "aud": "else", "exp": NOW + 3600 }));
    let answers = [
        good.clone(),
        expired,
        elsewhere,
        format!("{good}\n"),
        format!("{good} {good}"),
        format!("{{\"access_token\":\"{good}\",\"expires_in\":3599}}"),
        format!("Bearer {good}"),
        format!("<html>{good}</html>"),
        cut(&good),
        good.replace('.', " "),
    ];
    for (answer, status) in answers
        .iter()
        .flat_map(|answer| [(answer, 200), (answer, 400), (answer, 503)])
    {
        let stage = Stage::new();
        let mut agent = stage.agent(metadata_server(status, "", answer));
        let outcome = agent.one_shot(Some(Duration::from_secs(9)));
        assert_eq!(
            outcome.is_ok(),
            status == 200 && *answer == good,
            "{status} {answer}"
        );
        let checked = expectation().check(answer.clone(), stage.clock.now());
        let mut shown = format!("{}\n{outcome:?}\n{checked:?}", stage.log());
        if let Err(gave_up) = outcome {
            shown.push_str(&gave_up.to_string());
        }
        for piece in pieces(answer).filter(|piece| good.contains(*piece)) {
            assert!(!shown.contains(piece), "{piece} of {answer} in {shown}");
        }
    }
}

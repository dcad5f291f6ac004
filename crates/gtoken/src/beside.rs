//! Quick requests beside a patient one: an answer may take long, and a server that hung may be well again meanwhile.

use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

use ureq::{Error, Timeout};

/// How long a quick request waits for its answer.
pub(crate) const QUICK: Duration = Duration::from_secs(3);

/// What a request needs of a stack, several times over.
const STACK: usize = 256 * 1024;

/// The first answer within this time.
///
/// Nearly always it is that to one quick request on this thread, as a thread costs memory even after its end. If that is
/// late, a request that has all of the time left is sent from another thread, and quick ones beside it, one after another:
/// no more than two wait at once. `ask` is told how long it has.
pub(crate) fn first_answer<T, F>(within: Duration, quick: Duration, ask: F) -> Result<T, Error>
where
    T: Send + 'static,
    F: Fn(Duration) -> Result<T, Error> + Clone + Send + 'static,
{
    let begun = Instant::now();
    let left = || within.saturating_sub(begun.elapsed());
    if let Some(outcome) = in_time(ask(within.min(quick))) {
        return outcome;
    }
    let (sender, outcomes) = mpsc::channel();
    let mut has = left();
    while !has.is_zero() {
        if start(ask.clone(), has, sender.clone()).is_none() {
            return ask(has);
        }
        if let Ok(outcome) = outcomes.recv_timeout(left().min(quick)) {
            return outcome;
        }
        has = left().min(quick);
    }
    Err(Error::Timeout(Timeout::Global))
}

/// Nothing of a request whose answer did not come in time. Where there is no connection more time helps no more.
fn in_time<T>(outcome: Result<T, Error>) -> Option<Result<T, Error>> {
    match outcome {
        Err(Error::Timeout(Timeout::Resolve | Timeout::Connect)) => Some(outcome),
        Err(Error::Timeout(_)) => None,
        _ => Some(outcome),
    }
}

/// Asks on a thread that nobody waits for; nothing where the system gives none.
fn start<T, F>(ask: F, within: Duration, sender: Sender<Result<T, Error>>) -> Option<()>
where
    T: Send + 'static,
    F: FnOnce(Duration) -> Result<T, Error> + Send + 'static,
{
    let ask = move || {
        if let Some(outcome) = in_time(ask(within)) {
            // Another answer was faster if nobody takes this one.
            let _ = sender.send(outcome);
        }
    };
    let thread = thread::Builder::new().stack_size(STACK).spawn(ask);
    thread.ok().map(drop)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const QUICK: Duration = Duration::from_millis(100);

    fn late() -> Error {
        Error::Timeout(Timeout::Global)
    }

    /// Answers the request of this number, and the others too late, if they have less time than that.
    fn answering(number: u32, after: Duration) -> impl Fn(Duration) -> Result<u32, Error> + Clone {
        let asked = Arc::new(AtomicU32::new(0));
        move |within| {
            let this = asked.fetch_add(1, Ordering::Relaxed);
            let takes = if this == number { after } else { within };
            thread::sleep(takes.min(within));
            let is_in_time = takes < within;
            is_in_time.then_some(this).ok_or_else(late)
        }
    }

    #[test]
    fn a_quick_answer_needs_no_second_request_and_no_thread() {
        let here = thread::current().id();
        let ask = move |within| match within {
            QUICK => Ok(thread::current().id()),
            _ => Err(late()),
        };
        assert_eq!(first_answer(QUICK * 10, QUICK, ask).ok(), Some(here));
    }

    #[test]
    fn a_server_that_hung_is_asked_again_beside_the_request_that_waits() {
        for number in [2, 3] {
            let begun = Instant::now();
            let ask = answering(number, Duration::ZERO);
            assert_eq!(first_answer(QUICK * 50, QUICK, ask).ok(), Some(number));
            assert!(begun.elapsed() < QUICK * 25, "{:?}", begun.elapsed());
        }
    }

    #[test]
    fn a_slow_answer_comes_although_the_quick_requests_get_none() {
        let ask = answering(1, QUICK * 4);
        assert_eq!(first_answer(QUICK * 50, QUICK, ask).ok(), Some(1));
    }

    #[test]
    fn where_there_is_no_connection_nobody_waits() {
        let begun = Instant::now();
        let ask = |_| Err::<u32, _>(Error::Timeout(Timeout::Connect));
        let outcome = first_answer(QUICK * 50, QUICK, ask);
        assert!(
            matches!(outcome, Err(Error::Timeout(Timeout::Connect))),
            "{outcome:?}"
        );
        assert!(begun.elapsed() < QUICK * 25, "{:?}", begun.elapsed());
    }

    #[test]
    fn when_the_time_is_over_there_is_no_answer() {
        for times in [0, 1, 3] {
            let ask = answering(u32::MAX, QUICK);
            let outcome = first_answer(QUICK / 2 * times, QUICK, ask);
            assert!(matches!(outcome, Err(Error::Timeout(_))), "{outcome:?}");
        }
    }
}

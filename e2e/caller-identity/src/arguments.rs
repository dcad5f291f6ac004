//! What was asked for on the command line.

use std::ffi::OsString;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt as _};

/// How to call it, said when it was called otherwise.
pub(crate) const USAGE: &str = "usage: caller-identity [--every DURATION --for DURATION], where a DURATION is a whole \
                                number of s or m, as in 1s or 5m";

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arguments {
    /// Ask once and print the answer.
    Once,
    /// Ask again and again, as an application does that lives for long, and print how it went.
    Steadily {
        /// The time from one question to the next.
        every: Duration,
        /// How long to go on.
        length: Duration,
    },
}

/// Reads the arguments that follow the program's name.
pub(crate) fn parse(
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Arguments, lexopt::Error> {
    let (mut every, mut length) = (None, None);
    let mut parser = Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("every") => every = Some(parser.value()?.parse_with(duration)?),
            Arg::Long("for") => length = Some(parser.value()?.parse_with(duration)?),
            other => return Err(other.unexpected()),
        }
    }
    match (every, length) {
        (None, None) => Ok(Arguments::Once),
        (Some(every), Some(length)) => Ok(Arguments::Steadily { every, length }),
        _ => Err("--every and --for go together".into()),
    }
}

/// Never zero: a loop without a pause would be another kind of test.
fn duration(text: &str) -> Result<Duration, &'static str> {
    let split = text.len().saturating_sub(1);
    let number = text.get(..split).and_then(|digits| digits.parse().ok());
    match (number, text.get(split..)) {
        (Some(number @ 1..), Some("s")) => Ok(Duration::from_secs(number)),
        (Some(number @ 1..=1_000_000), Some("m")) => Ok(Duration::from_mins(number)),
        _ => Err("it is no DURATION"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Arguments, String> {
        parse(arguments.iter().map(OsString::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn without_flags_it_asks_once() {
        assert_eq!(parsed(&[]), Ok(Arguments::Once));
    }

    #[test]
    fn with_both_flags_it_asks_steadily() {
        let wanted = Ok(Arguments::Steadily {
            every: Duration::from_secs(1),
            length: Duration::from_mins(5),
        });
        assert_eq!(parsed(&["--every", "1s", "--for", "5m"]), wanted);
        assert_eq!(parsed(&["--for=300s", "--every=1s"]), wanted);
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "s", "1", "0s", "-1s", "1.5s", "1h", "5 m", "1é"] {
            assert!(parsed(&["--every", text, "--for", "5m"]).is_err(), "{text}");
        }
    }

    #[test]
    fn one_flag_without_the_other_is_refused() {
        assert!(parsed(&["--every", "1s"]).is_err());
        assert!(parsed(&["--for", "5m"]).is_err());
        assert!(parsed(&["--ever", "1s"]).is_err());
        assert!(parsed(&["5m"]).is_err());
    }
}

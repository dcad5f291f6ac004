//! The log: standard error, as text or as JSON, at the levels that the Go gtoken named.

use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, fmt};

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLevel(LevelFilter);

impl Default for LogLevel {
    /// A line for each pod that is injected, denied or to be mended; those that ask for nothing are told from `debug` on.
    fn default() -> Self {
        Self(LevelFilter::INFO)
    }
}

impl FromStr for LogLevel {
    type Err = UnknownLogLevel;

    /// Takes the names of logrus; an empty text is the default, as an unset variable in a manifest gives.
    fn from_str(text: &str) -> Result<Self, UnknownLogLevel> {
        let filter = match text.to_ascii_lowercase().as_str() {
            "" => return Ok(Self::default()),
            // Nothing here is worse than an error, so the two graver levels of logrus mean that.
            "panic" | "fatal" | "error" => LevelFilter::ERROR,
            "warn" | "warning" => LevelFilter::WARN,
            "info" => LevelFilter::INFO,
            "debug" => LevelFilter::DEBUG,
            "trace" => LevelFilter::TRACE,
            _ => return Err(UnknownLogLevel),
        };
        Ok(Self(filter))
    }
}

/// The text names no [`LogLevel`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the log levels are: trace, debug, info, warning, error, fatal, panic")]
pub struct UnknownLogLevel;

/// Starts the log of this process; panics are told there too, so that a JSON log stays one.
pub fn init(level: LogLevel, json: bool) {
    let layer = if json {
        fmt::layer()
            .json()
            .flatten_event(true)
            .with_writer(std::io::stderr)
            .boxed()
    } else {
        fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(false)
            .boxed()
    };
    let registry = tracing_subscriber::registry().with(layer.with_filter(targets(level)));
    // Fails only where a log was started before, as by a test; that one serves as well.
    if registry.try_init().is_ok() {
        std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    }
}

/// Says when a line may be written that clients could otherwise fill the log with.
#[derive(Debug)]
pub(crate) struct Seldom {
    every: Duration,
    last: Mutex<Option<Instant>>,
}

impl Seldom {
    /// Once in this time.
    pub(crate) const fn new(every: Duration) -> Self {
        Self {
            every,
            last: Mutex::new(None),
        }
    }

    /// Whether it is time again; if so, it counts as written.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| now.saturating_duration_since(last) >= self.every);
        if is_due {
            *last = Some(now);
        }
        is_due
    }
}

/// Libraries speak only when somebody looks for an error in them; what fails in them is told by us.
fn targets(LogLevel(level): LogLevel) -> Targets {
    let libraries = if level >= LevelFilter::DEBUG {
        level
    } else {
        LevelFilter::OFF
    };
    Targets::new()
        .with_default(libraries)
        .with_target(env!("CARGO_CRATE_NAME"), level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_levels_of_logrus() {
        for (text, level) in [
            ("panic", LevelFilter::ERROR),
            ("fatal", LevelFilter::ERROR),
            ("error", LevelFilter::ERROR),
            ("warning", LevelFilter::WARN),
            ("warn", LevelFilter::WARN),
            ("Info", LevelFilter::INFO),
            ("debug", LevelFilter::DEBUG),
            ("trace", LevelFilter::TRACE),
            ("", LevelFilter::INFO),
        ] {
            assert_eq!(text.parse(), Ok(LogLevel(level)), "{text}");
        }
    }

    #[test]
    fn what_is_said_seldom_is_said_at_once_and_then_once_in_a_while() {
        let seldom = Seldom::new(Duration::from_mins(1));
        let start = Instant::now();
        let due = [0, 1, 59, 60, 61, 119, 120]
            .map(|seconds| seldom.is_due(start + Duration::from_secs(seconds)));
        assert_eq!(due, [true, false, false, true, false, false, true]);
    }

    #[test]
    fn d28_go_gtoken_took_an_unknown_level_for_warning() {
        for text in ["verbose", "warnings", "5", " info"] {
            assert_eq!(text.parse::<LogLevel>(), Err(UnknownLogLevel), "{text}");
        }
    }
}

//! Wiring: arguments and environment in, exit code out.

use std::ffi::OsString;
use std::fmt::Display;
use std::fs::OpenOptions;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use gtoken_contract::{AgentFlags, Mode, Source};

use crate::agent::{Agent, GaveUp};
use crate::cli::{self, CheckFlags, Command, InspectFlags, Outside, Subcommand};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::excerpt::printable;
use crate::exit::{NEEDS_PERSON, TRY_AGAIN, USAGE};
use crate::log::{Format, Level, Line};
use crate::schedule::Jitter;
use crate::source::{AnySource, MetadataServer, Retry, apart};
use crate::{check, health, inspect, log, signals};

/// Where kubelet reads a container's last words, to show them in `kubectl describe`.
const TERMINATION_MESSAGE: &str = "/dev/termination-log";

/// Runs the agent to its end.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut args: Vec<OsString> = args.into_iter().collect();
    if let Some(now) = apart::told(&mut args) {
        return answer_apart(args, now);
    }
    let subcommand = args.get(1).and_then(|word| Subcommand::named(word));
    // What the other flags are wrong about is for whoever reads the log, too.
    let is_json = subcommand.is_none() && args.iter().any(|word| word == "--json");
    let asked = if is_json { Format::Json } else { Format::Text };
    let (log, (code, reason)) = match cli::parse(args) {
        Ok(Command::Help) => return print(cli::HELP),
        Ok(Command::Version) => return print(cli::VERSION),
        Ok(Command::Check(flags)) => return check(flags),
        Ok(Command::Inspect(flags)) => return inspect(&flags),
        Ok(Command::Run(flags, outside)) => match run(flags, outside) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(failure) => (outside.log, failure),
        },
        Err(error) => {
            let failure = (USAGE, format!("{error}; see gtoken --help"));
            (asked, failure)
        }
    };
    let line = Line::new(Level::Error, reason.as_str()).with("exit_code", code);
    log::say(log, &line);
    // A probe that runs beside the agent, in its container, has no say in why that one ended.
    if subcommand.is_none() {
        leave_last_words(Path::new(TERMINATION_MESSAGE), &reason);
    }
    ExitCode::from(code)
}

/// Is the child that asks Google's APIs; its flags were rendered by the agent.
fn answer_apart(args: Vec<OsString>, now: SystemTime) -> ExitCode {
    let Ok(Command::Run(flags, _)) = cli::parse(args) else {
        return ExitCode::from(USAGE);
    };
    let Ok(config) = Config::new(flags, variable) else {
        return ExitCode::from(USAGE);
    };
    let (code, answer) = apart::answer(config, now);
    print(&answer);
    code
}

fn check(flags: CheckFlags) -> ExitCode {
    match check::check(flags, variable, SystemTime::now()) {
        Ok(reason) => {
            log::say(Format::Text, &Line::new(Level::Info, reason));
            ExitCode::SUCCESS
        }
        Err(reason) => refuse(&reason),
    }
}

fn inspect(flags: &InspectFlags) -> ExitCode {
    match inspect::inspect(flags, variable, SystemTime::now()) {
        Ok(claims) => print(&claims),
        Err(reason) => refuse(&reason),
    }
}

/// The answer of a subcommand that has nothing good to say.
fn refuse(reason: &impl Display) -> ExitCode {
    log::say(Format::Text, &Line::new(Level::Error, reason.to_string()));
    ExitCode::FAILURE
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// Runs what the flags ask for; a failure is an exit code and the reason in a line.
fn run(flags: AgentFlags, outside: Outside) -> Result<(), (u8, String)> {
    let config = Config::new(flags, variable)
        .map_err(|error| (USAGE, format!("{error}; see gtoken --help")))?;
    signals::end_at_once(match config.mode {
        Mode::OneShot => TRY_AGAIN,
        Mode::Refresh => 0,
    })
    .map_err(|error| (TRY_AGAIN, format!("cannot listen for signals: {error}")))?;
    let metadata = MetadataServer::new(config.metadata_host);
    let is_auto = config.google.source == Source::Auto;
    let source = AnySource::choose(config.google, metadata);
    if is_auto {
        let said = format!("the source is {}", source.describe());
        log::say(outside.log, &Line::new(Level::Info, said));
    }
    let clock = SystemClock::start();
    let started = clock.started();
    let mut agent = Agent::new(
        source,
        config.sink,
        clock,
        |line: &Line| log::say(outside.log, line),
        config.expectation,
        Jitter::seeded(RandomState::new().build_hasher().finish()),
    );
    if let Some(address) = outside.health_address {
        // Before the first attempt: who asked for the port must not find out by its absence that there is none.
        let say = move |line: &Line| log::say(outside.log, line);
        health::serve(address, agent.vitals(), started, say)
            .map_err(|error| (USAGE, error.to_string()))?;
    }
    match config.mode {
        Mode::OneShot => agent.one_shot(config.timeout),
        Mode::Refresh => Err(agent.refresh()),
    }
    .map_err(|gave_up: GaveUp| (exit_code(gave_up.error.retry()), gave_up.to_string()))
}

fn exit_code(retry: Retry) -> u8 {
    match retry {
        Retry::NeedsPerson => NEEDS_PERSON,
        Retry::Never => USAGE,
        Retry::Transient => TRY_AGAIN,
    }
}

fn print(text: &str) -> ExitCode {
    // A reader that has gone away is no failure of ours.
    let _ = write!(std::io::stdout(), "{text}");
    ExitCode::SUCCESS
}

/// Writes why it ended to the container's termination message; kubelet makes the file, so outside a pod there is none.
fn leave_last_words(path: &Path, reason: &str) {
    if let Ok(mut file) = OpenOptions::new().write(true).truncate(true).open(path) {
        // The same words went to standard error.
        let _ = file.write_all(printable(reason).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_go_to_the_file_that_kubelet_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("termination-log");
        std::fs::write(&path, "something older and longer").unwrap();
        leave_last_words(&path, "the\nreason");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "the reason");
    }

    #[test]
    fn last_words_make_no_file_outside_a_pod() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("termination-log");
        leave_last_words(&path, "the reason");
        assert!(!path.exists());
    }
}

//! A subject token that a program prints (<https://google.aip.dev/auth/4117>, "Executable sourced credentials").

use std::io::{self, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{self, Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;

use super::attempt::Attempt;
use crate::credentials::{ExternalAccount, MAX_BYTES, Secret, Subject, read_file};
use crate::excerpt::excerpt;
use crate::https::Deadline;
use crate::source::Retry;

/// Allows programs to be run, as for Google's libraries.
const ALLOWED_BY: &str = "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES";

/// How long a program may take where the file does not say.
const USUAL_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a program may take at most.
pub(super) const LONGEST: Duration = Duration::from_mins(2);

/// Why a program gave no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExecutableError {
    /// Nobody allowed programs to be run.
    #[error("its program is not run unless {ALLOWED_BY}=1 is in the environment")]
    NotAllowed,
    /// The operating system did not run it.
    #[error("its program could not be run: {0}")]
    NotRun(String),
    /// It took longer than it may.
    #[error("its program did not end in time")]
    TooSlow,
    /// What it printed is no answer.
    #[error("its program printed no answer of the form that Google's libraries know: {0}")]
    Malformed(&'static str),
    /// It ended with another status than 0.
    #[error("its program ended with {0}")]
    Failed(String),
    /// It says why it gives no token.
    #[error("its program refused: {0}")]
    Refused(String),
    /// What it gave is over.
    #[error("its program gave a token that had expired")]
    Expired,
}

impl ExecutableError {
    /// Whether to go on without a person.
    pub(super) fn retry(&self) -> Retry {
        match self {
            Self::NotAllowed | Self::NotRun(_) | Self::Malformed(_) => Retry::NeedsPerson,
            Self::TooSlow | Self::Failed(_) | Self::Refused(_) | Self::Expired => Retry::Transient,
        }
    }
}

/// Takes what the program left in its file while that is good, else runs it.
pub(super) fn token(
    external: &ExternalAccount,
    attempt: &Attempt<'_>,
) -> Result<Secret, ExecutableError> {
    let Subject::Executable {
        program,
        arguments,
        timeout,
        output_file,
    } = &external.subject
    else {
        return Err(ExecutableError::Malformed("there is no program"));
    };
    if !attempt.apis.settings.may_run_programs {
        return Err(ExecutableError::NotAllowed);
    }
    if let Some(token) = output_file
        .as_deref()
        .and_then(|path| left(path, attempt.now))
    {
        return Ok(token);
    }
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE", &external.audience)
        .env(
            "GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE",
            &external.subject_token_type,
        )
        .env("GOOGLE_EXTERNAL_ACCOUNT_INTERACTIVE", "0");
    if let Some(account) = &external.account {
        command.env(
            "GOOGLE_EXTERNAL_ACCOUNT_IMPERSONATED_EMAIL",
            account.account(),
        );
    }
    if let Some(path) = output_file {
        command.env("GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE", path);
    }
    let within = timeout.unwrap_or(USUAL_TIMEOUT).min(LONGEST);
    let within = within.min(attempt.https.left());
    printed_subject(&run(command, within)?, attempt.now)
}

/// The token of a file that the program wrote, where it is still good; a file that cannot be used is as good as none.
fn left(path: &Path, now: SystemTime) -> Option<Secret> {
    kept(&read_file(path, MAX_BYTES).ok()?, now)
}

/// What does not say how long it is good is not good for later.
fn kept(written: &[u8], now: SystemTime) -> Option<Secret> {
    let answer: Value = serde_json::from_slice(written).ok()?;
    answer["expiration_time"].as_u64()?;
    printed_subject(written, now).ok()
}

/// The process group of the program that runs now.
static RUNNING: Mutex<Option<Pid>> = Mutex::new(None);

/// How often it is looked whether a program has ended that prints no more.
const LOOK_EVERY: Duration = Duration::from_millis(10);

fn running() -> MutexGuard<'static, Option<Pid>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the process, and with it the program that runs and what that started. No program is started meanwhile.
pub(in crate::source) fn exit(code: u8) -> ! {
    let running = running();
    end(*running);
    process::exit(i32::from(code))
}

/// What a program prints. Its standard error is ours, where a person finds it.
fn run(mut command: Command, within: Duration) -> Result<Vec<u8>, ExecutableError> {
    let not_run = |error: io::Error| ExecutableError::NotRun(error.to_string());
    let deadline = Deadline::after(within);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0);
    let (mut child, group) = {
        let mut running = running();
        let child = command.spawn().map_err(not_run)?;
        *running = child.id().try_into().ok().and_then(Pid::from_raw);
        (child, *running)
    };
    let printed = printed(&mut child, within)
        .and_then(|printed| Ok((printed, status(&mut child, &deadline)?)));
    if printed.is_err() {
        end(group);
    }
    let reaped = child.wait().map_err(not_run);
    *running() = None;
    let (printed, status) = printed?;
    reaped?;
    // A refusal comes with a status of its own, and says more.
    if status.success() || is_answer(&printed) {
        Ok(printed)
    } else {
        Err(ExecutableError::Failed(status.to_string()))
    }
}

/// How the program ends, which may live on when it has closed what it prints to.
fn status(program: &mut Child, deadline: &Deadline) -> Result<ExitStatus, ExecutableError> {
    loop {
        match program.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if deadline.left().is_zero() => return Err(ExecutableError::TooSlow),
            Ok(None) => thread::sleep(LOOK_EVERY),
            Err(error) => return Err(ExecutableError::NotRun(error.to_string())),
        }
    }
}

/// Ends the program and what it started, which may have ended by itself.
fn end(group: Option<Pid>) {
    if let Some(group) = group {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// Reads on another thread, for nothing else bounds how long a pipe is open.
fn printed(child: &mut Child, within: Duration) -> Result<Vec<u8>, ExecutableError> {
    let (sender, receiver) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        let read = move || {
            let mut printed = Vec::new();
            let read = stdout.take(MAX_BYTES).read_to_end(&mut printed);
            // Nobody listens any more once the time is over.
            let _ = sender.send(read.map(|_| printed));
        };
        let thread = thread::Builder::new().spawn(read);
        thread.map_err(|error| ExecutableError::NotRun(error.to_string()))?;
    }
    match receiver.recv_timeout(within) {
        Ok(printed) => printed.map_err(|error| ExecutableError::NotRun(error.to_string())),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
            Err(ExecutableError::TooSlow)
        }
    }
}

fn is_answer(printed: &[u8]) -> bool {
    let answer: Value = serde_json::from_slice(printed).unwrap_or_default();
    answer["success"].is_boolean()
}

/// The token in what a program printed; a complaint shows nothing of it but the program's own words.
pub fn printed_subject(printed: &[u8], now: SystemTime) -> Result<Secret, ExecutableError> {
    let malformed = ExecutableError::Malformed;
    let answer: Value = serde_json::from_slice(printed).map_err(|_| malformed("it is not JSON"))?;
    if answer["version"] != 1 {
        return Err(malformed("its `version` is not 1"));
    }
    let text = |field: &str| answer[field].as_str();
    match answer["success"].as_bool() {
        Some(true) => {}
        Some(false) => {
            let said = [text("code"), text("message")]
                .map(Option::unwrap_or_default)
                .join(" ");
            return Err(ExecutableError::Refused(excerpt(said.as_bytes())));
        }
        None => return Err(malformed("its `success` is neither true nor false")),
    }
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    if answer["expiration_time"]
        .as_u64()
        .is_some_and(|end| end <= now)
    {
        return Err(ExecutableError::Expired);
    }
    let field = match text("token_type").unwrap_or_default() {
        "urn:ietf:params:oauth:token-type:saml2" => "saml_response",
        _ => "id_token",
    };
    let token = text(field).filter(|token| !token.is_empty());
    token.map(Secret::new).ok_or(malformed(
        "it has neither an `id_token` nor a `saml_response` of its `token_type`",
    ))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn found(answer: &str) -> Result<String, String> {
        let now = UNIX_EPOCH + Duration::from_secs(NOW);
        let found = printed_subject(answer.as_bytes(), now);
        found
            .map(|token| token.expose().to_owned())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_that_says_not_how_long_it_is_good_is_none() {
        let kept = |until: &str| {
            let text = format!(
                r#"{{"version": 1, "success": true, "token_type": "x", "id_token": "a.b.c"{until}}}"#
            );
            let now = UNIX_EPOCH + Duration::from_secs(NOW);
            kept(text.as_bytes(), now).is_some()
        };
        assert!(kept(&format!(r#", "expiration_time": {}"#, NOW + 60)));
        assert!(!kept(&format!(r#", "expiration_time": {NOW}"#)));
        assert!(!kept(""));
    }

    #[test]
    fn takes_a_token_that_is_good() {
        for answer in [
            r#"{"version": 1, "success": true, "token_type": "urn:ietf:params:oauth:token-type:jwt", "id_token": "abc"}"#,
            r#"{"version": 1, "success": true, "token_type": "urn:ietf:params:oauth:token-type:saml2", "saml_response": "abc"}"#,
            r#"{"version": 1, "success": true, "id_token": "abc", "expiration_time": 1800000001}"#,
        ] {
            assert_eq!(found(answer), Ok("abc".to_owned()), "{answer}");
        }
    }

    #[test]
    fn says_why_an_answer_is_none() {
        for (answer, words) in [
            ("secret", "not JSON"),
            (r#"{"version": 2}"#, "`version` is not 1"),
            (r#"{"version": 1}"#, "`success`"),
            (
                r#"{"version": 1, "success": false, "code": "401", "message": "log in"}"#,
                "refused: 401 log in",
            ),
            (
                r#"{"version": 1, "success": true, "id_token": "abc", "expiration_time": 1800000000}"#,
                "had expired",
            ),
            (r#"{"version": 1, "success": true}"#, "neither"),
        ] {
            let error = found(answer).unwrap_err();
            assert!(
                error.contains(words) && !error.contains("secret"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_program_that_does_not_end_is_ended_with_what_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        let mut slow = Command::new("sh");
        let script = format!("sleep 600 > {}; true", pipe.display());
        slow.args(["-c", &script]);
        let begun = Instant::now();
        let program = thread::spawn(|| run(slow, Duration::from_secs(2)));
        // Until nobody can write to it any more.
        assert_eq!(std::fs::read(pipe).unwrap(), b"");
        assert!(begun.elapsed() < Duration::from_mins(5));
        assert_eq!(program.join().unwrap(), Err(ExecutableError::TooSlow));
    }

    #[test]
    fn a_program_that_prints_no_more_has_to_end_in_time_too() {
        let mut slow = Command::new("sh");
        slow.args(["-c", "exec >&-; exec sleep 600"]);
        let begun = Instant::now();
        let outcome = run(slow, Duration::from_secs(1));
        assert_eq!(outcome, Err(ExecutableError::TooSlow));
        assert!(begun.elapsed() < Duration::from_mins(5));
    }

    #[test]
    fn a_program_that_fails_or_is_not_there_is_said() {
        let within = Duration::from_secs(30);
        let failed = run(Command::new("false"), within).unwrap_err();
        assert!(failed.to_string().contains("exit status: 1"), "{failed}");
        let missing = run(Command::new("/nowhere/program"), within).unwrap_err();
        assert_eq!(missing.retry(), Retry::NeedsPerson);
    }
}

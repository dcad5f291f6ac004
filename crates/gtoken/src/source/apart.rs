//! Google's APIs asked by a child process, for what TLS takes of memory would stay: 80 KB, and half a megabyte where
//! `SSL_CERT_FILE` names all authorities of a system.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gtoken_contract::{AgentFlags, Audience, Mode};

use super::google::{self, Given};
use super::{AN_ID_TOKEN, GoogleApis, MetadataServer, Retry, Source, SourceError};
use crate::config::Config;
use crate::credentials::Secret;
use crate::exit::{NEEDS_PERSON, TRY_AGAIN};
use crate::token::{Expectation, IdToken, MAX_BYTES};

/// The first argument of the child, before the time and the flags. It is no one's to type, so no help names it.
pub const CHILD: &str = "ask-google-for-an-agent";

/// This very program, also where its file was replaced meanwhile.
pub(super) const THIS_PROGRAM: &str = "/proc/self/exe";

/// How the child ends that has a token; else as any agent does.
const GIVEN: u8 = 0;

/// How long past its time the child lives at most.
const GRACE: Duration = Duration::from_secs(1);

/// Google's APIs, asked apart.
#[derive(Debug)]
pub struct Apart {
    pub(super) apis: GoogleApis,
    program: PathBuf,
}

impl Source for Apart {
    fn patience(&self) -> Duration {
        self.apis.patience()
    }

    fn id_token(
        &self,
        expectation: &Expectation,
        now: SystemTime,
        within: Duration,
    ) -> Result<IdToken, SourceError> {
        let (server, token) = match self.ask(&expectation.audience, now, within) {
            Ok((status, answer)) => read(status, &answer)?,
            // Where there are no more processes to be had, memory is the smaller worry.
            Err(_) => self.apis.fetch(&expectation.audience, now, within)?,
        };
        let checked = expectation.check(token.expose().to_owned(), now);
        checked.map_err(|reason| SourceError::NotUsable {
            server,
            reason,
            hint: String::new(),
        })
    }
}

impl Apart {
    /// Asks by a child that runs this program, which is the agent's.
    pub fn new(apis: GoogleApis, program: impl Into<PathBuf>) -> Self {
        let program = program.into();
        Self { apis, program }
    }

    fn ask(
        &self,
        audience: &Audience,
        now: SystemTime,
        within: Duration,
    ) -> io::Result<(ExitStatus, String)> {
        let mut child = Command::new(&self.program)
            .args([CHILD, &written(now)])
            .args(self.flags(audience, within).to_args())
            // It ends when this closes, at the latest with this process.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut answer = String::new();
        let limit = u64::try_from(2 * MAX_BYTES).unwrap_or(u64::MAX);
        let read = child
            .stdout
            .take()
            .map(|pipe| pipe.take(limit).read_to_string(&mut answer));
        let status = child.wait()?;
        read.transpose()?;
        Ok((status, answer))
    }

    /// What the child needs to know beside the environment, which it has too.
    fn flags(&self, audience: &Audience, within: Duration) -> AgentFlags {
        let (source, service_account) = self.apis.asked();
        let millis = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        AgentFlags {
            mode: Mode::OneShot,
            audience: audience.clone(),
            source,
            service_account,
            // Parts of a millisecond have no notation.
            timeout: Some(Duration::from_millis(millis.max(1))),
            ..AgentFlags::default()
        }
    }
}

/// What the child said: the server and the token in two lines, or the pause that was asked for and why there is none.
fn read(status: ExitStatus, answer: &str) -> Result<Given, SourceError> {
    let relayed = |retry, pause: &str, said: &str| SourceError::Relayed {
        said: said.to_owned(),
        retry,
        retry_after: pause.parse().ok().map(Duration::from_secs),
    };
    match (
        status.code().and_then(|code| u8::try_from(code).ok()),
        answer.split_once('\n'),
    ) {
        (Some(GIVEN), Some((server, token))) => Ok((server.to_owned(), Secret::new(token))),
        (Some(TRY_AGAIN), Some((pause, said))) => Err(relayed(Retry::Transient, pause, said)),
        (Some(NEEDS_PERSON), Some((pause, said))) => Err(relayed(Retry::NeedsPerson, pause, said)),
        _ => {
            let said =
                format!("the process that asks Google for {AN_ID_TOKEN} ended with {status}");
            Err(relayed(Retry::Transient, "", &said))
        }
    }
}

/// The time that the agent reckons with, which need not be what the machine's clock shows: seconds since 1970.
fn written(now: SystemTime) -> String {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs().to_string()
}

fn time(written: &OsStr) -> Option<SystemTime> {
    let seconds = written.to_str()?.parse().ok()?;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// Takes what only a child is told out of its arguments, the time; `None` for every other start of the program.
pub fn told(args: &mut Vec<OsString>) -> Option<SystemTime> {
    let [_, child, now, ..] = args.as_slice() else {
        return None;
    };
    let now = time(now).filter(|_| child == CHILD)?;
    args.drain(1..=2);
    Some(now)
}

/// The child: one attempt, whose outcome goes to standard output, which is a pipe.
pub fn answer(config: Config, now: SystemTime) -> (ExitCode, String) {
    let within = config.timeout.unwrap_or_default();
    let apis = GoogleApis::new(config.google, MetadataServer::new(config.metadata_host));
    let ends = end_after(move || thread::sleep(within + GRACE)).and_then(|()| {
        end_after(|| {
            // Nothing is ever written there, so that this is the end of the agent.
            let _ = io::stdin().read(&mut [0]);
        })
    });
    if let Err(error) = ends {
        let said = format!("the system gives no thread to ask Google for {AN_ID_TOKEN}: {error}");
        return (ExitCode::from(TRY_AGAIN), format!("\n{said}"));
    }
    let audience = config.expectation.audience;
    match apis.fetch(&audience, now, within) {
        Ok((server, token)) => (
            ExitCode::from(GIVEN),
            format!("{server}\n{}", token.expose()),
        ),
        Err(error) => {
            let code = match error.retry() {
                Retry::NeedsPerson => NEEDS_PERSON,
                Retry::Never | Retry::Transient => TRY_AGAIN,
            };
            let pause = error.retry_after().map(|pause| pause.as_secs().to_string());
            let pause = pause.unwrap_or_default();
            (ExitCode::from(code), format!("{pause}\n{error}"))
        }
    }
}

/// Whatever the child is doing then, nobody waits for it any longer.
fn end_after(wait: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let end = || {
        wait();
        google::exit(TRY_AGAIN)
    };
    thread::Builder::new().spawn(end).map(drop)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    fn ended(code: u8, answer: &str) -> Result<Given, SourceError> {
        read(ExitStatus::from_raw(i32::from(code) << 8), answer)
    }

    #[test]
    fn the_child_is_told_what_time_it_is() {
        let args = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let now = UNIX_EPOCH + Duration::from_secs(1_795_392_001);
        let mut child = args(&["gtoken", CHILD, &written(now), "--refresh=false"]);
        assert_eq!(told(&mut child), Some(now));
        assert_eq!(child, args(&["gtoken", "--refresh=false"]));
        for other in [
            &["gtoken"][..],
            &["gtoken", "check", "1"],
            &["gtoken", CHILD, "now"],
        ] {
            let mut other = args(other);
            let before = other.clone();
            assert_eq!((told(&mut other), other), (None, before));
        }
    }

    #[test]
    fn a_token_comes_with_its_server() {
        let (server, token) = ended(GIVEN, "IAM Credentials\na.b.c").unwrap();
        assert_eq!(
            (server.as_str(), token.expose()),
            ("IAM Credentials", "a.b.c")
        );
    }

    #[test]
    fn an_error_keeps_its_words_and_whether_a_person_must_act() {
        for (code, retry) in [
            (TRY_AGAIN, Retry::Transient),
            (NEEDS_PERSON, Retry::NeedsPerson),
        ] {
            let error = ended(code, "\nwords").unwrap_err();
            assert_eq!(
                (error.to_string().as_str(), error.retry()),
                ("words", retry)
            );
        }
    }

    #[test]
    fn an_error_keeps_the_pause_that_was_asked_for() {
        let pause = |answer| ended(TRY_AGAIN, answer).unwrap_err().retry_after();
        assert_eq!(pause("60\nwords"), Some(Duration::from_mins(1)));
        assert_eq!(pause("\nwords"), None);
    }

    #[test]
    fn a_child_that_ended_otherwise_is_no_answer_whatever_it_printed() {
        let killed = read(ExitStatus::from_raw(9), "server\na.b.c").unwrap_err();
        assert!(killed.to_string().contains("signal: 9"), "{killed}");
        assert_eq!(killed.retry(), Retry::Transient);
        for (code, answer) in [
            (GIVEN, "no second line"),
            (TRY_AGAIN, ""),
            (2, ""),
            (1, "server\na.b.c"),
        ] {
            let error = ended(code, answer).unwrap_err();
            assert!(
                error.to_string().contains("ended with exit status"),
                "{error}"
            );
        }
    }
}

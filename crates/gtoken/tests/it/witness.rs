//! Somebody who looks at the token file every other millisecond, as the applications of a busy pod might, and asks STS about
//! every token that appears in it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use gtoken_sandbox::Sandbox;
use gtoken_sandbox::aws::Role;
use serde_json::Value;

/// How often the file is looked at.
const EVERY: Duration = Duration::from_millis(2);

/// A token that appeared in the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Published {
    /// When it was first seen.
    pub(crate) at: SystemTime,
    /// Its `iat`.
    pub(crate) issued_at: SystemTime,
    /// Its `exp`.
    pub(crate) expires_at: SystemTime,
}

/// Looks at one file until it is dropped.
pub(crate) struct Witness {
    seen: Arc<Mutex<Seen>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Seen {
    text: String,
    tokens: Vec<Published>,
    /// The looks that found no good token after there was one.
    lapses: Vec<SystemTime>,
    wrongs: Vec<String>,
    folder_may_go: bool,
}

impl Witness {
    pub(crate) fn of(path: &Path, sandbox: &Arc<Sandbox>) -> Self {
        let role = Role::reader();
        sandbox.aws().put_role(&role).unwrap();
        let (seen, over) = <(Arc<Mutex<Seen>>, Arc<AtomicBool>)>::default();
        let (path, sandbox) = (path.to_owned(), Arc::clone(sandbox));
        let (seeing, ending) = (Arc::clone(&seen), Arc::clone(&over));
        let look = move || {
            while !ending.load(Ordering::Relaxed) {
                let found = read(&path);
                let accepted = |token: &str| sandbox.aws().check_token(&role.arn, token);
                seeing.lock().unwrap().look(found, accepted);
                thread::sleep(EVERY);
            }
        };
        Self {
            seen,
            over,
            thread: Some(thread::spawn(look)),
        }
    }

    /// From now on the file may be gone, as somebody removes its folder.
    pub(crate) fn let_folder_go(&self) {
        self.seen.lock().unwrap().folder_may_go = true;
    }

    /// The tokens that appeared, oldest first.
    pub(crate) fn tokens(&self) -> Vec<Published> {
        self.seen.lock().unwrap().tokens.clone()
    }

    /// The looks since then that found no good token.
    pub(crate) fn lapses_since(&self, since: SystemTime) -> usize {
        let seen = self.seen.lock().unwrap();
        seen.lapses.iter().filter(|at| **at >= since).count()
    }

    /// The first token that appeared since then, if it did before `until`.
    #[track_caller]
    pub(crate) fn wait_for_token(&self, since: SystemTime, until: SystemTime) -> Published {
        loop {
            let tokens = self.tokens();
            if let Some(token) = tokens.iter().find(|token| token.at >= since) {
                assert!(
                    token.at <= until,
                    "{:?} too late",
                    since_until(until, token.at)
                );
                return *token;
            }
            let now = SystemTime::now();
            // Late is told apart from never.
            assert!(
                now < until + Duration::from_secs(30),
                "no token within {:?}",
                since_until(since, now)
            );
            thread::sleep(EVERY);
        }
    }

    /// What was seen that must never be.
    #[track_caller]
    pub(crate) fn has_seen_nothing_wrong(&self) {
        let seen = self.seen.lock().unwrap();
        assert!(seen.wrongs.is_empty(), "{}", seen.wrongs.join("\n"));
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // What it panicked with was printed.
            let _ = thread.join();
        }
    }
}

impl Seen {
    fn look(
        &mut self,
        found: Result<Option<String>, String>,
        accepted: impl Fn(&str) -> Result<(), String>,
    ) {
        let now = SystemTime::now();
        match found {
            Ok(Some(text)) if text == self.text => {}
            Ok(Some(text)) => self.take(text, now, accepted),
            Ok(None) if self.tokens.is_empty() || self.folder_may_go => {}
            Ok(None) => self.wrongs.push("the file was gone".to_owned()),
            Err(error) => self.wrongs.push(error),
        }
        if self
            .tokens
            .last()
            .is_some_and(|held| held.expires_at <= now)
        {
            self.lapses.push(now);
        }
    }

    fn take(
        &mut self,
        text: String,
        now: SystemTime,
        accepted: impl Fn(&str) -> Result<(), String>,
    ) {
        let Some((issued_at, expires_at)) = times(&text) else {
            let length = text.len();
            return self
                .wrongs
                .push(format!("{length} bytes that are no token"));
        };
        if let Err(reason) = accepted(&text) {
            self.wrongs
                .push(format!("a token that STS refuses: {reason}"));
        }
        if expires_at <= now {
            self.wrongs.push("a token that had expired".to_owned());
        }
        if self
            .tokens
            .last()
            .is_some_and(|held| held.expires_at >= expires_at)
        {
            self.wrongs
                .push("a token no newer than the last".to_owned());
        }
        self.text = text;
        self.tokens.push(Published {
            at: now,
            issued_at,
            expires_at,
        });
    }
}

fn read(path: &PathBuf) -> Result<Option<String>, String> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("the file could not be read: {error}")),
    }
}

/// The times of a whole token.
pub(crate) fn times(token: &str) -> Option<(SystemTime, SystemTime)> {
    let parts: Vec<_> = token.split('.').collect();
    let [_, claims, _] = parts[..] else {
        return None;
    };
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    let time = |name: &str| Some(UNIX_EPOCH + Duration::from_secs(claims[name].as_u64()?));
    Some((time("iat")?, time("exp")?))
}

fn since_until(since: SystemTime, until: SystemTime) -> Duration {
    until.duration_since(since).unwrap_or_default()
}

/// Whether a log holds what could be part of a token.
pub(crate) fn shows_token(log: &str) -> bool {
    let is_token = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let mixes = |run: &str| {
        run.len() >= 20
            && run.bytes().any(|b| b.is_ascii_uppercase())
            && run.bytes().any(|b| b.is_ascii_lowercase())
            && run.bytes().any(|b| b.is_ascii_digit())
    };
    log.contains("eyJ") || log.split(|c| !is_token(c)).any(mixes)
}

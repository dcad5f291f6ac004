//! An agent that is ended at any moment leaves no file or a whole one, and nothing that the next start does not remove.

use std::fs;
use std::io::Read as _;
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use gtoken_sandbox::google::Scenario;
use rustix::process::{Pid, Signal, kill_process};

use crate::agent::{Agent, file_flag, gtoken, sandbox_with_life, started_by, wait_until};

/// How often each kind of end is tried.
const TIMES: u32 = 200;

/// How long an end by a signal may take, and how many of [`TIMES`] may be late on a machine that does other things too.
const AT_ONCE: Duration = Duration::from_millis(100);
const LATE: usize = 50;

fn spawn(mut command: Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(Stdio::piped()).spawn().unwrap()
}

fn kill(child: &Child, signal: Signal) {
    let id = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
    kill_process(id, signal).unwrap();
}

/// RSA signatures of Google's keys have 256 bytes, so a token that was cut has fewer characters after the last dot.
fn assert_whole_or_absent(path: &Path) {
    if let Ok(text) = fs::read_to_string(path) {
        let parts: Vec<&str> = text.split('.').collect();
        assert!(
            parts.len() == 3 && parts[2].len() == 342,
            "not whole: {text:?}"
        );
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Runs to its end once, and so cleans up.
fn run_once(metadata: SocketAddr, path: &Path) {
    let args = ["--refresh=false", &file_flag(path)];
    let ended = Agent::start(gtoken(metadata, &args)).end();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
}

#[test]
fn sigterm_at_any_moment_ends_it_at_once_and_leaves_no_file_or_a_whole_one() {
    let late: Vec<Duration> = thread::scope(|scope| {
        let halves = [Scenario::Healthy, Scenario::Silent].map(|scenario| {
            scope.spawn(move || {
                let sandbox = sandbox_with_life(3600);
                sandbox.google().play(scenario);
                let folder = tempfile::tempdir().unwrap();
                (0..TIMES / 2)
                    .map(|i| ends_in(sandbox.metadata_address(), folder.path(), i))
                    .filter(|took| *took > AT_ONCE)
                    .collect::<Vec<_>>()
            })
        });
        halves
            .into_iter()
            .flat_map(|half| half.join().unwrap())
            .collect()
    });
    assert!(
        late.len() <= LATE,
        "{} of {TIMES} were late: {late:?}",
        late.len()
    );
}

/// How long a new agent takes to end that is told so within its first 30 milliseconds.
fn ends_in(metadata: SocketAddr, folder: &Path, i: u32) -> Duration {
    let path = folder.join("gtoken");
    // Absent before, so that a token is written each time.
    let _ = fs::remove_file(&path);
    let mut child = spawn(gtoken(metadata, &[&file_flag(&path)]));
    // Spread over start, request, writing and waiting; primes do not repeat.
    thread::sleep(Duration::from_micros(u64::from(i * 7919 % 100) * 300));
    let sent = Instant::now();
    kill(&child, Signal::TERM);
    wait_until("it ends", || child.try_wait().unwrap().is_some());
    let status = child.wait().unwrap();
    let took = sent.elapsed();
    // In its first moments nobody listens for the signal yet, and the kernel ends the process.
    let ended_well = status.code() == Some(0) || status.signal() == Some(Signal::TERM.as_raw());
    assert!(ended_well, "{status:?}");
    assert_whole_or_absent(&path);
    took
}

#[test]
fn sigkill_between_temporary_file_and_rename_leaves_nothing_that_the_next_start_does_not_remove() {
    let sandbox = sandbox_with_life(3600);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gtoken");
    for foreign in [".gtoken.swp", ".other.gtoken-1"] {
        fs::write(folder.path().join(foreign), "untouched").unwrap();
    }
    let mut hits = 0;
    for _ in 0..TIMES {
        let _ = fs::remove_file(&path);
        let leftover = killed_while_it_writes(sandbox.metadata_address(), &path);
        assert_whole_or_absent(&path);
        hits += u32::from(leftover.exists());
        let others = names(folder.path());
        let others = others
            .iter()
            .filter(|name| name.starts_with(".gtoken.gtoken-"));
        assert!(others.count() <= 1, "{:?}", names(folder.path()));
    }
    eprintln!("{hits} of {TIMES} were killed between temporary file and rename");
    run_once(sandbox.metadata_address(), &path);
    assert_eq!(
        names(folder.path()),
        [".gtoken.swp", ".other.gtoken-1", "gtoken"]
    );
}

/// Kills a new agent as soon as its temporary file is there, and says which that is.
fn killed_while_it_writes(metadata: SocketAddr, path: &Path) -> PathBuf {
    let mut child = spawn(gtoken(metadata, &[&file_flag(path)]));
    let temporary = path.with_file_name(format!(".gtoken.gtoken-{}", child.id()));
    let begun = Instant::now();
    // No pause: the moment is short.
    while !temporary.exists() && !path.exists() {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "it writes no token"
        );
    }
    kill(&child, Signal::KILL);
    child.wait().unwrap();
    temporary
}

/// The limit on a file's size ends it at the first byte that it writes, by a signal that nobody catches: always between
/// temporary file and rename, which SIGKILL hits by luck only.
#[test]
fn an_end_in_the_middle_of_writing_leaves_the_token_in_place_as_it_is() {
    let sandbox = sandbox_with_life(3600);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gtoken");
    fs::write(&path, "a token that ran out").unwrap();
    let agent = gtoken(sandbox.metadata_address(), &[&file_flag(&path)]);
    for _ in 0..TIMES {
        let script = "ulimit -c 0; ulimit -f 0; exec \"$0\" \"$@\"";
        let mut child = spawn(started_by(&["/bin/sh", "-c", script], &agent));
        wait_until("it ends", || child.try_wait().unwrap().is_some());
        let status = child.wait().unwrap();
        assert_eq!(status.signal(), Some(Signal::XFSZ.as_raw()), "{status:?}");
        let leftover = format!(".gtoken.gtoken-{}", child.id());
        assert_eq!(names(folder.path()), [leftover.as_str(), "gtoken"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "a token that ran out");
    }
    run_once(sandbox.metadata_address(), &path);
    assert_eq!(names(folder.path()), ["gtoken"]);
    assert_whole_or_absent(&path);
}

#[test]
fn a_reader_of_the_log_that_has_gone_ends_no_refresher() {
    let sandbox = sandbox_with_life(3);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gtoken");
    let mut child = spawn(gtoken(sandbox.metadata_address(), &[&file_flag(&path)]));
    drop(child.stderr.take());
    let mut tokens = Vec::new();
    wait_until("there were three tokens", || {
        let token = fs::read_to_string(&path).unwrap_or_default();
        if !token.is_empty() && !tokens.contains(&token) {
            tokens.push(token);
        }
        tokens.len() == 3
    });
    kill(&child, Signal::TERM);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_last_words_are_the_reason_in_one_line() {
    let sandbox = sandbox_with_life(3600);
    sandbox.google().play(Scenario::NotFound);
    let script = "mount -t tmpfs none /dev || exit 99; : > /dev/termination-log; \"$0\" \"$@\"; cat /dev/termination-log";
    let agent = gtoken(
        sandbox.metadata_address(),
        &["--refresh=false", "--timeout=1s"],
    );
    let namespaces = ["--user", "--map-root-user", "--mount"];
    let by = [&["unshare"], &namespaces[..], &["sh", "-c", script]].concat();
    let mut command = started_by(&by, &agent);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        eprintln!("skipped: this machine has no unshare");
        return;
    };
    let (mut words, mut log) = (String::new(), String::new());
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut words)
        .unwrap();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut log)
        .unwrap();
    if !child.wait().unwrap().success() {
        eprintln!("skipped: this machine gives no namespaces: {log}");
        return;
    }
    assert_eq!(words.lines().count(), 1, "{words:?}");
    assert!(
        words.starts_with("gave up after") && words.contains("answered 404"),
        "{words}"
    );
    assert!(log.ends_with(&format!("gtoken: {words}\n")), "{log}");
}

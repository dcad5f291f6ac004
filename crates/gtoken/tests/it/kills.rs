//! An agent that is ended at any moment leaves no file or a whole one, and nothing that the next start does not remove.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use gtoken_sandbox::google::Scenario;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tempfile::TempDir;

use crate::agent::{
    Agent, file_flag, gtoken, has_namespaces, sandbox_with_life, started_by, wait_until,
};
use crate::cloud::Cloud;
use crate::via::Via;

/// How often each kind of end is tried, with each source.
const TIMES: u32 = 200;

/// How long an end by a signal may take.
const AT_ONCE: Duration = Duration::from_millis(100);

/// After how long a signal is taken to be lost.
const LOST: Duration = Duration::from_secs(2);

/// How many of [`TIMES`] may be late, and that longer than a `sleep` beside, on a machine that does other things too.
const LATE: usize = 10;

const SOURCES: [Via; 2] = [Via::Metadata, Via::Https];

/// A token server, and the folder that its tokens go to.
struct Bed {
    cloud: Cloud,
    via: Via,
    folder: TempDir,
}

impl Bed {
    fn start(via: Via, scenario: Scenario) -> Self {
        let cloud = Cloud::of(Arc::new(sandbox_with_life(3600)));
        via.prepare(&cloud);
        via.play(&cloud, scenario);
        let folder = tempfile::tempdir().unwrap();
        Self { cloud, via, folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("gtoken")
    }

    fn refresher(&self) -> Command {
        self.via.refresher(&self.cloud, &file_flag(&self.path()))
    }

    /// Runs to its end once, and so cleans up.
    fn run_once(&self) {
        let mut command = self.refresher();
        command.arg("--refresh=false");
        let ended = Agent::start(command).end();
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    }
}

/// How many processes there are of this cloud's agents, by the environment that no others have.
fn processes(cloud: &Cloud) -> usize {
    let folder = cloud.path("");
    let mark = folder.as_os_str().as_encoded_bytes();
    let environments = fs::read_dir("/proc").unwrap().flatten();
    let environments = environments.filter_map(|id| fs::read(id.path().join("environ")).ok());
    environments
        .filter(|environment| environment.windows(mark.len()).any(|part| part == mark))
        .count()
}

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

#[test]
fn sigterm_at_any_moment_ends_it_at_once_and_leaves_no_file_or_a_whole_one() {
    thread::scope(|scope| {
        for via in SOURCES {
            for scenario in [Scenario::Healthy, Scenario::Silent] {
                scope.spawn(move || ends_at_once(&Bed::start(via, scenario)));
            }
        }
    });
}

fn ends_at_once(bed: &Bed) {
    let took = (0..TIMES / 2).map(|i| ends_in(bed, i));
    let late: Vec<_> = took
        .filter(|(agent, sleep)| *agent > AT_ONCE && *agent > *sleep * 2)
        .collect();
    assert!(late.len() <= LATE / 2, "late, beside sleep: {late:?}");
    // Who asks Google for the agent ends with it.
    wait_until("no process is left", || processes(&bed.cloud) == 0);
}

#[test]
fn a_program_that_runs_for_a_subject_token_ends_with_the_agent() {
    for signal in [Signal::TERM, Signal::KILL] {
        let cloud = Cloud::start();
        let program = json!({"executable": {"command": "/bin/sleep 600"}});
        let file = cloud
            .sandbox
            .external_account(&program, Some(&cloud.reader));
        let mut command = cloud.with(&file, &["--refresh"]);
        command.env("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1");
        let mut agent = spawn(command);
        wait_until("the program runs", || {
            // The agent, who asks for it, and the program.
            processes(&cloud) == 3
        });
        kill(&agent, signal);
        agent.wait().unwrap();
        wait_until("no process is left", || processes(&cloud) == 0);
    }
}

/// How long a new agent takes to end that is told so in its first moments, and a `sleep` that is told at the same time.
fn ends_in(bed: &Bed, i: u32) -> (Duration, Duration) {
    let path = bed.path();
    // Absent before, so that a token is written each time.
    let _ = fs::remove_file(&path);
    let mut sleep = Command::new("sleep");
    sleep.arg("60");
    let mut children = [spawn(bed.refresher()), spawn(sleep)];
    // Spread over start, request, writing and waiting; primes do not repeat.
    let moments = u64::from(i * 7919 % 100);
    thread::sleep(match bed.via {
        Via::Metadata => Duration::from_micros(300 * moments),
        Via::Https => Duration::from_micros(1500 * moments),
    });
    let sent = Instant::now();
    for child in &children {
        kill(child, Signal::TERM);
    }
    let mut took = [None; 2];
    let mut is_told_again = false;
    wait_until("both end", || {
        for (child, took) in children.iter_mut().zip(&mut took) {
            if took.is_none() && child.try_wait().unwrap().is_some() {
                *took = Some(sent.elapsed());
            }
        }
        // A signal that comes in the microsecond between the handler and what it is to do is lost, as one is that comes to
        // process 1 before there is a handler; whoever needed to be told twice is late.
        if took[0].is_none() && sent.elapsed() > LOST && !is_told_again {
            is_told_again = true;
            kill(&children[0], Signal::TERM);
        }
        took.iter().all(Option::is_some)
    });
    let status = children[0].wait().unwrap();
    // In its first moments nobody listens for the signal yet, and the kernel ends the process.
    let ended_well = status.code() == Some(0) || status.signal() == Some(Signal::TERM.as_raw());
    assert!(ended_well, "{status:?}");
    assert_whole_or_absent(&path);
    let [agent, sleep] = took.map(Option::unwrap);
    (agent, sleep)
}

#[test]
fn sigkill_between_temporary_file_and_rename_leaves_nothing_that_the_next_start_does_not_remove() {
    let mut hits = 0;
    for via in SOURCES {
        let bed = Bed::start(via, Scenario::Healthy);
        for foreign in [".gtoken.swp", ".other.gtoken-1"] {
            fs::write(bed.folder.path().join(foreign), "untouched").unwrap();
        }
        for _ in 0..TIMES {
            let _ = fs::remove_file(bed.path());
            let leftover = killed_while_it_writes(&bed);
            assert_whole_or_absent(&bed.path());
            hits += u32::from(leftover.exists());
            let others = names(bed.folder.path());
            let others = others
                .iter()
                .filter(|name| name.starts_with(".gtoken.gtoken-"));
            assert!(others.count() <= 1, "{:?}", names(bed.folder.path()));
        }
        bed.run_once();
        let kept = [".gtoken.swp", ".other.gtoken-1", "gtoken"];
        assert_eq!(names(bed.folder.path()), kept);
    }
    eprintln!("{hits} were killed between temporary file and rename");
    assert!(hits > 0, "none was killed in the moment that counts");
}

/// Kills a new agent as soon as its temporary file is there, and says which that is.
fn killed_while_it_writes(bed: &Bed) -> PathBuf {
    let path = bed.path();
    let mut child = spawn(bed.refresher());
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
    for via in SOURCES {
        let bed = Bed::start(via, Scenario::Healthy);
        let path = bed.path();
        fs::write(&path, "a token that ran out").unwrap();
        for _ in 0..TIMES {
            let script = "ulimit -c 0; ulimit -f 0; exec \"$0\" \"$@\"";
            let mut child = spawn(started_by(&["/bin/sh", "-c", script], &bed.refresher()));
            wait_until("it ends", || child.try_wait().unwrap().is_some());
            let status = child.wait().unwrap();
            assert_eq!(status.signal(), Some(Signal::XFSZ.as_raw()), "{status:?}");
            let leftover = format!(".gtoken.gtoken-{}", child.id());
            assert_eq!(names(bed.folder.path()), [leftover.as_str(), "gtoken"]);
            assert_eq!(fs::read_to_string(&path).unwrap(), "a token that ran out");
        }
        bed.run_once();
        assert_eq!(names(bed.folder.path()), ["gtoken"]);
        assert_whole_or_absent(&path);
    }
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
    if !has_namespaces(&namespaces) {
        return;
    }
    let by = [&["unshare"], &namespaces[..], &["sh", "-c", script]].concat();
    let ended = Agent::start(started_by(&by, &agent)).end();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let words = ended.stdout;
    assert_eq!(words.lines().count(), 1, "{words:?}");
    assert!(
        words.starts_with("gave up after") && words.contains("answered 404"),
        "{words}"
    );
    let log = ended.log;
    assert!(log.ends_with(&format!("gtoken: {words}\n")), "{log}");
}

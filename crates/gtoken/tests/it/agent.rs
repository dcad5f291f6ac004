//! The binary as a child whose words can be waited for.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use gtoken_sandbox::{Config, Sandbox};

/// More than any of these tests needs on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A metadata server that hands out tokens of so many seconds.
pub(crate) fn sandbox_with_life(seconds: u64) -> Sandbox {
    Sandbox::start(Config {
        token_lifetime: Duration::from_secs(seconds),
        ..Config::default()
    })
    .unwrap()
}

/// The agent's command as the webhook renders it, in an environment that holds nothing but the metadata server.
///
/// `GTOKEN_BINARY` names another binary than the one that cargo built for the tests: the one that is shipped, say.
pub(crate) fn gtoken(metadata: SocketAddr, args: &[&str]) -> Command {
    let binary = std::env::var_os("GTOKEN_BINARY");
    let mut command = Command::new(binary.unwrap_or(env!("CARGO_BIN_EXE_gtoken").into()));
    // A subcommand has no source, and comes first.
    if args.first().is_none_or(|first| first.starts_with("--")) {
        command.arg("--source=metadata");
    }
    command
        .args(args)
        .env_clear()
        .env("GCE_METADATA_HOST", metadata.to_string());
    command
}

/// The agent as other programs start it: their command line, and then its own.
pub(crate) fn started_by(by: &[&str], agent: &Command) -> Command {
    let mut command = Command::new(by[0]);
    command
        .args(&by[1..])
        .arg(agent.get_program())
        .args(agent.get_args());
    for (name, value) in agent.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command
}

/// Whether the tests that need such namespaces are run: they are, unless somebody says that this machine has none.
pub(crate) fn has_namespaces(flags: &[&str]) -> bool {
    const WITHOUT: &str = "GTOKEN_TESTS_WITHOUT_NAMESPACES";
    if std::env::var_os(WITHOUT).is_some() {
        return false;
    }
    let probe = Command::new("unshare").args(flags).arg("true").output();
    let has = probe.is_ok_and(|probe| probe.status.success());
    assert!(
        has,
        "unshare {flags:?} does not work here; {WITHOUT}=1 leaves out what needs it"
    );
    has
}

/// An address where nobody listens yet, and no sandbox will that takes the next free port of its own.
pub(crate) fn free_address() -> SocketAddr {
    let port = TcpListener::bind(("127.0.0.2", 0)).unwrap();
    port.local_addr().unwrap()
}

/// `--file=PATH`.
pub(crate) fn file_flag(path: &Path) -> String {
    format!("--file={}", path.display())
}

/// Waits until it holds, and says what did not.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A running agent; killed when dropped.
pub(crate) struct Agent {
    child: Child,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

/// What an agent left.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) log: String,
}

impl Agent {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let written = Arc::clone(&log);
        let reader = thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let mut log = written.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        Self {
            child,
            log,
            reader: Some(reader),
        }
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits for words in the log.
    #[track_caller]
    pub(crate) fn wait_for_log(&mut self, words: &str) {
        let begun = Instant::now();
        while !self.log().contains(words) {
            let over = begun.elapsed() > PATIENCE || !self.is_running();
            // The reader may be a moment behind the end of the process.
            assert!(
                !over || self.log_at_the_end().contains(words),
                "no {words:?} in: {}",
                self.log()
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn log_at_the_end(&mut self) -> String {
        if !self.is_running()
            && let Some(reader) = self.reader.take()
        {
            reader.join().unwrap();
        }
        self.log()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the end that comes by itself.
    #[track_caller]
    pub(crate) fn end(mut self) -> Ended {
        wait_until("the agent ends", || !self.is_running());
        let status = self.child.wait().unwrap();
        let log = self.log_at_the_end();
        let mut stdout = String::new();
        let mut pipe = self.child.stdout.take().unwrap();
        pipe.read_to_string(&mut stdout).unwrap();
        Ended {
            status,
            stdout,
            log,
        }
    }

    /// Sends a signal and waits for the end, and says how long that took.
    #[track_caller]
    pub(crate) fn signal(self, name: &str) -> (Ended, Duration) {
        let sent = Instant::now();
        send(name, self.id());
        let ended = self.end();
        (ended, sent.elapsed())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("the agent's log: {}", self.log());
        }
    }
}

/// Sends a signal by the shell's own `kill`, which is everywhere.
pub(crate) fn send(name: &str, id: u32) {
    let status = Command::new("sh")
        .args(["-c", &format!("kill -{name} {id}")])
        .status()
        .unwrap();
    assert!(status.success());
}

//! Running other programs so that none of them outlives us.
//!
//! Each child leads a process group of its own. The group is ended when its value is dropped, and Ctrl-C or SIGTERM
//! is passed on to every group there is; what waits for a child then gets an error and cleans up on its way out.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// How long a group may take to end by itself when it is told to.
const GRACE: Duration = Duration::from_secs(10);

/// The groups that run now, and whether somebody wants us to end.
static RUNNING: Mutex<Running> = Mutex::new(Running {
    groups: Vec::new(),
    interrupted: false,
});

struct Running {
    groups: Vec<Pid>,
    interrupted: bool,
}

/// A child and every process it starts, unless one leaves the group on purpose; dropping it ends them all.
#[derive(Debug)]
pub(crate) struct Group {
    child: Child,
    pid: Pid,
    name: String,
    reaped: bool,
}

impl Group {
    /// Starts `command` with no input, as leader of its own group.
    pub(crate) fn spawn(command: &mut Command) -> anyhow::Result<Self> {
        let name = describe(command);
        // Held until the group is listed, so that no signal falls between start and listing.
        let mut running = running();
        if running.interrupted {
            bail!("not starting `{name}`: interrupted");
        }
        let child = command
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .with_context(|| format!("could not start `{name}`"))?;
        let pid = Pid::from_child(&child);
        running.groups.push(pid);
        Ok(Self {
            child,
            pid,
            name,
            reaped: false,
        })
    }

    /// The child itself, for its pipes.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits until the child has ended, then ends what it left behind in its group.
    pub(crate) fn wait(mut self) -> anyhow::Result<ExitStatus> {
        self.await_exit(WaitIdOptions::empty())
            .with_context(|| format!("could not wait for `{}`", self.name))?;
        self.kill(Signal::KILL);
        let status = self.child.wait()?;
        self.reaped = true;
        if interrupted() {
            bail!("`{}` was interrupted", self.name);
        }
        Ok(status)
    }

    /// True once the child has ended. It stays a zombie, so that its id cannot pass to a stranger while we signal it.
    fn await_exit(&self, options: WaitIdOptions) -> std::io::Result<bool> {
        let options = options | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        loop {
            match waitid(WaitId::Pid(self.pid), options) {
                Err(rustix::io::Errno::INTR) => {}
                ended => return Ok(ended?.is_some()),
            }
        }
    }

    /// Signals the group; one that is gone is what was wanted.
    fn kill(&self, signal: Signal) {
        let _gone = kill_process_group(self.pid, signal);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        running().groups.retain(|pid| *pid != self.pid);
        if self.reaped {
            return;
        }
        self.kill(Signal::TERM);
        let deadline = Instant::now() + GRACE;
        while !self.await_exit(WaitIdOptions::NOHANG).unwrap_or(true) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
        self.kill(Signal::KILL);
        let _status = self.child.wait();
    }
}

/// Passes SIGINT, SIGTERM and SIGHUP on to the running groups from now on; from the second signal on, SIGKILL.
pub(crate) fn forward_signals() -> anyhow::Result<()> {
    let mut signals =
        Signals::new([SIGINT, SIGTERM, SIGHUP]).context("could not listen for signals")?;
    thread::spawn(move || {
        for _signal in signals.forever() {
            let mut running = running();
            let signal = if running.interrupted {
                Signal::KILL
            } else {
                Signal::TERM
            };
            running.interrupted = true;
            for group in &running.groups {
                let _gone = kill_process_group(*group, signal);
            }
        }
    });
    Ok(())
}

/// Whether a signal asked us to end; long waits look here.
pub(crate) fn interrupted() -> bool {
    running().interrupted
}

/// Runs `command` with its output shown as our own, and says whether it succeeded.
pub(crate) fn shown(command: &mut Command) -> anyhow::Result<bool> {
    Ok(Group::spawn(command)?.wait()?.success())
}

/// Runs `command` with its output kept; an exit code other than 0 is for the caller to judge.
pub(crate) fn captured(command: &mut Command) -> anyhow::Result<Output> {
    let mut group = Group::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let (stdout, stderr) = (group.child().stdout.take(), group.child().stderr.take());
    // Two pipes are read at once, or a child that fills one while we read the other would hang.
    let errors = thread::spawn(move || read(stderr));
    let stdout = read(stdout)?;
    let stderr = errors.join().unwrap_or_else(|_| Ok(Vec::new()))?;
    let status = group.wait()?;
    Ok(Output {
        status,
        stdout,
        stderr,
    })
}

/// Runs `command` with its standard output kept and its standard error shown; 0 or not is for the caller to judge.
pub(crate) fn captured_output(command: &mut Command) -> anyhow::Result<Output> {
    let mut group = Group::spawn(command.stdout(Stdio::piped()))?;
    let stdout = group.child().stdout.take();
    let stdout = read(stdout)?;
    Ok(Output {
        status: group.wait()?,
        stdout,
        stderr: Vec::new(),
    })
}

/// Runs `command` and gives its standard output; its failure is an error that holds what it said.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = captured(command)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` failed: {}", describe(command), said.trim());
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("`{}` wrote something that is not UTF-8", describe(command)))
}

/// Runs `command`, shows its standard output as it comes and hands each line of it to `line`.
pub(crate) fn streamed(command: &mut Command, mut line: impl FnMut(&str)) -> anyhow::Result<bool> {
    let mut group = Group::spawn(command.stdout(Stdio::piped()))?;
    if let Some(stdout) = group.child().stdout.take() {
        for bytes in BufReader::new(stdout).split(b'\n') {
            let bytes = bytes?;
            let text = String::from_utf8_lossy(&bytes);
            println!("{text}");
            line(&text);
        }
    }
    Ok(group.wait()?.success())
}

/// The command as it would be typed, without its environment.
pub(crate) fn describe(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(std::ffi::OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

fn read(pipe: Option<impl std::io::Read>) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        pipe.read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

fn running() -> MutexGuard<'static, Running> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    /// The pipe reports its end only when the last process that holds it is gone.
    #[test]
    fn a_dropped_group_takes_its_grandchildren_along() {
        let mut group =
            Group::spawn(shell("sleep 600 & echo up; wait").stdout(Stdio::piped())).unwrap();
        let mut stdout = BufReader::new(group.child().stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(line, "up\n");
        let dropped = Instant::now();
        drop(group);
        stdout.read_to_string(&mut line).unwrap();
        assert!(dropped.elapsed() < GRACE, "it had to be killed");
    }

    #[test]
    fn what_a_finished_command_left_behind_is_ended() {
        let mut group = Group::spawn(shell("sleep 600 & echo up").stdout(Stdio::piped())).unwrap();
        let mut stdout = group.child().stdout.take().unwrap();
        assert!(group.wait().unwrap().success());
        let mut text = String::new();
        stdout.read_to_string(&mut text).unwrap();
        assert_eq!(text, "up\n");
    }

    #[test]
    fn a_failing_command_is_an_error_with_its_own_words() {
        let error = output(&mut shell("echo it broke >&2; exit 3")).unwrap_err();
        assert!(error.to_string().ends_with("failed: it broke"), "{error}");
        assert!(!captured(&mut shell("exit 3")).unwrap().status.success());
    }

    #[test]
    fn lines_are_handed_on_while_they_are_shown() {
        let mut lines = Vec::new();
        let succeeded = streamed(&mut shell("echo one; echo two"), |line| {
            lines.push(line.to_owned());
        });
        assert!(succeeded.unwrap());
        assert_eq!(lines, ["one", "two"]);
    }

    #[test]
    fn a_program_that_is_missing_is_named() {
        let error = Group::spawn(&mut Command::new("no-such-program")).unwrap_err();
        assert_eq!(error.to_string(), "could not start `no-such-program`");
    }
}

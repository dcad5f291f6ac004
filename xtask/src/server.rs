//! A program that runs in the background, with all it says in a file.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::process::{self, Group};

/// How long a server may take until it says what is waited for.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running server; dropping it ends it.
pub(crate) struct Server {
    group: Group,
    name: String,
    log: PathBuf,
}

impl Server {
    /// Starts it, with standard output and error in `FOLDER/NAME.log`.
    pub(crate) fn start(name: &str, command: &mut Command, folder: &Path) -> anyhow::Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let file =
            File::create(&log).with_context(|| format!("could not write {}", log.display()))?;
        let group = Group::spawn(command.stdout(file.try_clone()?).stderr(file))?;
        Ok(Self {
            group,
            name: name.to_owned(),
            log,
        })
    }

    /// Waits until its output makes sense to `read`.
    pub(crate) fn await_output<T>(
        &mut self,
        read: impl Fn(&str) -> Option<T>,
    ) -> anyhow::Result<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let said = fs::read_to_string(&self.log)?;
            if let Some(value) = read(&said) {
                return Ok(value);
            }
            if self.has_ended()? || Instant::now() > deadline {
                bail!("{} did not start; it said:\n{said}", self.name);
            }
            if process::interrupted() {
                bail!("interrupted");
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> anyhow::Result<bool> {
        Ok(self.group.child().try_wait()?.is_some())
    }

    /// Its process.
    pub(crate) fn process(&mut self) -> u32 {
        self.group.child().id()
    }

    /// Where all that it says is written.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }
}

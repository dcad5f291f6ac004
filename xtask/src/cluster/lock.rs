//! Whoever starts, uses or ends the bed holds its lock: two runs queue and do not fight.

use std::fs::{self, File, TryLockError};
use std::io::{Seek as _, Write as _};
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::process;

/// Outside the bed's own folder, which comes and goes.
const FILE: &str = "/var/lib/gtoken-bed.lock";

/// The right to change the bed; the kernel takes it back when the process that holds it ends, however it does.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits until nobody else holds it, and says for whom it waits.
    pub(crate) fn acquire() -> anyhow::Result<Self> {
        Self::acquire_file(Path::new(FILE))
    }

    fn acquire_file(path: &Path) -> anyhow::Result<Self> {
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)
            .with_context(|| format!("could not open the lock {}", path.display()))?;
        let mut is_said = false;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => {
                    return Err(error)
                        .with_context(|| format!("could not lock {}", path.display()));
                }
                Err(TryLockError::WouldBlock) if process::interrupted() => bail!("interrupted"),
                Err(TryLockError::WouldBlock) => {}
            }
            if !is_said {
                let holder = fs::read_to_string(path).unwrap_or_default();
                println!(
                    "waiting for the run that uses the cluster now (process {})",
                    holder.trim()
                );
                is_said = true;
            }
            thread::sleep(Duration::from_millis(100));
        }
        // Who holds it is told to those who wait, no more.
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn who_comes_second_waits_for_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = Lock::acquire_file(&path).unwrap();
        let holder = fs::read_to_string(&path).unwrap();
        assert_eq!(holder.trim(), std::process::id().to_string());
        let (sender, receiver) = mpsc::channel();
        let second = thread::spawn(move || {
            let lock = Lock::acquire_file(&path).unwrap();
            sender.send(()).unwrap();
            drop(lock);
        });
        receiver
            .recv_timeout(Duration::from_millis(250))
            .expect_err("the second did not wait");
        drop(first);
        receiver.recv_timeout(Duration::from_secs(10)).unwrap();
        second.join().unwrap();
    }
}

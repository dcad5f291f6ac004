//! The folder for what other programs read; all that was written there is removed again.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rsa::Generate;

/// A folder, and what in it is ours to remove.
pub(super) struct Folder {
    path: PathBuf,
    is_ours: bool,
    written: Vec<PathBuf>,
}

impl Folder {
    /// Uses `path`, making it where it is missing; without one, makes a temporary folder that only this user reads.
    pub(super) fn open(path: Option<&Path>) -> anyhow::Result<Self> {
        let temporary = format!("gtoken-sandbox-{:016x}", u64::generate());
        let path = match path {
            Some(path) => std::path::absolute(path).context("cannot use --dir")?,
            None => std::env::temp_dir().join(temporary),
        };
        let is_ours = match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => true,
            Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => false,
            Err(error) => {
                let path = path.display();
                anyhow::bail!("cannot make the folder {path}: {error}; choose another with --dir")
            }
        };
        Ok(Self {
            path,
            is_ours,
            written: Vec::new(),
        })
    }

    /// Writes a file that was not there before, for this user only.
    pub(super) fn write(&mut self, name: &str, text: &str) -> anyhow::Result<PathBuf> {
        let path = self.path.join(name);
        let shown = path.display().to_string();
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(|error| {
                anyhow::anyhow!(
                    "cannot write {shown}: {error}; remove it or choose another folder with --dir"
                )
            })?;
        self.written.push(path.clone());
        file.write_all(text.as_bytes())
            .with_context(|| format!("cannot write {shown}"))?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What somebody else removed, or put beside our files, is theirs.
        for file in &self.written {
            let _ = fs::remove_file(file);
        }
        if self.is_ours {
            let _ = fs::remove_dir(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removes_what_it_wrote_and_nothing_else() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("made");
        let mut made = Folder::open(Some(&path)).unwrap();
        let file = made.write("ca.pem", "x").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "x");
        drop(made);
        assert!(!path.exists());

        fs::write(outer.path().join("theirs"), "y").unwrap();
        let mut found = Folder::open(Some(outer.path())).unwrap();
        found.write("ca.pem", "x").unwrap();
        drop(found);
        assert!(outer.path().join("theirs").exists() && !outer.path().join("ca.pem").exists());
    }

    #[test]
    fn a_file_that_is_there_is_neither_overwritten_nor_removed() {
        let outer = tempfile::tempdir().unwrap();
        fs::write(outer.path().join("ca.pem"), "theirs").unwrap();
        let mut folder = Folder::open(Some(outer.path())).unwrap();
        let error = folder.write("ca.pem", "x").unwrap_err();
        assert!(error.to_string().contains("ca.pem"), "{error}");
        drop(folder);
        assert_eq!(
            fs::read_to_string(outer.path().join("ca.pem")).unwrap(),
            "theirs"
        );
    }
}

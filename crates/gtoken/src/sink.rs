//! Where a token goes: a file that is whole at every moment, or standard output.

#[cfg(test)]
mod tests;

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process;

use gtoken_contract::token_file;

use crate::excerpt::shown_path;
use crate::source::Retry;
use crate::token::{IdToken, MAX_BYTES};

/// Where a token goes.
#[derive(Debug)]
pub enum Sink {
    /// A file that is replaced by rename.
    File(TokenFile),
    /// Standard output: no newline, except between tokens.
    Stdout {
        /// Whether a token stands there already.
        written: bool,
    },
}

impl Sink {
    /// Standard output, with nothing written yet.
    pub fn stdout() -> Self {
        Self::Stdout { written: false }
    }

    /// Whether what is published can be read again, so that it may be lost too.
    pub fn keeps(&self) -> bool {
        matches!(self, Self::File(_))
    }

    /// What readers see, if anything.
    pub fn published(&self) -> Option<String> {
        match self {
            Self::File(file) => file.read(),
            Self::Stdout { .. } => None,
        }
    }

    /// Removes what an agent left behind that was killed while it wrote.
    pub fn clear_leftovers(&self) {
        if let Self::File(file) = self {
            file.clear_leftovers();
        }
    }

    /// Makes this the token that readers see.
    pub fn publish(&mut self, token: &IdToken) -> Result<(), SinkError> {
        match self {
            Self::File(file) => file.replace(token),
            Self::Stdout { written } => {
                let separator = if *written { "\n" } else { "" };
                // What cannot be written now is written before the next token.
                *written = true;
                let mut stdout = io::stdout().lock();
                write!(stdout, "{separator}{}", token.expose())
                    .and_then(|()| stdout.flush())
                    .map_err(|error| SinkError::Stdout(error.kind()))
            }
        }
    }
}

/// The token file's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenFile {
    path: PathBuf,
    folder: PathBuf,
    name: OsString,
}

/// The path names no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it names no file; without the flag the token goes to standard output")]
pub struct NotAFileName;

impl TokenFile {
    /// The file at this path, which need not exist.
    pub fn at(path: &str) -> Result<Self, NotAFileName> {
        let whole = Path::new(path);
        match (whole.file_name(), whole.parent()) {
            (Some(name), Some(folder)) if !path.ends_with('/') => {
                let here = folder.as_os_str().is_empty();
                Ok(Self {
                    path: whole.to_owned(),
                    folder: if here {
                        PathBuf::from(".")
                    } else {
                        folder.to_owned()
                    },
                    name: name.to_owned(),
                })
            }
            _ => Err(NotAFileName),
        }
    }

    /// The token in place, as far as it is a file and not longer than a token.
    fn read(&self) -> Option<String> {
        fs::symlink_metadata(&self.path)
            .ok()
            .filter(fs::Metadata::is_file)?;
        let limit = u64::try_from(MAX_BYTES).ok()?;
        let mut text = String::new();
        let file = File::open(&self.path).ok()?;
        file.take(limit).read_to_string(&mut text).ok()?;
        Some(text)
    }

    /// Writes beside the file and renames: a reader sees the old token or the new one, never a part.
    ///
    /// There is no `fsync`: no token outlives the node whose memory it is in.
    fn replace(&self, token: &IdToken) -> Result<(), SinkError> {
        self.refuse_what_is_no_file()?;
        let temporary = self.folder.join(self.temporary_name(process::id()));
        let written = write_new(&temporary, token)
            .and_then(|()| fs::rename(&temporary, &self.path))
            .map_err(|error| self.error(&error));
        if written.is_err() {
            // The next start removes what cannot be removed now.
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    /// A rename would put a file in the place of a link, a pipe or a device that others hold open.
    fn refuse_what_is_no_file(&self) -> Result<(), SinkError> {
        match fs::symlink_metadata(&self.path) {
            Ok(found) if !found.is_file() => Err(SinkError::NotAFile(self.path.clone())),
            _ => Ok(()),
        }
    }

    /// `.NAME.gtoken-PID`: hidden from a listing, and no name that anything else gives.
    fn temporary_name(&self, id: u32) -> OsString {
        let mut name = self.temporary_prefix();
        name.push(id.to_string());
        name
    }

    fn temporary_prefix(&self) -> OsString {
        let mut name = OsString::from(".");
        name.push(&self.name);
        name.push(".gtoken-");
        name
    }

    fn is_temporary(&self, name: &OsStr) -> bool {
        let prefix = self.temporary_prefix();
        name.as_encoded_bytes()
            .strip_prefix(prefix.as_encoded_bytes())
            .is_some_and(|id| !id.is_empty() && id.iter().all(u8::is_ascii_digit))
    }

    fn clear_leftovers(&self) {
        // A folder that cannot be listed is reported when the token is written to it.
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return;
        };
        for entry in entries.flatten() {
            if self.is_temporary(&entry.file_name()) {
                // A leftover costs some memory and harms nobody.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    fn error(&self, error: &io::Error) -> SinkError {
        SinkError::File {
            path: self.path.clone(),
            kind: error.kind(),
            reason: error.to_string(),
        }
    }
}

/// Writes a file that must not be there yet, so that nobody can lay a link in its way.
fn write_new(path: &Path, token: &IdToken) -> io::Result<()> {
    let open = || {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
    };
    let mut file = match open() {
        // In a container every agent is process 1, so the name of a killed one comes again.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            open()?
        }
        opened => opened?,
    };
    // The umask has no say: applications run as any user.
    file.set_permissions(Permissions::from_mode(token_file::MODE))?;
    file.write_all(token.expose().as_bytes())
}

/// Why a token was not published. The one in place, if any, is still there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// The file could not be written.
    #[error("cannot write the token file `{}`: {reason}; {}", shown_path(.path), file_advice(*.kind))]
    File {
        /// The token file.
        path: PathBuf,
        /// What kind of failure it was.
        kind: ErrorKind,
        /// What the system says.
        reason: String,
    },
    /// Something else than a file stands there.
    #[error("cannot write the token file `{}`: it is a folder, link, pipe or device; name a file", shown_path(.0))]
    NotAFile(PathBuf),
    /// Standard output could not be written.
    #[error("cannot write the token to standard output: {}{}", .0, stdout_advice(*.0))]
    Stdout(ErrorKind),
}

impl SinkError {
    /// Whether to go on without a person.
    pub fn retry(&self) -> Retry {
        match self {
            Self::File { kind, .. } => match kind {
                ErrorKind::NotFound
                | ErrorKind::NotADirectory
                | ErrorKind::PermissionDenied
                | ErrorKind::ReadOnlyFilesystem => Retry::NeedsPerson,
                _ => Retry::Transient,
            },
            Self::NotAFile(_) => Retry::NeedsPerson,
            Self::Stdout(ErrorKind::BrokenPipe) => Retry::Never,
            Self::Stdout(_) => Retry::Transient,
        }
    }
}

fn stdout_advice(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::BrokenPipe => "; its reader has gone, and nobody can read it again: use --file",
        _ => "",
    }
}

fn file_advice(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            "its folder must exist: is the volume mounted there?"
        }
        ErrorKind::PermissionDenied => "its folder must be writable for the agent's user",
        ErrorKind::ReadOnlyFilesystem => "its folder must be on a volume that is mounted writable",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "its volume is full",
        _ => "the token in place, if any, stays",
    }
}

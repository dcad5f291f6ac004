//! The token file as its readers find it.

use std::ffi::OsString;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use gtoken_contract::{env, token_file};

use crate::excerpt::shown_path;
use crate::regular;
use crate::token::MAX_BYTES;

/// Where an application in this container reads its token: where its environment says, or where the webhook puts it.
pub fn usual_path(variable: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    match variable(env::AWS_WEB_IDENTITY_TOKEN_FILE) {
        Some(path) if !path.is_empty() => path.into(),
        _ => Path::new(token_file::DEFAULT_DIRECTORY).join(token_file::DEFAULT_NAME),
    }
}

/// The text of a file that may hold a token. A link is followed, as AWS SDKs do.
pub fn read(path: &Path) -> Result<String, CannotRead> {
    let cannot = |error: &io::Error| CannotRead::File {
        path: path.to_owned(),
        kind: error.kind(),
        reason: error.to_string(),
    };
    match regular::read(path, most()) {
        Ok(Some(bytes)) => Ok(text(&bytes)),
        Ok(None) => Err(CannotRead::NotAFile(path.to_owned())),
        Err(error) => Err(cannot(&error)),
    }
}

/// What comes, as far as it may be a token; what is longer or no text is none, and the check of its form says so.
pub fn read_text(from: impl Read) -> io::Result<String> {
    Ok(text(&regular::start_of(from, most())?))
}

fn most() -> u64 {
    u64::try_from(MAX_BYTES + 2).unwrap_or(u64::MAX)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Why there is nothing to look at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotRead {
    /// The system does not give it.
    #[error("cannot read the token file `{}`: {reason}; {}", shown_path(.path), advice(*.kind))]
    File {
        /// The token file.
        path: PathBuf,
        /// What kind of failure it was.
        kind: ErrorKind,
        /// What the system says.
        reason: String,
    },
    /// Something else than a file stands there.
    #[error("cannot read the token file `{}`: it is a folder, pipe or device", shown_path(.0))]
    NotAFile(PathBuf),
}

fn advice(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            "has the agent published a token yet, and is its volume mounted here? --file names another place"
        }
        ErrorKind::PermissionDenied => "this user must be allowed to read it",
        _ => "look at the volume that it is on",
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_environment_says_where_the_token_is_or_the_webhook_did() {
        let usual = |value: Option<&str>| usual_path(|_| value.map(OsString::from));
        assert_eq!(usual(Some("/t/token")), Path::new("/t/token"));
        let default = Path::new("/var/run/secrets/aws/token/gtoken");
        assert_eq!(usual(Some("")), default);
        assert_eq!(usual(None), default);
    }

    #[test]
    fn a_link_is_followed_and_a_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("token"), folder.path().join("link"));
        fs::write(&file, "text").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(read(&link), Ok("text".to_owned()));
        let of_folder = CannotRead::NotAFile(folder.path().to_owned());
        assert_eq!(read(folder.path()), Err(of_folder));
    }

    #[test]
    fn a_file_that_is_not_there_is_named_with_what_to_do() {
        let error = read(Path::new("/nowhere/gtoken")).unwrap_err().to_string();
        assert!(error.contains("`/nowhere/gtoken`: No such file"), "{error}");
        assert!(error.contains("is its volume mounted here?"), "{error}");
    }

    #[test]
    fn no_more_is_read_than_a_token_may_have() {
        let text = read_text(io::repeat(b'x')).unwrap();
        assert_eq!(text.len(), MAX_BYTES + 2);
    }
}

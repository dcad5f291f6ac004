//! Where a file of credentials is, in the order of Application Default Credentials.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::regular;

/// Names a file of credentials, as in all of Google's tools.
pub const NAMED_BY: &str = "GOOGLE_APPLICATION_CREDENTIALS";

/// The places that the environment names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    named: Option<PathBuf>,
    usual: Option<PathBuf>,
}

/// A file, and why it is that one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The file.
    pub path: PathBuf,
    /// Who says so.
    pub by: &'static str,
}

/// A file of credentials could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(String);

/// A file has no more bytes; that of a key has 2,300.
pub(crate) const MAX_BYTES: u64 = 64 * 1024;

impl Files {
    /// Reads the environment; an empty variable is none, as for Google's libraries.
    pub fn new(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let path = |name: &str| {
            let value = variable(name).filter(|value| !value.is_empty());
            value.map(PathBuf::from)
        };
        let gcloud = || path("HOME").map(|home| home.join(".config/gcloud"));
        let folder = path("CLOUDSDK_CONFIG").or_else(gcloud);
        Self {
            named: path(NAMED_BY),
            usual: folder.map(|folder| folder.join("application_default_credentials.json")),
        }
    }

    /// The file to take: the one that is named, be it there or not, else gcloud's where it is.
    pub fn find(&self, exists: impl FnOnce(&Path) -> bool) -> Option<Named> {
        let named = self.named.clone().map(|path| Named { path, by: NAMED_BY });
        named.or_else(|| {
            let path = self.usual.clone().filter(|path| exists(path))?;
            let by = "gcloud auth application-default";
            Some(Named { path, by })
        })
    }
}

/// Reads a file of so many bytes at most.
pub(crate) fn read(path: &Path, max_bytes: u64) -> Result<Vec<u8>, Unreadable> {
    let text = regular::read(path, max_bytes + 1).map_err(|error| Unreadable(error.to_string()))?;
    let text = text.ok_or_else(|| Unreadable("it is no file".to_owned()))?;
    let is_whole = u64::try_from(text.len()).is_ok_and(|bytes| bytes <= max_bytes);
    is_whole
        .then_some(text)
        .ok_or_else(|| Unreadable(format!("it has more than {} KiB", max_bytes / 1024)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn files(variables: &[(&str, &str)]) -> Files {
        Files::new(|name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| value.into())
        })
    }

    #[test]
    fn the_named_file_counts_even_where_it_is_missing() {
        let files = files(&[(NAMED_BY, "/key.json"), ("HOME", "/home/me")]);
        let found = files.find(|_| false).unwrap();
        assert_eq!((found.path, found.by), ("/key.json".into(), NAMED_BY));
    }

    #[test]
    fn gclouds_file_counts_where_it_is() {
        let home = [("HOME", "/home/me"), (NAMED_BY, "")];
        let moved = [("HOME", "/home/me"), ("CLOUDSDK_CONFIG", "/gcloud")];
        for (variables, path) in [
            (
                home,
                "/home/me/.config/gcloud/application_default_credentials.json",
            ),
            (moved, "/gcloud/application_default_credentials.json"),
        ] {
            let files = files(&variables);
            assert_eq!(files.find(|_| true).map(|it| it.path), Some(path.into()));
            assert_eq!(files.find(|_| false), None);
        }
        assert_eq!(files(&[]).find(|_| true), None);
    }

    #[test]
    fn a_file_that_is_too_long_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.json");
        fs::write(&path, vec![b' '; 64 * 1024]).unwrap();
        assert_eq!(read(&path, MAX_BYTES).unwrap().len(), 64 * 1024);
        fs::write(&path, vec![b' '; 64 * 1024 + 1]).unwrap();
        assert!(
            read(&path, MAX_BYTES)
                .unwrap_err()
                .to_string()
                .contains("64 KiB")
        );
        assert!(read(&folder.path().join("none"), MAX_BYTES).is_err());
        assert_eq!(
            read(folder.path(), MAX_BYTES).unwrap_err().to_string(),
            "it is no file"
        );
    }
}

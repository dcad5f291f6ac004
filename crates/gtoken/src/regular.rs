//! Files whose contents come from outside: never a pipe, which could be silent for ever, and never without end.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// The file's first bytes, so many at most; nothing where a folder, pipe or device stands. A link is followed.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    if !fs::metadata(path)?.is_file() {
        return Ok(None);
    }
    start_of(File::open(path)?, most).map(Some)
}

/// The first bytes of what comes, so many at most.
pub(crate) fn start_of(from: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_asked_for_is_read_and_no_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "content").unwrap();
        assert_eq!(read(&path, 4).unwrap(), Some(b"cont".to_vec()));
        assert_eq!(read(folder.path(), 4).unwrap(), None);
        let missing = read(&folder.path().join("missing"), 4).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }
}

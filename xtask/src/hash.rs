//! Names for what is kept between runs, made from everything that it depends on.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};

/// How many hexadecimal digits tell one thing from another in a cache.
const SHORT: usize = 16;

/// The hash of these bytes, as `sha256sum` writes it.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// A hash over parts, each of which counts with its length: none can borrow from its neighbour.
#[derive(Clone, Default)]
pub(crate) struct Hasher(Sha256);

impl Hasher {
    /// Adds bytes.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update(bytes.len().to_le_bytes());
        self.0.update(bytes);
        self
    }

    /// Adds a text.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    /// Adds a file with its name below `root`, wherever that is.
    pub(crate) fn file(&mut self, root: &Path, file: &Path) -> anyhow::Result<&mut Self> {
        let content =
            fs::read(file).with_context(|| format!("could not read {}", file.display()))?;
        let name = file.strip_prefix(root).unwrap_or(file);
        Ok(self.text(&name.to_string_lossy()).bytes(&content))
    }

    /// Adds every file below a folder.
    pub(crate) fn folder(&mut self, root: &Path, folder: &Path) -> anyhow::Result<&mut Self> {
        let entries =
            fs::read_dir(folder).with_context(|| format!("could not read {}", folder.display()))?;
        let mut paths: Vec<_> = entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        paths.sort();
        for path in paths {
            if path.is_dir() {
                self.folder(root, &path)?;
            } else {
                self.file(root, &path)?;
            }
        }
        Ok(self)
    }

    /// The whole hash.
    pub(crate) fn whole(&self) -> String {
        hexadecimal(&self.0.clone().finalize())
    }

    /// Enough of it for a folder's name.
    pub(crate) fn short(&self) -> String {
        self.whole()[..SHORT].to_owned()
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _never_fails = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(texts: &[&str]) -> String {
        let mut hasher = Hasher::default();
        for text in texts {
            hasher.text(text);
        }
        hasher.short()
    }

    #[test]
    fn the_same_letters_in_other_parts_are_something_else() {
        assert_ne!(over(&["ab", "c"]), over(&["a", "bc"]));
        assert_eq!(over(&["ab", "c"]), over(&["ab", "c"]));
        assert_eq!(over(&[]).len(), SHORT);
    }

    #[test]
    fn hashes_are_written_as_sha256sum_does() {
        assert_eq!(
            sha256(b""),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    #[test]
    fn a_folder_counts_by_names_and_contents_wherever_it_lies() {
        let hash = |name: &str, content: &str| {
            let root = tempfile::tempdir().unwrap();
            let folder = root.path().join("inner");
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join(name), content).unwrap();
            let mut hasher = Hasher::default();
            hasher.folder(root.path(), root.path()).unwrap();
            hasher.whole()
        };
        assert_eq!(hash("a", "1"), hash("a", "1"));
        assert_ne!(hash("a", "1"), hash("b", "1"));
        assert_ne!(hash("a", "1"), hash("a", "2"));
    }
}

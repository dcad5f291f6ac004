//! The files of an image, and the tar archive that they are shipped as.
//!
//! Everything belongs to root and dates from 1970: the same files give the same bytes, whoever packs them and when.

use std::collections::BTreeMap;
use std::io;

/// For folders and for what can be run.
const OPEN: u32 = 0o755;
/// For what can only be read.
const PLAIN: u32 = 0o644;

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Folder,
    File { mode: u32, bytes: Vec<u8> },
}

/// Files and folders, by their paths without a leading `/`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rootfs(BTreeMap<String, Node>);

impl Rootfs {
    /// Adds a file that can be run.
    pub(crate) fn program(self, path: &str, bytes: Vec<u8>) -> Self {
        self.with(path, Node::File { mode: OPEN, bytes })
    }

    /// Adds a file that can be read.
    pub(crate) fn file(self, path: &str, bytes: Vec<u8>) -> Self {
        self.with(path, Node::File { mode: PLAIN, bytes })
    }

    /// The archive of it all.
    pub(crate) fn archive(&self) -> io::Result<Vec<u8>> {
        let mut archive = tar::Builder::new(Vec::new());
        for (path, node) in &self.0 {
            append(&mut archive, path, node)?;
        }
        archive.into_inner()
    }

    /// Adds a node and the folders that it stands in.
    fn with(mut self, path: &str, node: Node) -> Self {
        let path = path.trim_matches('/');
        for (end, _) in path.match_indices('/') {
            self.0.entry(path[..end].to_owned()).or_insert(Node::Folder);
        }
        self.0.insert(path.to_owned(), node);
        self
    }
}

fn append(archive: &mut tar::Builder<Vec<u8>>, path: &str, node: &Node) -> io::Result<()> {
    // The GNU format, because a path of any length fits.
    let mut header = tar::Header::new_gnu();
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    match node {
        Node::Folder => {
            header.set_entry_type(tar::EntryType::Directory);
            header.set_mode(OPEN);
            header.set_size(0);
            archive.append_data(&mut header, format!("{path}/"), io::empty())
        }
        Node::File { mode, bytes } => {
            header.set_entry_type(tar::EntryType::Regular);
            header.set_mode(*mode);
            header.set_size(bytes.len() as u64);
            archive.append_data(&mut header, path, bytes.as_slice())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    /// Each entry as `mode owner time path contents`.
    fn listed(rootfs: &Rootfs) -> Vec<String> {
        let bytes = rootfs.archive().unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let mut contents = String::new();
            entry.read_to_string(&mut contents).unwrap();
            let (header, path) = (entry.header(), entry.path().unwrap());
            format!(
                "{:o} {}:{} {} {} {contents}",
                header.mode().unwrap(),
                header.uid().unwrap(),
                header.gid().unwrap(),
                header.mtime().unwrap(),
                path.display(),
            )
        });
        entries.collect()
    }

    #[test]
    fn everything_belongs_to_root_and_has_no_date() {
        let rootfs = Rootfs::default()
            .file("etc/pod/name", b"web".to_vec())
            .program("/gtoken", b"\x7fELF".to_vec());
        assert_eq!(
            listed(&rootfs),
            [
                "755 0:0 0 etc/ ",
                "755 0:0 0 etc/pod/ ",
                "644 0:0 0 etc/pod/name web",
                "755 0:0 0 gtoken \x7fELF",
            ]
        );
    }

    #[test]
    fn the_order_in_which_files_are_added_changes_nothing() {
        let (a, b) = (b"a".to_vec(), b"b".to_vec());
        let one = Rootfs::default()
            .file("d/a", a.clone())
            .file("d/b", b.clone());
        let other = Rootfs::default().file("d/b", b).file("d/a", a);
        assert_eq!(one.archive().unwrap(), other.archive().unwrap());
    }

    #[test]
    fn a_path_of_any_length_is_kept() {
        let path = format!("{}name", "folder-with-a-long-name/".repeat(20));
        let rootfs = Rootfs::default().file(&path, Vec::new());
        let wanted = format!("644 0:0 0 {path} ");
        assert_eq!(listed(&rootfs).last(), Some(&wanted));
    }
}

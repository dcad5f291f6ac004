//! The files of an image, and the tar archive that they are shipped as.
//!
//! Everything belongs to root and dates from 1970: the same files give the same bytes, whoever packs them and when.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, ensure};

/// For folders and for what can be run.
const OPEN: u32 = 0o755;
/// For what can only be read.
const PLAIN: u32 = 0o644;
/// For folders in which everybody may keep files of their own, as `/tmp`.
const SHARED: u32 = 0o1777;

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Folder { mode: u32 },
    File { mode: u32, bytes: Vec<u8> },
    Link { target: String },
}

/// Files, folders and symbolic links, by their paths without a leading `/`.
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

    /// Adds whatever a folder of this machine holds. Of its owners, times and modes only this is kept: what can be run,
    /// and where everybody may write.
    pub(crate) fn tree(mut self, folder: &Path) -> anyhow::Result<Self> {
        self.copy(folder, "")?;
        Ok(self)
    }

    /// The archive of it all.
    pub(crate) fn archive(&self) -> io::Result<Vec<u8>> {
        let mut archive = tar::Builder::new(Vec::new());
        for (path, node) in &self.0 {
            append(&mut archive, path, node)?;
        }
        archive.into_inner()
    }

    fn copy(&mut self, folder: &Path, place: &str) -> anyhow::Result<()> {
        let tried = || format!("could not read {}", folder.display());
        for entry in fs::read_dir(folder).with_context(tried)? {
            let entry = entry.with_context(tried)?;
            let name = entry.file_name();
            let name = name.to_str().with_context(|| {
                format!(
                    "{} holds a name that is not UTF-8: {}",
                    folder.display(),
                    name.display()
                )
            })?;
            let (from, to) = (entry.path(), format!("{place}{name}"));
            let node = node(&from, &entry.metadata().with_context(tried)?)?;
            if matches!(node, Node::Folder { .. }) {
                self.copy(&from, &format!("{to}/"))?;
            }
            self.0.insert(to, node);
        }
        Ok(())
    }

    /// Adds a node and the folders that it stands in.
    fn with(mut self, path: &str, node: Node) -> Self {
        let path = path.trim_matches('/');
        for (end, _) in path.match_indices('/') {
            self.0
                .entry(path[..end].to_owned())
                .or_insert(Node::Folder { mode: OPEN });
        }
        self.0.insert(path.to_owned(), node);
        self
    }
}

/// What stands at a path of this machine.
fn node(path: &Path, metadata: &Metadata) -> anyhow::Result<Node> {
    let tried = || format!("could not read {}", path.display());
    let (kind, bits) = (metadata.file_type(), metadata.permissions().mode());
    if kind.is_symlink() {
        let target = fs::read_link(path).with_context(tried)?;
        let target = target.into_os_string().into_string().ok();
        let target = target
            .with_context(|| format!("{} leads to a name that is not UTF-8", path.display()))?;
        return Ok(Node::Link { target });
    }
    if kind.is_dir() {
        let mode = if bits & 0o002 == 0 { OPEN } else { SHARED };
        return Ok(Node::Folder { mode });
    }
    ensure!(
        kind.is_file(),
        "{} is neither a file nor a folder nor a link, and an image holds nothing else; remove it",
        path.display()
    );
    Ok(Node::File {
        mode: if bits & 0o111 == 0 { PLAIN } else { OPEN },
        bytes: fs::read(path).with_context(tried)?,
    })
}

fn append(archive: &mut tar::Builder<Vec<u8>>, path: &str, node: &Node) -> io::Result<()> {
    // The GNU format, because a path of any length fits.
    let mut header = tar::Header::new_gnu();
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    match node {
        Node::Folder { mode } => {
            header.set_entry_type(tar::EntryType::Directory);
            header.set_mode(*mode);
            header.set_size(0);
            archive.append_data(&mut header, format!("{path}/"), io::empty())
        }
        Node::File { mode, bytes } => {
            header.set_entry_type(tar::EntryType::Regular);
            header.set_mode(*mode);
            header.set_size(bytes.len() as u64);
            archive.append_data(&mut header, path, bytes.as_slice())
        }
        Node::Link { target } => {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_mode(0o777);
            header.set_size(0);
            archive.append_link(&mut header, path, target)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

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
            if let Some(target) = entry.link_name().unwrap() {
                contents = format!("-> {}", target.display());
            }
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
    #[test]
    fn a_folder_of_this_machine_is_taken_with_its_links_and_programs() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let put = |name: &str, mode: u32| {
            fs::write(path(name), name).unwrap();
            fs::set_permissions(path(name), fs::Permissions::from_mode(mode)).unwrap();
        };
        fs::create_dir_all(path("usr/bin")).unwrap();
        fs::create_dir(path("tmp")).unwrap();
        fs::set_permissions(path("tmp"), fs::Permissions::from_mode(0o1777)).unwrap();
        put("usr/bin/su", 0o4700);
        put("usr/bin/list", 0o600);
        symlink("usr/bin", path("bin")).unwrap();
        symlink("/no/such/file", path("usr/lost")).unwrap();
        assert_eq!(
            listed(&Rootfs::default().tree(folder.path()).unwrap()),
            [
                "777 0:0 0 bin -> usr/bin",
                "1777 0:0 0 tmp/ ",
                "755 0:0 0 usr/ ",
                "755 0:0 0 usr/bin/ ",
                "644 0:0 0 usr/bin/list usr/bin/list",
                "755 0:0 0 usr/bin/su usr/bin/su",
                "777 0:0 0 usr/lost -> /no/such/file",
            ]
        );
    }

    #[test]
    fn what_no_image_can_hold_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let _socket = UnixListener::bind(folder.path().join("socket")).unwrap();
        let error = Rootfs::default().tree(folder.path()).unwrap_err();
        assert!(error.to_string().contains("/socket is neither"), "{error}");
    }
}

//! The folder that says which pod has which address: the CNI plugin writes it, the metadata server reads it.
//!
//! Each file is named by an address and holds a [`Pod`] in JSON. A pod's status names its address only after its first
//! containers have started, which is too late for an init container that asks for a token at once.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The pod that an address belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Pod {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
    #[serde(rename = "containerID")]
    pub(crate) container_id: String,
    /// When its network was made, in milliseconds since 1970.
    pub(crate) since: u64,
}

/// The folder itself.
#[derive(Clone, Debug)]
pub(crate) struct PodDirectory(PathBuf);

impl PodDirectory {
    pub(crate) fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The pod with this address, where it is one's.
    pub(crate) fn find(&self, address: IpAddr) -> io::Result<Option<Pod>> {
        // On a socket of both families, a pod's IPv4 address comes in IPv6's clothes.
        let file = self.0.join(address.to_canonical().to_string());
        match fs::read(file) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Gives the address to this pod, whoever had it before; a reader sees all of the entry or none of it.
    pub(crate) fn put(&self, address: IpAddr, pod: &Pod) -> io::Result<()> {
        fs::create_dir_all(&self.0)?;
        let address = address.to_canonical();
        let draft = self.0.join(format!(".{address}.{}", pod.container_id));
        fs::write(&draft, serde_json::to_vec(pod)?)?;
        fs::rename(draft, self.0.join(address.to_string()))
    }

    /// Takes away all addresses of the pod whose network this container holds, which may be none.
    pub(crate) fn remove(&self, container_id: &str) -> io::Result<()> {
        let draft = format!(".{container_id}");
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let path = entry?.path();
            let is_draft = path.to_string_lossy().ends_with(&draft);
            if is_draft || holder(&path).as_deref() == Some(container_id) {
                gone(fs::remove_file(&path))?;
            }
        }
        Ok(())
    }
}

/// The container that the entry is of; nothing where another took the file away or it is no entry.
fn holder(path: &Path) -> Option<String> {
    let pod: Pod = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    Some(pod.container_id)
}

fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(container_id: &str) -> Pod {
        Pod {
            namespace: "team".into(),
            name: "reader".into(),
            uid: "u".into(),
            container_id: container_id.into(),
            since: 1,
        }
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_is_the_last_pods_it_was_given_to() {
        let folder = tempfile::tempdir().unwrap();
        let pods = PodDirectory::new(folder.path().join("made"));
        let v4 = address("10.0.0.1");
        assert_eq!(pods.find(v4).unwrap(), None);
        pods.put(v4, &pod("a")).unwrap();
        pods.put(v4, &pod("b")).unwrap();
        assert_eq!(pods.find(v4).unwrap(), Some(pod("b")));
        assert_eq!(
            pods.find(address("::ffff:10.0.0.1")).unwrap(),
            Some(pod("b"))
        );
        assert_eq!(pods.path().read_dir().unwrap().count(), 1);
    }

    #[test]
    fn a_container_takes_away_its_own_addresses_and_drafts_only() {
        let folder = tempfile::tempdir().unwrap();
        let pods = PodDirectory::new(folder.path());
        pods.remove("a").unwrap();
        for (text, container) in [("10.0.0.1", "a"), ("fd00::1", "a"), ("10.0.0.2", "b")] {
            pods.put(address(text), &pod(container)).unwrap();
        }
        fs::write(folder.path().join(".10.0.0.9.a"), "half").unwrap();
        fs::write(folder.path().join("theirs"), "no entry").unwrap();
        pods.remove("a").unwrap();
        let mut left: Vec<_> = folder.path().read_dir().unwrap().collect();
        left.retain(|entry| entry.as_ref().unwrap().file_name() != "theirs");
        assert_eq!(left.len(), 1);
        assert_eq!(pods.find(address("10.0.0.2")).unwrap(), Some(pod("b")));
    }

    #[test]
    fn an_entry_that_cannot_be_read_is_an_error_and_no_stranger() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("10.0.0.1"), "{").unwrap();
        let pods = PodDirectory::new(folder.path());
        pods.find(address("10.0.0.1")).unwrap_err();
    }
}

//! A leaf's files, read again while they are served: a mounted Secret changes under a running process.
//!
//! They are looked at, not listened to: kubelet exchanges a symlink (`..data`) two folders above what was opened,
//! others write in place or rename, and the content tells all of that alike, on any filesystem.

use std::convert::Infallible;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tracing::{info, warn};

use super::files::{CannotLoad, Files, Pem};
use super::{Leaf, Served};
use crate::metrics::Metrics;
use crate::ready::Readiness;

/// How often the files are looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// How soon something new is looked at again: it counts when it stands still, which half an exchange does not.
const SETTLE: Duration = Duration::from_millis(500);

/// What takes up new files.
#[derive(Clone, Debug)]
pub struct Reload {
    files: Files,
    leaf: Arc<Leaf>,
    metrics: Arc<Metrics>,
    readiness: Readiness,
    hasher: RandomState,
    /// What was taken or refused last, by its hash; it is not tried again.
    known: u64,
    /// What was there when the files were last found changed.
    settling: Option<u64>,
}

impl Reload {
    /// Takes up what replaces `pem` in these files.
    pub fn new(
        files: Files,
        pem: &Pem,
        leaf: Arc<Leaf>,
        metrics: Arc<Metrics>,
        readiness: Readiness,
    ) -> Self {
        let hasher = RandomState::new();
        let known = hash(&hasher, Ok(pem));
        let reload = Self {
            files,
            leaf,
            metrics,
            readiness,
            hasher,
            known,
            settling: None,
        };
        reload.tell_expiry();
        reload
    }

    /// Looks at the files for as long as the process lives.
    pub async fn run(mut self) -> Infallible {
        loop {
            self.look();
            let is_settling = self.settling.is_some();
            sleep(if is_settling { SETTLE } else { LOOK_INTERVAL }).await;
        }
    }

    fn look(&mut self) {
        let read = self.files.read();
        let found = hash(&self.hasher, read.as_ref());
        if found == self.known {
            self.settling = None;
        } else if self.settling == Some(found) {
            self.settling = None;
            self.known = found;
            self.take(read.and_then(|pem| self.files.parse(&pem)));
        } else {
            self.settling = Some(found);
        }
    }

    fn take(&self, served: Result<Served, CannotLoad>) {
        match served {
            Ok(served) => {
                info!(expires = %served.expiry(), "a new certificate is served");
                self.metrics.certificate_reload("loaded");
                self.leaf.serve(served);
                self.tell_expiry();
            }
            Err(error) => {
                let expires = self.leaf.expiry().map(|expiry| expiry.to_string());
                warn!(%error, expires, "a new certificate cannot be used; the one before is served on");
                self.metrics.certificate_reload("refused");
            }
        }
    }

    fn tell_expiry(&self) {
        if let Some(expiry) = self.leaf.expiry() {
            self.metrics.certificate_expiry(expiry.0);
            self.readiness.certificate(expiry);
        }
    }
}

fn hash(hasher: &RandomState, read: Result<&Pem, &CannotLoad>) -> u64 {
    hasher.hash_one(read.map_err(ToString::to_string))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rcgen::{CertifiedKey, generate_simple_self_signed};

    use super::*;

    fn write_pair(folder: &Path) -> String {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(folder.join("tls.crt"), cert.pem()).unwrap();
        std::fs::write(folder.join("tls.key"), signing_key.serialize_pem()).unwrap();
        cert.pem()
    }

    fn reload(folder: &Path) -> Reload {
        let files = Files {
            certificate: folder.join("tls.crt"),
            key: folder.join("tls.key"),
        };
        let pem = files.read().unwrap();
        let leaf = Leaf::new(files.parse(&pem).unwrap());
        let (metrics, readiness) = (Arc::default(), Readiness::default());
        Reload::new(files, &pem, leaf, metrics, readiness)
    }

    fn served(reload: &Reload) -> Vec<u8> {
        reload.leaf.certificate().unwrap().der().to_vec()
    }

    fn count(reload: &Reload, result: &str) -> Option<String> {
        let text = reload
            .metrics
            .encode(&crate::metrics::AccountsState::default());
        let name = format!("gtoken_webhook_certificate_reloads_total{{result=\"{result}\"}} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&name));
        line.map(str::to_owned)
    }

    #[test]
    fn what_stands_still_is_served_and_counted_once() {
        let folder = tempfile::tempdir().unwrap();
        write_pair(folder.path());
        let mut reload = reload(folder.path());
        let before = served(&reload);
        reload.look();
        assert!(reload.settling.is_none());
        write_pair(folder.path());
        reload.look();
        assert_eq!(served(&reload), before);
        for _ in 0..3 {
            reload.look();
        }
        assert_ne!(served(&reload), before);
        assert_eq!(count(&reload, "loaded").as_deref(), Some("1"));
    }

    #[test]
    fn half_an_exchange_is_not_tried() {
        let folder = tempfile::tempdir().unwrap();
        write_pair(folder.path());
        let mut reload = reload(folder.path());
        let key = std::fs::read(folder.path().join("tls.key")).unwrap();
        let certificate = write_pair(folder.path());
        let new_key = std::fs::read(folder.path().join("tls.key")).unwrap();
        std::fs::write(folder.path().join("tls.key"), key).unwrap();
        reload.look();
        std::fs::write(folder.path().join("tls.key"), new_key).unwrap();
        reload.look();
        reload.look();
        assert_eq!(count(&reload, "refused"), None);
        assert_eq!(count(&reload, "loaded").as_deref(), Some("1"));
        assert_eq!(
            std::fs::read_to_string(folder.path().join("tls.crt")).unwrap(),
            certificate
        );
    }

    #[test]
    fn what_cannot_be_used_is_refused_once_and_the_one_before_served_on() {
        let folder = tempfile::tempdir().unwrap();
        write_pair(folder.path());
        let mut reload = reload(folder.path());
        let before = served(&reload);
        std::fs::write(folder.path().join("tls.crt"), "nothing").unwrap();
        for _ in 0..5 {
            reload.look();
        }
        assert_eq!(count(&reload, "refused").as_deref(), Some("1"));
        std::fs::remove_file(folder.path().join("tls.crt")).unwrap();
        for _ in 0..5 {
            reload.look();
        }
        assert_eq!(count(&reload, "refused").as_deref(), Some("2"));
        assert_eq!(served(&reload), before);
        write_pair(folder.path());
        for _ in 0..2 {
            reload.look();
        }
        assert_ne!(served(&reload), before);
    }
}

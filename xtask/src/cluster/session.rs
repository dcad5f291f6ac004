//! The bed for one run that has it for itself, as long as it lives.

use std::path::{Path, PathBuf};

use super::bed::{Bed, CONTROL_PORT, NODE};
use super::lock::Lock;
use super::{down, machine, up};
use crate::process;
use crate::workspace::Workspace;

/// The cluster of this machine, which runs; nobody else starts, uses or ends it meanwhile.
pub(crate) struct Session {
    bed: Bed,
    /// Whether it ends with the session.
    ends: bool,
    _lock: Lock,
}

impl Session {
    /// An error where no cluster can run.
    pub(crate) fn check() -> anyhow::Result<()> {
        machine::check()
    }

    /// Waits until it is free and starts it unless it runs; then it is left running at the end too.
    pub(crate) fn open(workspace: &Workspace) -> anyhow::Result<Self> {
        Self::check()?;
        let (bed, lock) = (Bed::of_this_machine(), Lock::acquire()?);
        let ends = up::up(workspace, &bed)?;
        Ok(Self {
            bed,
            ends,
            _lock: lock,
        })
    }

    /// Leaves it running, and says how to get at it.
    pub(crate) fn keep(&mut self) {
        self.ends = false;
        println!("{}", self.bed.introduction());
    }

    /// Puts an image from an archive onto the node.
    pub(crate) fn import(&self, archive: &Path) -> anyhow::Result<()> {
        up::import(&self.bed, archive)
    }

    /// A kubeconfig whose user may do everything.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.bed.kubeconfig()
    }

    /// The `kubectl` of the cluster's own release.
    pub(crate) fn kubectl(&self) -> anyhow::Result<PathBuf> {
        self.bed.kubectl()
    }

    /// What the API server tells of each request for a pod or a ServiceAccount.
    pub(crate) fn audit_log(&self) -> PathBuf {
        self.bed.audit_log()
    }

    /// The control API of the sandbox that is its Google and its AWS.
    pub(crate) fn control() -> String {
        format!("http://{NODE}:{CONTROL_PORT}")
    }

    /// The authority of that sandbox's STS.
    pub(crate) fn sts_authority(&self) -> PathBuf {
        self.bed.file("sandbox/ca.pem")
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.ends {
            return;
        }
        match down::down(&self.bed) {
            Ok(_) if process::interrupted() => println!("interrupted; the cluster is down"),
            Ok(_) => {}
            Err(error) => eprintln!("could not end the cluster: {error:#}"),
        }
    }
}

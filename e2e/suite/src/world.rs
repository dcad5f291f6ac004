//! What all tests share.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

use crate::cloud::Cloud;
use crate::install::Installation;
use crate::interrupt::Interrupt;
use crate::kubectl::Kubectl;

/// The cluster, its cloud, and gtoken in it.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) kubectl: Kubectl,
    /// Where the cluster has one.
    pub(crate) cloud: Option<Cloud>,
    /// Where the API server writes it, if that can be read.
    pub(crate) audit_log: Option<PathBuf>,
    pub(crate) installation: Installation,
    /// What was in the cluster before gtoken came.
    pub(crate) before: BTreeSet<String>,
    /// A word of this run, so that nothing is taken for another's.
    pub(crate) run: String,
    /// How long anything may take that a cluster of one busy node does.
    pub(crate) patience: Duration,
    pub(crate) interrupt: Interrupt,
}

impl World {
    /// What the API server has written into its audit log, oldest first.
    pub(crate) fn audit_events(&self) -> anyhow::Result<Vec<Value>> {
        let path = self.audit_log.as_ref();
        let path = path.context("this cluster's audit log cannot be read")?;
        let log = fs::read_to_string(path)
            .with_context(|| format!("could not read the audit log {}", path.display()))?;
        // The last line may be half written.
        let events = log
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        Ok(events.collect())
    }
}

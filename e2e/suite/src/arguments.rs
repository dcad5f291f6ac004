//! What the suite is told: where the cluster is, which cloud it has, and what to run.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Parser;

/// The end-to-end suite, against a cluster that runs.
///
/// `cargo xtask e2e` makes the cluster and everything else that is named here.
#[derive(Clone, Debug, Parser)]
#[command(name = "suite")]
pub(crate) struct Arguments {
    /// The kubectl to use
    #[arg(long, value_name = "PROGRAM", default_value = "kubectl")]
    pub(crate) kubectl: PathBuf,
    /// The cluster; by default, where kubectl finds it by itself
    #[arg(long, value_name = "FILE", env = "KUBECONFIG")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// What is installed, as `deploy/install.yaml`
    #[arg(long, value_name = "FILE", default_value = "deploy/install.yaml")]
    pub(crate) manifest: PathBuf,
    /// The control API of the sandbox that is the cluster's Google and AWS; without it, what needs them is skipped
    #[arg(long, value_name = "URL", requires = "sts_ca")]
    pub(crate) control: Option<String>,
    /// The authority of that sandbox's STS
    #[arg(long, value_name = "FILE", requires = "control")]
    pub(crate) sts_ca: Option<PathBuf>,
    /// The audit log of the API server; without it, what needs it is skipped
    #[arg(long, value_name = "FILE")]
    pub(crate) audit_log: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) choice: Choice,
    /// How many run side by side
    #[arg(long, value_name = "N", default_value = "6")]
    pub(crate) jobs: NonZeroUsize,
    /// How long a test waits for what a cluster of one busy node does
    #[arg(long, value_name = "SECONDS", default_value = "90")]
    pub(crate) patience: u64,
    /// Remove a gtoken that is installed already, instead of leaving it alone and ending
    #[arg(long)]
    pub(crate) replace: bool,
    /// Leave what is installed and the namespaces of the tests as they are
    #[arg(long)]
    pub(crate) keep: bool,
    /// Say what there is to run, and run nothing
    #[arg(long)]
    pub(crate) list: bool,
}

/// Which tests are meant; without any word, all of them.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Choice {
    /// Only tests with this in their name; may be repeated
    #[arg(long, value_name = "TEXT")]
    filter: Vec<String>,
    /// Only the test of this name; may be repeated
    #[arg(long, value_name = "NAME")]
    exact: Vec<String>,
}

impl Choice {
    /// Whether a test is among those that are meant.
    pub(crate) fn takes(&self, name: &str) -> bool {
        let is_all = self.filter.is_empty() && self.exact.is_empty();
        is_all
            || self.filter.iter().any(|part| name.contains(part.as_str()))
            || self.exact.iter().any(|exact| name == exact)
    }

    /// The exact names, none of which may be unknown.
    pub(crate) fn exact(&self) -> &[String] {
        &self.exact
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(arguments: &[&str]) -> Choice {
        let given = std::iter::once(&"suite").chain(arguments);
        Arguments::try_parse_from(given).unwrap().choice
    }

    #[test]
    fn without_a_word_every_test_is_meant() {
        assert!(choice(&[]).takes("anything"));
    }

    #[test]
    fn a_filter_takes_parts_and_an_exact_name_only_itself() {
        let some = choice(&["--filter", "job", "--exact", "a_pod"]);
        assert!(some.takes("a_cron_job_completes") && some.takes("a_pod"));
        assert!(!some.takes("a_pod_of_two") && !some.takes("a_deployment"));
    }

    #[test]
    fn a_cloud_needs_its_authority() {
        let lonely = ["suite", "--control", "http://10.89.0.2:7070"];
        assert!(Arguments::try_parse_from(lonely).is_err());
    }
}

//! The one bed of a machine: where its files are, which addresses it uses, and what runs of it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::Context as _;
use rustix::process::Pid;
use serde::{Deserialize, Serialize};

/// The release that is built; `e2e/cluster/go.mod` names it too.
pub(crate) const KUBERNETES: &str = "1.34.4";

/// The machine's end of the only link there is to the cluster.
pub(super) const MACHINE: &str = "10.89.0.1";
/// The node, with the API server and the sandbox's control API.
pub(super) const NODE: &str = "10.89.0.2";
/// What the two ends of the link are in.
pub(super) const LINK: &str = "10.89.0.0/30";
/// Where pods get their addresses from.
pub(super) const PODS: &str = "10.244.0.0/20";
/// Where Services get theirs from.
pub(super) const SERVICES: &str = "10.96.0.0/16";
/// The API server as a Service.
pub(super) const API_SERVICE: &str = "10.96.0.1";
/// Google's metadata server, <https://cloud.google.com/compute/docs/metadata/overview>.
pub(super) const METADATA: &str = "169.254.169.254";
/// The cluster's names.
pub(super) const DNS: &str = "169.254.20.10";
/// AWS STS, in every region.
pub(super) const STS: &str = "169.254.20.20";
/// The port of the sandbox's control API on the node.
pub(super) const CONTROL_PORT: u16 = 7070;

/// Where the bed keeps its files; it is there for as long as something of it may be.
const STATE: &str = "/var/lib/gtoken-bed";

/// The folder of a bed; there is one on a machine, for addresses and devices are the machine's.
#[derive(Clone, Debug)]
pub(crate) struct Bed {
    state: PathBuf,
}

/// What a bed was started from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Recipe {
    /// The release of Kubernetes.
    pub(super) kubernetes: String,
    /// A hash of everything that the bed is made from.
    pub(super) hash: String,
    /// All components in one program.
    pub(super) components: PathBuf,
    /// Google and AWS.
    pub(super) sandbox: PathBuf,
}

impl Bed {
    /// The one that this machine has or could have.
    pub(crate) fn of_this_machine() -> Self {
        Self::in_folder(STATE)
    }

    /// A bed that keeps its files here.
    pub(super) fn in_folder(state: impl Into<PathBuf>) -> Self {
        Self {
            state: state.into(),
        }
    }

    /// The folder.
    pub(super) fn state(&self) -> &Path {
        &self.state
    }

    /// A file or folder in it.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.state.join(name)
    }

    /// What a component said.
    pub(super) fn log(&self, component: &str) -> PathBuf {
        self.state
            .join("logs")
            .join(component)
            .with_extension("log")
    }

    /// What the API server tells of each request for a pod or a ServiceAccount.
    pub(crate) fn audit_log(&self) -> PathBuf {
        self.file("logs/audit.log")
    }

    /// The file that says how a component ended.
    pub(super) fn end(&self, component: &str) -> PathBuf {
        self.state.join("ended").join(component)
    }

    /// A kubeconfig whose user may do everything.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.file("pki/admin.kubeconfig")
    }

    /// The `kubectl` of the cluster's own release.
    pub(crate) fn kubectl(&self) -> anyhow::Result<PathBuf> {
        Ok(self.recipe()?.components.with_file_name("kubectl"))
    }

    /// What it was started from.
    pub(super) fn recipe(&self) -> anyhow::Result<Recipe> {
        let file = self.file("recipe.json");
        let text = fs::read(&file)
            .with_context(|| format!("could not read {}; no cluster runs here", file.display()))?;
        serde_json::from_slice(&text)
            .with_context(|| format!("{} is not of this project", file.display()))
    }

    /// Whether a start of it came to its end, and its first process lives.
    pub(crate) fn is_ready(&self) -> bool {
        self.file("ready").exists() && self.init().is_some()
    }

    /// The first process inside.
    pub(super) fn init(&self) -> Option<Pid> {
        let mut found = self.processes().into_iter();
        found.find_map(|(pid, is_init)| is_init.then_some(pid))
    }

    /// The first process inside and the one that started it, each with whether it is the first inside.
    pub(super) fn processes(&self) -> Vec<(Pid, bool)> {
        let folders = fs::read_dir("/proc").into_iter().flatten().flatten();
        let ours = folders.filter_map(|folder| {
            let pid: i32 = folder.file_name().to_str()?.parse().ok()?;
            let arguments = fs::read(folder.path().join("cmdline")).ok()?;
            let is_init = self.is_ours(&arguments)?;
            Some((Pid::from_raw(pid)?, is_init))
        });
        ours.collect()
    }

    /// Whether a process with these arguments is the first one inside; nothing if it is neither that nor its parent.
    fn is_ours(&self, arguments: &[u8]) -> Option<bool> {
        let arguments: Vec<&[u8]> = arguments.split(|byte| *byte == 0).collect();
        let wanted = [
            b"cluster",
            b"init".as_slice(),
            self.state.as_os_str().as_encoded_bytes(),
        ];
        let found = arguments
            .windows(wanted.len())
            .position(|part| part == wanted)?;
        Some(found == 1)
    }

    /// A command that runs inside, with the cluster's `kubectl` and kubeconfig at hand.
    pub(crate) fn enter(&self, program: impl AsRef<OsStr>) -> anyhow::Result<Command> {
        let init = self.init().context("no cluster runs here")?;
        let mut tools = vec![
            self.kubectl()?
                .parent()
                .map(Path::to_owned)
                .unwrap_or_default(),
        ];
        tools.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--target={}", init.as_raw_nonzero()))
            .args(["--mount", "--pid", "--net", "--uts", "--ipc", "--"])
            .arg(program)
            .env("KUBECONFIG", self.kubeconfig())
            .env("PATH", env::join_paths(tools)?);
        Ok(command)
    }

    /// What a person needs to know about it.
    pub(super) fn introduction(&self) -> String {
        format!(
            "Kubernetes {KUBERNETES} runs here. To look at it:\n  cargo xtask cluster exec -- kubectl get pods -A\n  \
             export KUBECONFIG={}\nIts components' logs are in {}.",
            self.kubeconfig().display(),
            self.file("logs").display()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_process_and_its_parent_are_told_from_all_others() {
        let bed = Bed::in_folder("/state");
        let told = |arguments: &[&str]| bed.is_ours(arguments.join("\0").as_bytes());
        assert_eq!(
            told(&["/x/xtask", "cluster", "init", "/state", ""]),
            Some(true)
        );
        assert_eq!(
            told(&[
                "unshare", "--pid", "/x/xtask", "cluster", "init", "/state", ""
            ]),
            Some(false)
        );
        assert_eq!(told(&["/x/xtask", "cluster", "init", "/other", ""]), None);
        assert_eq!(told(&["grep", "cluster init /state", ""]), None);
    }

    #[test]
    fn a_bed_that_was_never_started_is_not_ready() {
        let folder = tempfile::tempdir().unwrap();
        let bed = Bed::in_folder(folder.path());
        assert!(!bed.is_ready());
        let error = bed.recipe().unwrap_err();
        assert!(
            error.to_string().ends_with("no cluster runs here"),
            "{error}"
        );
    }
}

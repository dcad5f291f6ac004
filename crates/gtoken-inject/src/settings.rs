//! What the operator configured, the same for every pod.

use std::fmt;
use std::str::FromStr;

use gtoken_contract::{AGENT_IMAGE, token_file};

use crate::dialect::Dialect;
use crate::form::SidecarMode;
use crate::options::{Options, TokenExpiration, TokenSource};
use crate::session::SessionTemplate;

/// What the operator configured, the same for every pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The agent's image.
    pub image: String,
    /// When kubelet pulls the agent's image.
    pub pull_policy: PullPolicy,
    /// The name of the token's volume.
    pub volume_name: String,
    /// Where the token's volume is mounted, in every container.
    pub volume_path: String,
    /// The token file's name in that folder.
    pub token_file: String,
    /// How annotations are read.
    pub dialect: Dialect,
    /// What counts unless a ServiceAccount or pod says otherwise.
    pub options: Options,
    /// More flags of the agent; none of those that the injection renders itself.
    pub agent_flags: Vec<String>,
    /// Secrets of the pod's namespace that pull the agent's image beside the pod's own.
    pub image_pull_secrets: Vec<String>,
    /// What each injected container requests and may use.
    pub resources: AgentResources,
    /// The user that injected containers run as; never 0, as Pod Security `restricted` has it.
    pub run_as_user: u32,
}

/// Requests and limits of an injected container, as Kubernetes quantities.
///
/// All four are always set: a quota may demand them, and Autopilot gives large ones to containers without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentResources {
    /// CPU requested.
    pub cpu_request: String,
    /// CPU allowed.
    pub cpu_limit: String,
    /// Memory requested.
    pub memory_request: String,
    /// Memory allowed.
    pub memory_limit: String,
}

/// When kubelet pulls an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PullPolicy {
    /// At each start of a container.
    Always,
    /// When the node has it not; the default, since a pinned version does not change.
    #[default]
    IfNotPresent,
    /// Never.
    Never,
}

/// The text names no [`PullPolicy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the pull policies are: Always, IfNotPresent, Never")]
pub struct UnknownPullPolicy;

impl Settings {
    /// The token file's path, the same in every container.
    pub fn token_path(&self) -> String {
        format!(
            "{}/{}",
            self.volume_path.trim_end_matches('/'),
            self.token_file
        )
    }

    /// The token file's path as containers on Windows see it, where kubelet mounts on the system's drive.
    pub fn windows_token_path(&self) -> String {
        format!("C:{}", self.token_path().replace('/', "\\"))
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            image: AGENT_IMAGE.to_owned(),
            pull_policy: PullPolicy::default(),
            volume_name: "gtoken-volume".to_owned(),
            volume_path: token_file::DEFAULT_DIRECTORY.to_owned(),
            token_file: token_file::DEFAULT_NAME.to_owned(),
            dialect: Dialect::default(),
            options: Options {
                session_name: Some(SessionTemplate::default()),
                sidecar_mode: Some(SidecarMode::default()),
                sts_regional_endpoints: Some(false),
                token_expiration: Some(TokenExpiration::default()),
                token_source: Some(TokenSource::default()),
                ..Options::default()
            },
            agent_flags: Vec::new(),
            image_pull_secrets: Vec::new(),
            resources: AgentResources::default(),
            run_as_user: 65532,
        }
    }
}

impl Default for AgentResources {
    fn default() -> Self {
        Self {
            cpu_request: "10m".to_owned(),
            cpu_limit: "100m".to_owned(),
            memory_request: "16Mi".to_owned(),
            memory_limit: "32Mi".to_owned(),
        }
    }
}

impl PullPolicy {
    /// The name in a container.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
        }
    }
}

impl fmt::Display for PullPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for PullPolicy {
    type Err = UnknownPullPolicy;

    fn from_str(text: &str) -> Result<Self, UnknownPullPolicy> {
        match text {
            "Always" => Ok(Self::Always),
            "IfNotPresent" => Ok(Self::IfNotPresent),
            "Never" => Ok(Self::Never),
            _ => Err(UnknownPullPolicy),
        }
    }
}

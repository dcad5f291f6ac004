//! Each outcome once: metric label, audit annotation, log field and warning all come from here.

use std::fmt;

use gtoken_contract::{InvalidRoleArn, env};

use crate::annotation::{GOOGLE_SERVICE_ACCOUNT, INJECT_LABEL, ROLE_ARN, SIDECAR_MODE};

/// The longest warning in characters: past 4096 in all, the API server cuts each and drops the last.
pub const MAX_WARNING: usize = 120;

/// Why a pod is left as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Everything that would be added stands there already.
    AlreadyInjected,
    /// A name or path that we need is taken by something else.
    Clash(Clash),
    /// A pod on the node's network would get the node's identity.
    HostNetwork,
    /// The ServiceAccount's role is no ARN of a role.
    InvalidRole {
        /// The annotation's value, cut for display.
        value: String,
        /// What is wrong with it.
        error: InvalidRoleArn,
    },
    /// Kubelet's mirror of a static pod must not be changed.
    MirrorPod,
    /// It has no container, which the API server says better.
    NoContainers,
    /// The ServiceAccount asks for nothing.
    NoRole,
    /// There is no such ServiceAccount.
    NoServiceAccount,
    /// The pod names no ServiceAccount.
    NoServiceAccountName,
    /// The review is about something else than the creation of a pod.
    NotAPodCreation,
    /// The pod declines by its label.
    OptedOut,
    /// The agent does not run on Windows.
    Windows,
}

/// What of a pod stands in the way of an injection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clash {
    /// A container that is none of ours has the name of one of ours.
    ContainerName(&'static str),
    /// A container mounts something else where the token's folder goes; the name is cut for display.
    MountPath {
        /// The container.
        container: String,
    },
    /// A volume of our name is of another kind.
    VolumeName,
}

/// What somebody should know although the pod is injected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The linked Google account is no email address.
    InvalidGoogleIdentity {
        /// The annotation's value, cut for display.
        value: String,
    },
    /// The annotation asks for a form that does not exist.
    InvalidSidecarMode {
        /// The annotation's value, cut for display.
        value: String,
    },
    /// The API server would drop what makes a native sidecar one.
    NativeNotKept,
    /// No Google account is linked, so GKE gives no token.
    NoGoogleIdentity,
    /// A classic refresher would keep the pod from ending.
    OneHourForClassic,
    /// The API server would drop what makes a native sidecar one, and a classic one would keep the pod from ending.
    OneHourForNative,
    /// Kubelets may be too old for a native sidecar.
    OneHourForOldKubelets,
    /// A container's own variable stands where the pod's name would.
    OwnPodName,
    /// A pod cannot choose its role.
    RoleOnPod,
}

impl Reason {
    /// The name in metrics, logs and the audit log.
    pub fn label(&self) -> &'static str {
        match self {
            Self::AlreadyInjected => "already-injected",
            Self::Clash(Clash::ContainerName(_)) => "clash-container-name",
            Self::Clash(Clash::MountPath { .. }) => "clash-mount-path",
            Self::Clash(Clash::VolumeName) => "clash-volume-name",
            Self::HostNetwork => "host-network",
            Self::InvalidRole { .. } => "invalid-role",
            Self::MirrorPod => "mirror-pod",
            Self::NoContainers => "no-containers",
            Self::NoRole => "no-role",
            Self::NoServiceAccount => "no-service-account",
            Self::NoServiceAccountName => "no-service-account-name",
            Self::NotAPodCreation => "not-a-pod-creation",
            Self::OptedOut => "opted-out",
            Self::Windows => "windows",
        }
    }

    /// Whether somebody who created such a pod should be told.
    pub fn warns(&self) -> bool {
        match self {
            Self::Clash(_) | Self::HostNetwork | Self::InvalidRole { .. } | Self::Windows => true,
            Self::AlreadyInjected
            | Self::MirrorPod
            | Self::NoContainers
            | Self::NoRole
            | Self::NoServiceAccount
            | Self::NoServiceAccountName
            | Self::NotAPodCreation
            | Self::OptedOut => false,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyInjected => f.write_str("the pod is injected already"),
            Self::Clash(clash) => clash.fmt(f),
            Self::HostNetwork => f.write_str(
                "no AWS credentials: with hostNetwork the pod would get the node's Google identity",
            ),
            Self::InvalidRole { value, error } => {
                write!(f, "{ROLE_ARN} \"{value}\": {error}")
            }
            Self::MirrorPod => f.write_str("a static pod's mirror is never changed"),
            Self::NoContainers => f.write_str("the pod has no container"),
            Self::NoRole => write!(f, "the pod's ServiceAccount has no annotation {ROLE_ARN}"),
            Self::NoServiceAccount => f.write_str("the pod's ServiceAccount does not exist"),
            Self::NoServiceAccountName => f.write_str("the pod names no ServiceAccount"),
            Self::NotAPodCreation => f.write_str("only the creation of a pod is looked at"),
            Self::OptedOut => write!(f, "the pod's label {INJECT_LABEL} declines"),
            Self::Windows => {
                f.write_str("no AWS credentials: gtoken does not run on Windows nodes")
            }
        }
    }
}

impl fmt::Display for Clash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no AWS credentials: ")?;
        match self {
            Self::ContainerName(name) => {
                write!(
                    f,
                    "a container that is none of gtoken's is named {name}; rename it"
                )
            }
            Self::MountPath { container } => {
                write!(
                    f,
                    "container \"{container}\" mounts something else at, around or in the token's folder"
                )
            }
            Self::VolumeName => {
                f.write_str("a volume that is no emptyDir has the name of gtoken's volume")
            }
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidGoogleIdentity { value } => {
                write!(f, "{GOOGLE_SERVICE_ACCOUNT} \"{value}\" is no email address; its tokens are not checked")
            }
            Self::InvalidSidecarMode { value } => {
                write!(f, "{SIDECAR_MODE} \"{value}\" is none of auto, classic, native and is ignored")
            }
            Self::NativeNotKept => {
                write!(f, "{SIDECAR_MODE} native needs Kubernetes 1.29; an ordinary sidecar is injected")
            }
            Self::NoGoogleIdentity => {
                write!(f, "the ServiceAccount has no {GOOGLE_SERVICE_ACCOUNT}: GKE may give the pod no token")
            }
            Self::OneHourForClassic => {
                write!(f, "the AWS token lasts one hour: {SIDECAR_MODE} classic would keep this pod from ending")
            }
            Self::OneHourForNative => {
                f.write_str("the AWS token lasts one hour: this cluster is not known to be Kubernetes 1.29 or newer")
            }
            Self::OneHourForOldKubelets => {
                f.write_str("the AWS token lasts one hour: this cluster is not known to be Kubernetes 1.32 or newer")
            }
            Self::OwnPodName => {
                write!(f, "{} is set by the pod: the session gets no name from gtoken", env::GTOKEN_POD_NAME)
            }
            Self::RoleOnPod => {
                write!(f, "{ROLE_ARN} on a pod is ignored: the role comes from the ServiceAccount only")
            }
        }
    }
}

/// Cuts a value that somebody wrote, so that a message with it stays short and on one line.
///
/// The middle goes: what is wrong with an ARN is at its beginning or its end.
pub(crate) fn cut(value: &str) -> String {
    const MAX: usize = 24;
    const HEAD: usize = 11;
    let clean = |c: char| if c.is_control() { '?' } else { c };
    let length = value.chars().count();
    if length <= MAX {
        return value.chars().map(clean).collect();
    }
    let tail = value.chars().skip(length - (MAX - HEAD - 1));
    value
        .chars()
        .take(HEAD)
        .chain(['…'])
        .chain(tail)
        .map(clean)
        .collect()
}

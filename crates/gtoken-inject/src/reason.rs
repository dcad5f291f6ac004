//! Each outcome once: metric label, audit annotation, log field and warning all come from here.

use std::fmt;

use gtoken_contract::InvalidRoleArn;

use crate::annotation::{GOOGLE_SERVICE_ACCOUNT, INJECT_LABEL, INJECTED, ROLE_ARN, SIDECAR_MODE};

/// The longest warning in characters: past 4096 in all, the API server cuts each and drops the last.
pub const MAX_WARNING: usize = 120;

/// Why a pod is left as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Everything that would be added stands there already.
    AlreadyInjected,
    /// The annotations let no container have credentials.
    AllSkipped,
    /// A name or path that we need is taken by something else.
    Clash(Clash),
    /// A pod on the node's network would get the node's identity.
    HostNetwork,
    /// The ServiceAccount's role is no ARN of a role.
    InvalidRole {
        /// The annotation.
        annotation: String,
        /// The annotation's value, cut for display.
        value: String,
        /// What is wrong with it.
        error: InvalidRoleArn,
    },
    /// The role stands under another's prefix only and no Google account is linked: it is left over from elsewhere.
    LeftOver {
        /// The annotation.
        annotation: String,
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
    /// What the ServiceAccount asks for cannot be known now, and such a pod need not wait for it.
    UnknownServiceAccount,
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
    /// An annotation's value cannot be taken, so another's word or the default counts.
    InvalidOption {
        /// The annotation.
        annotation: String,
        /// Its value, cut for display.
        value: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Our own mark of a former injection cannot be read.
    InvalidRecord,
    /// The label stands among the annotations, where no webhook is chosen by it.
    LabelAsAnnotation,
    /// The name of an annotation is nearly one of ours.
    Misspelt {
        /// What somebody wrote.
        given: String,
        /// What is read.
        meant: String,
    },
    /// The API server would drop what makes a native sidecar one.
    NativeNotKept,
    /// No Google account is linked, so GKE gives no token.
    NoGoogleIdentity,
    /// There is no role, so nothing else has an effect.
    NoRole,
    /// A classic refresher would keep the pod from ending.
    OneHourForClassic,
    /// The API server would drop what makes a native sidecar one, and a classic one would keep the pod from ending.
    OneHourForNative,
    /// Kubelets may be too old for a native sidecar.
    OneHourForOldKubelets,
    /// A container's own variable, this one, stands where the pod's name or UID would.
    OwnPodField(&'static str),
    /// A pod cannot choose its role.
    RoleOnPod,
}

impl Reason {
    /// The name in metrics, logs and the audit log.
    pub fn label(&self) -> &'static str {
        match self {
            Self::AllSkipped => "all-skipped",
            Self::AlreadyInjected => "already-injected",
            Self::Clash(Clash::ContainerName(_)) => "clash-container-name",
            Self::Clash(Clash::MountPath { .. }) => "clash-mount-path",
            Self::Clash(Clash::VolumeName) => "clash-volume-name",
            Self::HostNetwork => "host-network",
            Self::InvalidRole { .. } => "invalid-role",
            Self::LeftOver { .. } => "left-over",
            Self::MirrorPod => "mirror-pod",
            Self::NoContainers => "no-containers",
            Self::NoRole => "no-role",
            Self::NoServiceAccount => "no-service-account",
            Self::NoServiceAccountName => "no-service-account-name",
            Self::NotAPodCreation => "not-a-pod-creation",
            Self::OptedOut => "opted-out",
            Self::UnknownServiceAccount => "unknown-service-account",
            Self::Windows => "windows",
        }
    }

    /// Whether somebody who created such a pod should be told.
    pub fn warns(&self) -> bool {
        match self {
            Self::AllSkipped
            | Self::Clash(_)
            | Self::HostNetwork
            | Self::InvalidRole { .. }
            | Self::LeftOver { .. }
            | Self::UnknownServiceAccount
            | Self::Windows => true,
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
        let text = match self {
            Self::AllSkipped => {
                "no AWS credentials: skip- or include-containers leave no container of the pod"
                    .to_owned()
            }
            Self::AlreadyInjected => "the pod is injected already".to_owned(),
            Self::Clash(clash) => clash.to_string(),
            Self::HostNetwork => {
                "no AWS credentials: with hostNetwork the pod would get the node's Google identity"
                    .to_owned()
            }
            Self::InvalidRole {
                annotation,
                value,
                error,
            } => {
                format!("{annotation} \"{value}\": {error}")
            }
            Self::LeftOver { annotation } => {
                format!(
                    "{annotation} is left alone: the ServiceAccount has no {GOOGLE_SERVICE_ACCOUNT}"
                )
            }
            Self::MirrorPod => "a static pod's mirror is never changed".to_owned(),
            Self::NoContainers => "the pod has no container".to_owned(),
            Self::NoRole => format!("the pod's ServiceAccount has no annotation {ROLE_ARN}"),
            Self::NoServiceAccount => "the pod's ServiceAccount does not exist".to_owned(),
            Self::NoServiceAccountName => "the pod names no ServiceAccount".to_owned(),
            Self::NotAPodCreation => "only the creation of a pod is looked at".to_owned(),
            Self::OptedOut => format!("the pod's label {INJECT_LABEL} declines"),
            Self::UnknownServiceAccount => {
                "no AWS credentials: the pod's ServiceAccount cannot be read just now; create the pod again soon"
                    .to_owned()
            }
            Self::Windows => {
                "no AWS credentials: the agent does not run on Windows; token-source cluster does"
                    .to_owned()
            }
        };
        f.write_str(&short(text))
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
                f.write_str("a volume of another kind has the name of gtoken's volume; rename it")
            }
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::InvalidGoogleIdentity { value } => {
                format!("{GOOGLE_SERVICE_ACCOUNT} \"{value}\" is no email address; its tokens are not checked")
            }
            Self::InvalidOption { annotation, value, problem } => {
                format!("{annotation} \"{value}\" {problem} and is ignored")
            }
            Self::InvalidRecord => {
                format!("{INJECTED} is not as gtoken wrote it; what it added before stays as it is")
            }
            Self::LabelAsAnnotation => {
                format!("{INJECT_LABEL} is an annotation here, but is read as a label only")
            }
            Self::Misspelt { given, meant } => format!("{given} is not read: {meant}?"),
            Self::NativeNotKept => {
                format!("{SIDECAR_MODE} native needs Kubernetes 1.29; an ordinary sidecar is injected")
            }
            Self::NoGoogleIdentity => {
                format!("the ServiceAccount has no {GOOGLE_SERVICE_ACCOUNT}: GKE may give the pod no token")
            }
            Self::NoRole => {
                format!("{ROLE_ARN} is missing: without it the other annotations have no effect")
            }
            Self::OneHourForClassic => {
                format!("the AWS token lasts one hour: {SIDECAR_MODE} classic would keep this pod from ending")
            }
            Self::OneHourForNative => {
                "the AWS token lasts one hour: this cluster is not known to be Kubernetes 1.29 or newer".to_owned()
            }
            Self::OneHourForOldKubelets => {
                "the AWS token lasts one hour: this cluster is not known to be Kubernetes 1.32 or newer".to_owned()
            }
            Self::OwnPodField(variable) => {
                format!("{variable} is set by the pod: the session gets no name from gtoken")
            }
            Self::RoleOnPod => {
                format!("{ROLE_ARN} on a pod is ignored: the role comes from the ServiceAccount only")
            }
        };
        f.write_str(&short(text))
    }
}

/// Keeps a warning within its length whatever prefixes the operator chose: the name, at its beginning, tells most.
fn short(text: String) -> String {
    match text.char_indices().nth(MAX_WARNING - 1) {
        Some((end, _)) if text.chars().count() > MAX_WARNING => format!("{}…", &text[..end]),
        _ => text,
    }
}

/// Keeps a text that somebody wrote on one line.
pub(crate) fn clean(text: &str) -> String {
    let visible = |c: char| if c.is_control() { '?' } else { c };
    text.chars().map(visible).collect()
}

/// Cuts a value that somebody wrote, so that a message with it stays short and on one line.
///
/// The middle goes: what is wrong with an ARN is at its beginning or its end.
pub(crate) fn cut(value: &str) -> String {
    const MAX: usize = 24;
    const HEAD: usize = 11;
    let length = value.chars().count();
    if length <= MAX {
        return clean(value);
    }
    let tail = value.chars().skip(length - (MAX - HEAD - 1));
    let short: String = value.chars().take(HEAD).chain(['…']).chain(tail).collect();
    clean(&short)
}

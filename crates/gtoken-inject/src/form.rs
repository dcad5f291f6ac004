//! Which containers keep a pod's token: the choice between classic, native and the one-shot alone.

use std::fmt;
use std::str::FromStr;

use crate::reason::Warning;
use crate::server_version::ServerVersion;

/// How the refresher is asked to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SidecarMode {
    /// As fits the pod and the cluster.
    #[default]
    Auto,
    /// As an ordinary container, the form of the Go gtoken.
    Classic,
    /// As a restartable init container, which ends with its pod.
    Native,
}

/// The text names no [`SidecarMode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sidecar modes are: auto, classic, native")]
pub struct UnknownSidecarMode;

/// What is injected beside the one-shot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// An ordinary container, last.
    Classic,
    /// A restartable init container, right after the one-shot.
    Native,
    /// Nothing: the token lasts one hour.
    OneShotOnly,
}

/// Chooses the form for a pod that `ends` by itself or does not.
///
/// A native sidecar costs a pod a kubelet round more than a classic one, so pods that do not end keep the classic form;
/// in pods that end, an ordinary container would keep the pod from ending.
pub(crate) fn choose(
    mode: SidecarMode,
    ends: bool,
    server: ServerVersion,
) -> (Form, Option<Warning>) {
    match (mode, ends) {
        (SidecarMode::Native, _) if server >= ServerVersion::KEEPS_SIDECARS => (Form::Native, None),
        (SidecarMode::Native, false) => (Form::Classic, Some(Warning::NativeNotKept)),
        (SidecarMode::Auto | SidecarMode::Classic, false) => (Form::Classic, None),
        (SidecarMode::Auto, true) if server >= ServerVersion::EVERY_KUBELET_KNOWS_SIDECARS => {
            (Form::Native, None)
        }
        (SidecarMode::Auto, true) => (Form::OneShotOnly, Some(Warning::OneHourForOldKubelets)),
        (SidecarMode::Native, true) => (Form::OneShotOnly, Some(Warning::OneHourForNative)),
        (SidecarMode::Classic, true) => (Form::OneShotOnly, Some(Warning::OneHourForClassic)),
    }
}

impl fmt::Display for SidecarMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Classic => "classic",
            Self::Native => "native",
        })
    }
}

impl FromStr for SidecarMode {
    type Err = UnknownSidecarMode;

    fn from_str(text: &str) -> Result<Self, UnknownSidecarMode> {
        match text {
            "auto" => Ok(Self::Auto),
            "classic" => Ok(Self::Classic),
            "native" => Ok(Self::Native),
            _ => Err(UnknownSidecarMode),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: ServerVersion = ServerVersion {
        major: 1,
        minor: 28,
    };
    const MIDDLE: ServerVersion = ServerVersion {
        major: 1,
        minor: 31,
    };
    const NEW: ServerVersion = ServerVersion {
        major: 1,
        minor: 32,
    };

    #[test]
    fn chooses_by_mode_end_and_server() {
        use SidecarMode::{Auto, Classic, Native};
        use Warning::{NativeNotKept, OneHourForClassic, OneHourForNative, OneHourForOldKubelets};
        for (mode, ends, server, form, warning) in [
            (Auto, false, OLD, Form::Classic, None),
            (Auto, false, NEW, Form::Classic, None),
            (
                Auto,
                true,
                MIDDLE,
                Form::OneShotOnly,
                Some(OneHourForOldKubelets),
            ),
            (Auto, true, NEW, Form::Native, None),
            (Classic, false, NEW, Form::Classic, None),
            (
                Classic,
                true,
                NEW,
                Form::OneShotOnly,
                Some(OneHourForClassic),
            ),
            (Native, false, OLD, Form::Classic, Some(NativeNotKept)),
            (Native, false, MIDDLE, Form::Native, None),
            (Native, true, OLD, Form::OneShotOnly, Some(OneHourForNative)),
            (Native, true, MIDDLE, Form::Native, None),
            (
                Native,
                true,
                ServerVersion::default(),
                Form::OneShotOnly,
                Some(OneHourForNative),
            ),
        ] {
            assert_eq!(
                choose(mode, ends, server),
                (form, warning),
                "{mode} {ends} {server:?}"
            );
        }
    }
}

//! The decision about one pod, as a value with a reason.

use crate::annotation::{ROLE_ARN, SIDECAR_MODE};
use crate::binding::{Binding, Unbound, parse_or_warn};
use crate::clash::clash;
use crate::form::{self, SidecarMode};
use crate::injection::Injection;
use crate::pod::Pod;
use crate::reason::{Reason, Warning};
use crate::server_version::ServerVersion;
use crate::settings::Settings;

/// What happens to a pod.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// It must not start without credentials and would, so it is rejected.
    Deny(Reason),
    /// It gets what is missing for it to have credentials.
    Inject(Injection),
    /// It is admitted as it is.
    Skip(Reason),
}

impl Decision {
    /// The outcome in metrics, logs and the audit log.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Inject(_) => "injected",
            Self::Deny(reason) | Self::Skip(reason) => reason.label(),
        }
    }
}

/// Decides about a pod that is about to be created.
///
/// A pod that must be injected is denied for every reason that would leave it without credentials;
/// nothing else is ever denied (ARCHITECTURE, invariant 6).
pub fn decide(
    pod: &Pod<'_>,
    binding: Result<&Binding, &Unbound>,
    settings: &Settings,
    server: ServerVersion,
) -> Decision {
    match injection(pod, binding, settings, server) {
        Ok(injection) if injection.patch().is_empty() => Decision::Skip(Reason::AlreadyInjected),
        Ok(injection) => Decision::Inject(injection),
        Err(Reason::MirrorPod) => Decision::Skip(Reason::MirrorPod),
        Err(reason) if pod.must_inject() => Decision::Deny(reason),
        Err(reason) => Decision::Skip(reason),
    }
}

fn injection(
    pod: &Pod<'_>,
    binding: Result<&Binding, &Unbound>,
    settings: &Settings,
    server: ServerVersion,
) -> Result<Injection, Reason> {
    if let Some(reason) = pod.left_alone() {
        return Err(reason);
    }
    if pod.service_account().is_none() {
        return Err(Reason::NoServiceAccountName);
    }
    let binding = binding.map_err(|unbound| Reason::from(unbound.clone()))?;
    if pod.spec.host_network {
        return Err(Reason::HostNetwork);
    }
    if pod.is_windows() {
        return Err(Reason::Windows);
    }
    if pod.spec.containers.iter().flatten().next().is_none() {
        return Err(Reason::NoContainers);
    }
    if let Some(clash) = clash(pod, settings) {
        return Err(Reason::Clash(clash));
    }
    let mut warnings = binding.warnings.clone();
    if pod.annotation(ROLE_ARN).is_some() {
        warnings.push(Warning::RoleOnPod);
    }
    let mode = sidecar_mode(pod, binding, settings, &mut warnings);
    let (form, warning) = form::choose(mode, pod.ends(), server);
    warnings.extend(warning);
    Ok(Injection::new(pod, binding, settings, form, warnings))
}

/// The pod's word goes before its ServiceAccount's, and that before the operator's.
fn sidecar_mode(
    pod: &Pod<'_>,
    binding: &Binding,
    settings: &Settings,
    warnings: &mut Vec<Warning>,
) -> SidecarMode {
    let own = parse_or_warn(pod.annotation(SIDECAR_MODE), warnings, |value| {
        Warning::InvalidSidecarMode { value }
    });
    own.or(binding.sidecar_mode)
        .unwrap_or(settings.sidecar_mode)
}

impl From<Unbound> for Reason {
    fn from(unbound: Unbound) -> Self {
        match unbound {
            Unbound::InvalidRole { value, error } => Self::InvalidRole { value, error },
            Unbound::NoRole => Self::NoRole,
            Unbound::NotFound => Self::NoServiceAccount,
        }
    }
}

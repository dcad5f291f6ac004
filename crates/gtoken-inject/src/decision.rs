//! The decision about one pod, as a value with a reason.

use crate::annotation::{INJECT_LABEL, Name};
use crate::binding::{Binding, Unbound};
use crate::clash::{clash, is_application};
use crate::form::{self, Form};
use crate::injection::{Injection, Wanted};
use crate::options::{Layers, Options, TokenSource};
use crate::patch::Patch;
use crate::pod::Pod;
use crate::reason::{Reason, Warning};
use crate::record::{InvalidRecord, Record};
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
    let mut warnings = binding.warnings.clone();
    let own = own_options(pod, settings, &mut warnings);
    let layers = Layers([&own, &binding.options, &settings.options]);
    if layers.source() == TokenSource::Google {
        serves_google(pod, binding)?;
        if !binding.is_linked {
            warnings.push(Warning::NoGoogleIdentity);
        }
    }
    let wanted = Wanted::new(pod, binding, settings, layers);
    let record = Record::of(pod).unwrap_or_else(|InvalidRecord| {
        warnings.push(Warning::InvalidRecord);
        None
    });
    let mut patch = Patch::default();
    let mut stripped = None;
    let record = match record {
        Some(record) if !wanted.agrees_with(&record) => {
            record.strip(stripped.insert(pod.clone()), &mut patch);
            Record::default()
        }
        record => record.unwrap_or_default(),
    };
    let pod = stripped.as_ref().unwrap_or(pod);
    can_take(pod, settings, &layers)?;
    let form = match layers.source() {
        // Kubelet keeps the token fresh.
        TokenSource::Cluster => Form::OneShotOnly,
        TokenSource::Google => {
            let mode = layers.first(|options| options.sidecar_mode);
            let (form, warning) = form::choose(mode.unwrap_or_default(), pod.ends(), server);
            warnings.extend(warning);
            form
        }
    };
    Ok(wanted.add_to(pod, form, patch, record, warnings))
}

/// What a pod's own annotations say.
fn own_options(pod: &Pod<'_>, settings: &Settings, warnings: &mut Vec<Warning>) -> Options {
    let annotations = pod.annotations();
    let found = settings.dialect.find(annotations.into_iter().flatten());
    if found.value(Name::RoleArn).is_some() {
        warnings.push(Warning::RoleOnPod);
    }
    if pod.annotation(INJECT_LABEL).is_some() {
        warnings.push(Warning::LabelAsAnnotation);
    }
    let own = Options::parse(&found, &settings.dialect, warnings);
    warnings.extend(found.misspelt);
    own
}

/// Whether a pod of this ServiceAccount can have tokens that Google signs.
fn serves_google(pod: &Pod<'_>, binding: &Binding) -> Result<(), Reason> {
    if let Some(annotation) = binding.foreign.as_ref().filter(|_| !binding.is_linked) {
        let annotation = annotation.clone();
        return Err(Reason::LeftOver { annotation });
    }
    if pod.spec.host_network {
        return Err(Reason::HostNetwork);
    }
    if pod.is_windows() {
        return Err(Reason::Windows);
    }
    Ok(())
}

/// Whether there is a container to give credentials to, and nothing in the way.
fn can_take(pod: &Pod<'_>, settings: &Settings, layers: &Layers<'_>) -> Result<(), Reason> {
    if pod.spec.containers.iter().flatten().next().is_none() {
        return Err(Reason::NoContainers);
    }
    if let Some(clash) = clash(pod, settings, layers) {
        return Err(Reason::Clash(clash));
    }
    let mut all = pod.spec.all_containers();
    if all.any(|container| is_application(container, layers)) {
        Ok(())
    } else {
        Err(Reason::AllSkipped)
    }
}

impl From<Unbound> for Reason {
    fn from(unbound: Unbound) -> Self {
        match unbound {
            Unbound::InvalidRole {
                annotation,
                value,
                error,
            } => Self::InvalidRole {
                annotation,
                value,
                error,
            },
            Unbound::NoRole => Self::NoRole,
            Unbound::NotFound => Self::NoServiceAccount,
        }
    }
}

//! What is added to one pod, and the patch that adds it.

use gtoken_contract::{AGENT_COMMAND, AgentFlags, Mode, env};
use serde_json::{Value, json};

use crate::annotation::{GENERATE_CONTAINER, UPDATE_CONTAINER};
use crate::binding::Binding;
use crate::decision::same_path;
use crate::form::Form;
use crate::patch::Patch;
use crate::pod::{Container, Pod};
use crate::reason::Warning;
use crate::session::{SessionValue, session_value};
use crate::settings::Settings;

/// What is added to one pod.
#[derive(Clone, Debug, PartialEq)]
pub struct Injection {
    patch: Patch,
    warnings: Vec<Warning>,
}

impl Injection {
    /// Composes what is missing; whatever stands there under its name already is left as it is.
    pub(crate) fn new(
        pod: &Pod<'_>,
        binding: &Binding,
        settings: &Settings,
        form: Form,
        warnings: Vec<Warning>,
    ) -> Self {
        let variables = variables(pod, binding, settings);
        let mut patch = Patch::default();
        for (list, containers) in [
            ("/spec/initContainers", &pod.spec.init_containers),
            ("/spec/containers", &pod.spec.containers),
        ] {
            for (index, container) in containers.iter().flatten().enumerate() {
                if !is_agent(container) {
                    patch_application(
                        &mut patch,
                        &format!("{list}/{index}"),
                        container,
                        &variables,
                        settings,
                    );
                }
            }
        }
        patch_agents(&mut patch, pod, binding, settings, form);
        patch_volume(&mut patch, pod, settings);
        Self { patch, warnings }
    }

    /// The steps that add it.
    pub fn patch(&self) -> &Patch {
        &self.patch
    }

    /// What somebody should know all the same.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}

/// An environment variable for applications.
struct Variable {
    name: &'static str,
    json: Value,
}

/// The variables that an application gets, in an order in which each refers only to earlier ones.
fn variables(pod: &Pod<'_>, binding: &Binding, settings: &Settings) -> Vec<Variable> {
    let literal = |name, value: &str| Variable {
        name,
        json: json!({"name": name, "value": escape(value)}),
    };
    let mut variables = vec![
        literal(env::AWS_WEB_IDENTITY_TOKEN_FILE, &settings.token_path()),
        literal(env::AWS_ROLE_ARN, binding.role_arn.as_str()),
        literal(env::AWS_EC2_METADATA_DISABLED, "true"),
    ];
    match session_value(pod.namespace(), pod.name()) {
        SessionValue::Known(name) => variables.push(literal(env::AWS_ROLE_SESSION_NAME, &name)),
        SessionValue::Composed(name) => {
            let pod_name = json!({"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}});
            variables.push(Variable {
                name: env::GTOKEN_POD_NAME,
                json: json!({"name": env::GTOKEN_POD_NAME, "valueFrom": pod_name}),
            });
            variables.push(Variable {
                name: env::AWS_ROLE_SESSION_NAME,
                json: json!({"name": env::AWS_ROLE_SESSION_NAME, "value": name}),
            });
        }
    }
    variables
}

/// Keeps Kubernetes from expanding `$(NAME)` in a value that is meant as it stands.
fn escape(value: &str) -> String {
    value.replace("$(", "$$(")
}

fn is_agent(container: &Container<'_>) -> bool {
    [GENERATE_CONTAINER, UPDATE_CONTAINER].contains(&&*container.name)
}

/// Adds the mount and those variables that the user has not set.
fn patch_application(
    patch: &mut Patch,
    at: &str,
    container: &Container<'_>,
    variables: &[Variable],
    settings: &Settings,
) {
    let has = |name: &str| {
        container
            .env
            .iter()
            .flatten()
            .any(|variable| *variable.name == *name)
    };
    // The pod's name serves the session's name only, so a user's session name makes both unnecessary.
    let wanted = |variable: &&Variable| {
        let serves_session =
            variable.name == env::GTOKEN_POD_NAME && has(env::AWS_ROLE_SESSION_NAME);
        !has(variable.name) && !serves_session
    };
    let missing = variables
        .iter()
        .filter(wanted)
        .map(|variable| variable.json.clone())
        .collect();
    patch.append(&format!("{at}/env"), container.env.is_some(), missing);

    let mut mounts = container.volume_mounts.iter().flatten();
    if !mounts.any(|mount| same_path(&mount.mount_path, &settings.volume_path)) {
        let mount = json!({"name": settings.volume_name, "mountPath": settings.volume_path, "readOnly": true});
        patch.append(
            &format!("{at}/volumeMounts"),
            container.volume_mounts.is_some(),
            vec![mount],
        );
    }
}

/// Adds the gate before all init containers, and the refresher as the form has it.
fn patch_agents(
    patch: &mut Patch,
    pod: &Pod<'_>,
    binding: &Binding,
    settings: &Settings,
    form: Form,
) {
    let has = |name: &str| {
        pod.spec
            .all_containers()
            .any(|container| *container.name == *name)
    };
    let mut first = Vec::new();
    if !has(GENERATE_CONTAINER) {
        first.push(agent(GENERATE_CONTAINER, Mode::OneShot, binding, settings));
    }
    let refresher =
        (!has(UPDATE_CONTAINER)).then(|| agent(UPDATE_CONTAINER, Mode::Refresh, binding, settings));
    let mut last = Vec::new();
    match (form, refresher) {
        (Form::Native, Some(mut refresher)) => {
            refresher["restartPolicy"] = json!("Always");
            first.push(refresher);
        }
        (Form::Classic, Some(refresher)) => last.push(refresher),
        (Form::OneShotOnly, _) | (_, None) => {}
    }
    patch.prepend(
        "/spec/initContainers",
        pod.spec.init_containers.is_some(),
        first,
    );
    patch.append("/spec/containers", pod.spec.containers.is_some(), last);
}

/// Memory holds the token, so that it never reaches a disk; the size bounds what a broken agent could take.
fn patch_volume(patch: &mut Patch, pod: &Pod<'_>, settings: &Settings) {
    let mut volumes = pod.spec.volumes.iter().flatten();
    if !volumes.any(|volume| *volume.name == settings.volume_name) {
        let volume = json!({"name": settings.volume_name, "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}});
        patch.append("/spec/volumes", pod.spec.volumes.is_some(), vec![volume]);
    }
}

/// A container that runs the agent and satisfies Pod Security `restricted` on its own.
fn agent(name: &str, mode: Mode, binding: &Binding, settings: &Settings) -> Value {
    let defaults = AgentFlags::default();
    let flags = AgentFlags {
        mode,
        file: Some(settings.token_path()),
        audience: settings.audience.clone(),
        expect_identity: binding.google_identity.clone(),
        // No application starts before its token, so the gate waits for whatever passes by itself.
        timeout: if mode == Mode::OneShot {
            None
        } else {
            defaults.timeout
        },
        ..defaults
    };
    let resources = &settings.resources;
    let args: Vec<String> = flags.to_args().iter().map(|arg| escape(arg)).collect();
    json!({
        "name": name,
        "image": settings.image,
        "imagePullPolicy": settings.pull_policy.to_string(),
        "command": [AGENT_COMMAND],
        "args": args,
        "resources": {
            "requests": {"cpu": resources.cpu_request, "memory": resources.memory_request},
            "limits": {"cpu": resources.cpu_limit, "memory": resources.memory_limit},
        },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": true,
            "runAsNonRoot": true,
            "runAsUser": settings.run_as_user,
            "runAsGroup": settings.run_as_user,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumeMounts": [{"name": settings.volume_name, "mountPath": settings.volume_path}],
    })
}

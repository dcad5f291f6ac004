//! What is added to one pod, and the patch that adds it.

use gtoken_contract::{AGENT_COMMAND, AgentFlags, Mode, Source, env};
use serde_json::{Value, json};

use crate::annotation::{GENERATE_CONTAINER, UPDATE_CONTAINER};
use crate::binding::Binding;
use crate::clash::{agent_name, shows_token};
use crate::form::Form;
use crate::patch::Patch;
use crate::pod::{Container, Pod};
use crate::reason::Warning;
use crate::session::{SessionValue, session_value};
use crate::settings::{AgentResources, Settings};

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
        mut warnings: Vec<Warning>,
    ) -> Self {
        let variables = variables(pod, binding, settings);
        let mut patch = Patch::default();
        for (list, containers) in [
            ("/spec/initContainers", &pod.spec.init_containers),
            ("/spec/containers", &pod.spec.containers),
        ] {
            for (index, container) in containers.iter().flatten().enumerate() {
                if agent_name(container).is_none() {
                    let at = format!("{list}/{index}");
                    let takes_name =
                        patch_application(&mut patch, &at, container, &variables, settings);
                    if !takes_name && !warnings.contains(&Warning::OwnPodName) {
                        warnings.push(Warning::OwnPodName);
                    }
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
        SessionValue::Known(name) => {
            variables.push(literal(env::AWS_ROLE_SESSION_NAME, name.as_str()));
        }
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

/// Keeps Kubernetes from expanding a value that is meant as it stands: it reads `$$` as `$`.
fn escape(value: &str) -> String {
    value.replace('$', "$$")
}

/// Adds the mount and those variables that the user has not set.
///
/// False if the session gets no name because the pod's name stands under another's variable.
fn patch_application(
    patch: &mut Patch,
    at: &str,
    container: &Container<'_>,
    variables: &[Variable],
    settings: &Settings,
) -> bool {
    let has_session_name = container.sets(env::AWS_ROLE_SESSION_NAME);
    let mut own = container
        .env
        .iter()
        .flatten()
        .filter(|set| *set.name == *env::GTOKEN_POD_NAME);
    let composes = variables
        .iter()
        .any(|variable| variable.name == env::GTOKEN_POD_NAME);
    let is_foreign = composes && own.any(|set| !set.is_pod_name());
    let wanted = |variable: &&Variable| match variable.name {
        // The pod's name serves the session's name only, so without the one there is no use for the other.
        env::GTOKEN_POD_NAME | env::AWS_ROLE_SESSION_NAME if has_session_name || is_foreign => {
            false
        }
        name => !container.sets(name),
    };
    let missing = variables
        .iter()
        .filter(wanted)
        .map(|variable| variable.json.clone())
        .collect();
    patch.append(&format!("{at}/env"), container.env.is_some(), missing);

    if !shows_token(container, settings) {
        let mount = json!({"name": settings.volume_name, "mountPath": settings.volume_path, "readOnly": true});
        patch.append(
            &format!("{at}/volumeMounts"),
            container.volume_mounts.is_some(),
            vec![mount],
        );
    }
    has_session_name || !is_foreign
}

/// Adds the gate before all init containers, and the refresher as the form has it.
fn patch_agents(
    patch: &mut Patch,
    pod: &Pod<'_>,
    binding: &Binding,
    settings: &Settings,
    form: Form,
) {
    let agent = |name, mode| agent(name, mode, pod, binding, settings);
    let init_containers = pod.spec.init_containers.as_deref();
    let gate = init_containers
        .iter()
        .copied()
        .flatten()
        .position(|container| *container.name == *GENERATE_CONTAINER);
    let has_refresher = pod
        .spec
        .all_containers()
        .any(|container| *container.name == *UPDATE_CONTAINER);
    let mut first = Vec::new();
    if gate.is_none() {
        first.push(agent(GENERATE_CONTAINER, Mode::OneShot));
    }
    let mut last = Vec::new();
    match form {
        Form::Native if !has_refresher => {
            let mut refresher = agent(UPDATE_CONTAINER, Mode::Refresh);
            refresher["restartPolicy"] = json!("Always");
            first.push(refresher);
        }
        Form::Classic if !has_refresher => last.push(agent(UPDATE_CONTAINER, Mode::Refresh)),
        Form::Classic | Form::Native | Form::OneShotOnly => {}
    }
    // A refresher beside a gate that is there already comes right after it.
    let at = gate.map_or(0, |gate| gate + 1);
    patch.insert("/spec/initContainers", init_containers.is_some(), at, first);
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
fn agent(name: &str, mode: Mode, pod: &Pod<'_>, binding: &Binding, settings: &Settings) -> Value {
    let defaults = AgentFlags::default();
    let flags = AgentFlags {
        mode,
        file: Some(settings.token_path()),
        audience: settings.audience.clone(),
        // Whatever else lies in the image or the node's environment, a pod is its own identity.
        source: Source::Metadata,
        expect_identity: binding.google_identity.clone(),
        // No application starts before its token, so the gate waits for whatever passes by itself.
        timeout: if mode == Mode::OneShot {
            None
        } else {
            defaults.timeout
        },
        ..defaults
    };
    let args: Vec<String> = flags.to_args().iter().map(|arg| escape(arg)).collect();
    let mut container = json!({
        "name": name,
        "image": settings.image,
        "imagePullPolicy": settings.pull_policy.to_string(),
        "command": [AGENT_COMMAND],
        "args": args,
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
    });
    // Where the pod has a budget as a whole, what containers ask for must not go beyond it.
    if !pod.has_own_resources() {
        container["resources"] = resources(&settings.resources);
    }
    container
}

fn resources(resources: &AgentResources) -> Value {
    json!({
        "requests": {"cpu": resources.cpu_request, "memory": resources.memory_request},
        "limits": {"cpu": resources.cpu_limit, "memory": resources.memory_limit},
    })
}

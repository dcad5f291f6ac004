//! The containers that run the agent.

use gtoken_contract::{AGENT_COMMAND, AgentFlags, Mode, Source};
use serde_json::{Value, json};

use crate::annotation::{GENERATE_CONTAINER, UPDATE_CONTAINER};
use crate::binding::Binding;
use crate::options::Layers;
use crate::settings::{AgentResources, Settings};
use crate::variables::escape;

/// How the agent is started in a pod.
pub(crate) struct Agent<'a> {
    settings: &'a Settings,
    gate: Vec<String>,
    refresher: Vec<String>,
}

impl<'a> Agent<'a> {
    pub(crate) fn new(settings: &'a Settings, binding: &Binding, layers: &Layers<'_>) -> Self {
        let defaults = AgentFlags::default();
        let flags = AgentFlags {
            file: Some(settings.token_path()),
            audience: layers.audience(),
            // Whatever else lies in the image or the node's environment, a pod is its own identity.
            source: Source::Metadata,
            expect_identity: binding.google_identity.clone(),
            ..defaults
        };
        let args = |flags: &AgentFlags| {
            let args = flags.to_args();
            let all = args.iter().chain(&settings.agent_flags);
            all.map(|arg| escape(arg)).collect()
        };
        Self {
            settings,
            gate: args(&AgentFlags {
                mode: Mode::OneShot,
                // No application starts before its token, so the gate waits for whatever passes by itself.
                timeout: None,
                ..flags.clone()
            }),
            refresher: args(&flags),
        }
    }

    /// The container that no application starts before.
    pub(crate) fn gate(&self, has_budget: bool) -> Value {
        self.container(GENERATE_CONTAINER, has_budget)
    }

    /// The container that keeps the token fresh.
    pub(crate) fn refresher(&self, has_budget: bool) -> Value {
        self.container(UPDATE_CONTAINER, has_budget)
    }

    /// The image, then the arguments, of the container of this name.
    pub(crate) fn image_and_args(&self, name: &str) -> impl Iterator<Item = &str> {
        let args = if name == GENERATE_CONTAINER {
            &self.gate
        } else {
            &self.refresher
        };
        [&self.settings.image]
            .into_iter()
            .chain(args)
            .map(String::as_str)
    }

    /// A container that satisfies Pod Security `restricted` on its own.
    ///
    /// Where the pod has a budget as a whole, what containers ask for must not go beyond it.
    fn container(&self, name: &str, has_budget: bool) -> Value {
        let settings = self.settings;
        let args: Vec<_> = self.image_and_args(name).skip(1).collect();
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
        if !has_budget {
            container["resources"] = resources(&settings.resources);
        }
        container
    }
}

fn resources(resources: &AgentResources) -> Value {
    json!({
        "requests": {"cpu": resources.cpu_request, "memory": resources.memory_request},
        "limits": {"cpu": resources.cpu_limit, "memory": resources.memory_limit},
    })
}

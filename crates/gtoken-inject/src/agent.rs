//! The containers that run the agent.

use gtoken_contract::{AGENT_COMMAND, AgentFlags, Mode, Source};

use crate::annotation::{GENERATE_CONTAINER, UPDATE_CONTAINER};
use crate::binding::Binding;
use crate::json::quoted;
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
            let args = flags.to_args().into_iter();
            let all = args.chain(settings.agent_flags.iter().cloned());
            all.map(escape).collect()
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

    /// The container that no application starts before, in JSON.
    pub(crate) fn gate(&self, has_budget: bool) -> String {
        self.container(GENERATE_CONTAINER, has_budget, "")
    }

    /// The container that keeps the token fresh, in JSON; one that starts before the applications restarts by itself.
    pub(crate) fn refresher(&self, has_budget: bool, is_native: bool) -> String {
        let policy = if is_native {
            r#","restartPolicy":"Always""#
        } else {
            ""
        };
        self.container(UPDATE_CONTAINER, has_budget, policy)
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

    /// A container that satisfies Pod Security `restricted` on its own, with more members at its end.
    ///
    /// Where the pod has a budget as a whole, what containers ask for must not go beyond it.
    fn container(&self, name: &str, has_budget: bool, more: &str) -> String {
        let settings = self.settings;
        let args: Vec<_> = self.image_and_args(name).skip(1).map(quoted).collect();
        let user = settings.run_as_user.to_string();
        let resources = if has_budget {
            String::new()
        } else {
            resources(&settings.resources)
        };
        [
            r#"{"name":"#,
            &quoted(name),
            r#","image":"#,
            &quoted(&settings.image),
            r#","imagePullPolicy":"#,
            &quoted(&settings.pull_policy.to_string()),
            r#","command":["#,
            &quoted(AGENT_COMMAND),
            r#"],"args":["#,
            &args.join(","),
            r#"],"securityContext":{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]},"#,
            r#""readOnlyRootFilesystem":true,"runAsNonRoot":true,"runAsUser":"#,
            &user,
            r#","runAsGroup":"#,
            &user,
            r#","seccompProfile":{"type":"RuntimeDefault"}},"volumeMounts":[{"name":"#,
            &quoted(&settings.volume_name),
            r#","mountPath":"#,
            &quoted(&settings.volume_path),
            "}]",
            &resources,
            more,
            "}",
        ]
        .concat()
    }
}

/// What the container asks for, as a member that follows another.
fn resources(resources: &AgentResources) -> String {
    let of = |cpu: &str, memory: &str| {
        let (cpu, memory) = (quoted(cpu), quoted(memory));
        [r#"{"cpu":"#, &cpu, r#","memory":"#, &memory, "}"].concat()
    };
    let requests = of(&resources.cpu_request, &resources.memory_request);
    let limits = of(&resources.cpu_limit, &resources.memory_limit);
    [
        r#","resources":{"requests":"#,
        &requests,
        r#","limits":"#,
        &limits,
        "}",
    ]
    .concat()
}

//! The containers that run the agent.

use gtoken_contract::{AGENT_COMMAND, AgentFlags, Mode, Source};

use crate::annotation::{GENERATE_CONTAINER, UPDATE_CONTAINER};
use crate::binding::Binding;
use crate::json::write;
use crate::options::Layers;
use crate::patch::Json;
use crate::settings::{AgentResources, Settings};
use crate::variables::escape;

/// More bytes than the arguments have.
const USUAL: usize = 512;

/// How the agent is started in a pod.
pub(crate) struct Agent<'a> {
    settings: &'a Settings,
    gate: Args,
    refresher: Args,
}

/// Arguments, one behind the other.
struct Args {
    all: String,
    ends: Vec<usize>,
}

impl<'a> Agent<'a> {
    pub(crate) fn new(
        settings: &'a Settings,
        binding: &Binding,
        layers: &Layers<'_>,
        token_path: &str,
    ) -> Self {
        let mut flags = AgentFlags {
            file: Some(token_path.to_owned()),
            audience: layers.audience(),
            // Whatever else lies in the image or the node's environment, a pod is its own identity.
            source: Source::Metadata,
            expect_identity: binding.google_identity.clone(),
            ..AgentFlags::default()
        };
        let refresher = Args::of(&flags, settings);
        flags.mode = Mode::OneShot;
        // No application starts before its token, so the gate waits for whatever passes by itself.
        flags.timeout = None;
        Self {
            settings,
            gate: Args::of(&flags, settings),
            refresher,
        }
    }

    /// The container that no application starts before.
    pub(crate) fn gate(&self, has_budget: bool) -> AgentContainer<'_> {
        AgentContainer {
            agent: self,
            name: GENERATE_CONTAINER,
            has_budget,
            restarts: false,
        }
    }

    /// The container that keeps the token fresh; one that starts before the applications restarts by itself.
    pub(crate) fn refresher(&self, has_budget: bool, is_native: bool) -> AgentContainer<'_> {
        AgentContainer {
            agent: self,
            name: UPDATE_CONTAINER,
            has_budget,
            restarts: is_native,
        }
    }

    /// The image, then the arguments, of the container of this name.
    pub(crate) fn image_and_args(&self, name: &str) -> impl Iterator<Item = &str> {
        [&*self.settings.image]
            .into_iter()
            .chain(self.args(name).iter())
    }

    fn args(&self, name: &str) -> &Args {
        if name == GENERATE_CONTAINER {
            &self.gate
        } else {
            &self.refresher
        }
    }
}

/// A container that satisfies Pod Security `restricted` on its own.
pub(crate) struct AgentContainer<'a> {
    agent: &'a Agent<'a>,
    name: &'static str,
    /// Whether the pod has a budget as a whole: what containers ask for must not go beyond it.
    has_budget: bool,
    restarts: bool,
}

impl Json for AgentContainer<'_> {
    fn write(&self, json: &mut String) {
        let settings = self.agent.settings;
        let before_command = [
            (r#"{"name":"#, self.name),
            (r#","image":"#, &*settings.image),
            (r#","imagePullPolicy":"#, settings.pull_policy.as_str()),
            (r#","command":["#, AGENT_COMMAND),
        ];
        write(json, &before_command);
        for (index, arg) in self.agent.args(self.name).iter().enumerate() {
            let before = if index == 0 { r#"],"args":["# } else { "," };
            write(json, &[(before, arg)]);
        }
        let user = settings.run_as_user.to_string();
        json.extend([
            r#"],"securityContext":{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]},"#,
            r#""readOnlyRootFilesystem":true,"runAsNonRoot":true,"runAsUser":"#,
            &user,
            r#","runAsGroup":"#,
            &user,
            r#","seccompProfile":{"type":"RuntimeDefault"}}"#,
        ]);
        let mount = [
            (r#","volumeMounts":[{"name":"#, &*settings.volume_name),
            (r#","mountPath":"#, &*settings.volume_path),
        ];
        write(json, &mount);
        json.push_str("}]");
        if !self.has_budget {
            write(json, &resources(&settings.resources));
            json.push_str("}}");
        }
        if self.restarts {
            json.push_str(r#","restartPolicy":"Always""#);
        }
        json.push('}');
    }
}

impl Args {
    fn of(flags: &AgentFlags, settings: &Settings) -> Self {
        let mut args = Self {
            all: String::with_capacity(USUAL),
            ends: Vec::with_capacity(8),
        };
        flags.each(|name, value| args.push(&["--", name, "=", value]));
        for flag in &settings.agent_flags {
            args.push(&[flag]);
        }
        args
    }

    fn push(&mut self, parts: &[&str]) {
        self.all.extend(parts.iter().map(|part| escape(part)));
        self.ends.push(self.all.len());
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        let begins = [0].into_iter().chain(self.ends.iter().copied());
        let parts = begins.zip(&self.ends);
        parts.map(|(begin, end)| &self.all[begin..*end])
    }
}

/// What the container asks for, as a member that follows another and is not closed.
fn resources(resources: &AgentResources) -> [(&'static str, &str); 4] {
    [
        (
            r#","resources":{"requests":{"cpu":"#,
            &resources.cpu_request,
        ),
        (r#","memory":"#, &resources.memory_request),
        (r#"},"limits":{"cpu":"#, &resources.cpu_limit),
        (r#","memory":"#, &resources.memory_limit),
    ]
}

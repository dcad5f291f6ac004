//! What is added to one pod, and the patch that adds it.

use std::borrow::Cow;

use crate::agent::Agent;
use crate::annotation::{GENERATE_CONTAINER, INJECTED, UPDATE_CONTAINER};
use crate::binding::Binding;
use crate::clash::{is_application, shows_token};
use crate::form::Form;
use crate::json::{quoted, write};
use crate::options::{Layers, TokenSource};
use crate::patch::{Json as _, Patch};
use crate::pod::{Container, Pod};
use crate::reason::Warning;
use crate::record::Record;
use crate::settings::Settings;
use crate::variables::{Subset, Variables};

/// What is added to one pod.
#[derive(Clone, Debug, PartialEq)]
pub struct Injection {
    patch: Patch,
    warnings: Vec<Warning>,
}

/// More bytes than a mount has, or the path to one.
const USUAL: usize = 160;

/// All that a pod should have, whatever it has already.
pub(crate) struct Wanted<'a> {
    settings: &'a Settings,
    layers: Layers<'a>,
    variables: Variables<'a>,
    /// The mount of applications, in JSON.
    mount: String,
    /// None where kubelet gets the tokens.
    agent: Option<Agent<'a>>,
}

impl<'a> Wanted<'a> {
    pub(crate) fn new(
        pod: &Pod<'_>,
        binding: &'a Binding,
        settings: &'a Settings,
        layers: Layers<'a>,
    ) -> Self {
        let token_path = if pod.is_windows() {
            settings.windows_token_path()
        } else {
            settings.token_path()
        };
        let mut mount = String::with_capacity(USUAL);
        let place = [
            (r#"{"name":"#, &*settings.volume_name),
            (r#","mountPath":"#, &*settings.volume_path),
        ];
        write(&mut mount, &place);
        mount.push_str(r#","readOnly":true}"#);
        let needs_agent = layers.source() == TokenSource::Google;
        Self {
            settings,
            layers,
            variables: Variables::new(pod, binding, &layers, &token_path),
            mount,
            // Agents run on Linux only.
            agent: needs_agent.then(|| Agent::new(settings, binding, &layers, &token_path)),
        }
    }

    /// Whether all that a record tells of would be added the same way today.
    pub(crate) fn agrees_with(&self, record: &Record<'_>) -> bool {
        let has_agent = |(name, recorded): (&Cow<'_, str>, &Vec<Cow<'_, str>>)| {
            let wanted = self.agent.as_ref();
            wanted.is_some_and(|agent| agent.image_and_args(name).eq(recorded))
        };
        let mut env = record.env.iter();
        let volume = self.volume_record();
        record.agents.iter().all(has_agent)
            && env.all(|(name, content)| self.variables.hold(name, content))
            && record
                .mount
                .as_ref()
                .is_none_or(|path| *path == self.settings.volume_path)
            && record
                .volume
                .as_ref()
                .is_none_or(|recorded| *recorded == volume)
    }

    /// Adds what is missing; whatever stands there under its name already is left as it is.
    ///
    /// The patch may have taken away before what a record told of, which the pod then does not hold any more.
    pub(crate) fn add_to(
        &'a self,
        pod: &Pod<'_>,
        form: Form,
        mut patch: Patch,
        mut record: Record<'a>,
        mut warnings: Vec<Warning>,
    ) -> Injection {
        let mut told = Subset::default();
        let mut at = String::with_capacity(USUAL);
        for (list, containers) in [
            ("/spec/initContainers/", &pod.spec.init_containers),
            ("/spec/containers/", &pod.spec.containers),
        ] {
            for (index, container) in containers.iter().flatten().enumerate() {
                if is_application(container, &self.layers) {
                    at.clear();
                    at.extend([list, &index.to_string()]);
                    told |= self.add_to_application(container, &mut at, &mut patch, &mut record);
                    let obstacle = self.variables.obstacle(container).map(Warning::OwnPodField);
                    warnings.extend(obstacle.filter(|warning| !warnings.contains(warning)));
                }
            }
        }
        for variable in self.variables.those(told) {
            let content = Cow::Borrowed(&*variable.content);
            record.env.insert(variable.name.into(), content);
        }
        if let Some(agent) = &self.agent {
            self.add_agents(agent, pod, form, &mut patch, &mut record);
        }
        self.add_volume(pod, &mut patch, &mut record);
        if !patch.is_empty() {
            tell(pod, &record, &mut patch);
        }
        Injection { patch, warnings }
    }

    /// Gives the variables that it added; behind where the container is, paths are written and taken away again.
    fn add_to_application(
        &'a self,
        container: &Container<'_>,
        at: &mut String,
        patch: &mut Patch,
        record: &mut Record<'a>,
    ) -> Subset {
        let missing = self.variables.missing(container);
        let variables = self.variables.those(missing);
        let values = variables.map(|variable| &variable.json);
        let end = at.len();
        at.push_str("/env");
        patch.append(at, container.env.is_some(), values);
        at.truncate(end);

        let settings = self.settings;
        if !shows_token(container, settings) {
            record.mount = Some(settings.volume_path.as_str().into());
            at.push_str("/volumeMounts");
            patch.append(at, container.volume_mounts.is_some(), [&self.mount]);
        }
        missing
    }

    /// Adds the gate before all init containers, and the refresher as the form has it.
    fn add_agents(
        &'a self,
        agent: &'a Agent<'_>,
        pod: &Pod<'_>,
        form: Form,
        patch: &mut Patch,
        record: &mut Record<'a>,
    ) {
        let has_budget = pod.has_own_resources();
        let init_containers = pod.spec.init_containers.as_deref();
        let mut inits = init_containers.unwrap_or_default().iter();
        let gate = inits.position(|container| *container.name == *GENERATE_CONTAINER);
        let mut all = pod.spec.all_containers();
        let has_refresher = all.any(|container| *container.name == *UPDATE_CONTAINER);
        let mut tell = |name: &'static str| {
            let texts = agent.image_and_args(name).map(Cow::Borrowed);
            record.agents.insert(name.into(), texts.collect());
        };
        let mut first = Vec::new();
        if gate.is_none() {
            tell(GENERATE_CONTAINER);
            first.push(agent.gate(has_budget));
        }
        let mut last = Vec::new();
        if form != Form::OneShotOnly && !has_refresher {
            tell(UPDATE_CONTAINER);
            let is_native = form == Form::Native;
            let place = if is_native { &mut first } else { &mut last };
            place.push(agent.refresher(has_budget, is_native));
        }
        if !(first.is_empty() && last.is_empty()) {
            self.add_pull_secrets(pod, patch);
        }
        // A refresher beside a gate that is there already comes right after it.
        let at = gate.map_or(0, |gate| gate + 1);
        patch.insert("/spec/initContainers", init_containers.is_some(), at, first);
        patch.append("/spec/containers", pod.spec.containers.is_some(), last);
    }

    fn add_pull_secrets(&self, pod: &Pod<'_>, patch: &mut Patch) {
        let present = &pod.spec.image_pull_secrets;
        let is_missing = |name: &&String| {
            !present
                .iter()
                .flatten()
                .any(|secret| *secret.name == ***name)
        };
        let wanted = self.settings.image_pull_secrets.iter().filter(is_missing);
        let missing: Vec<_> = wanted
            .map(|name| [r#"{"name":"#, &quoted(name), "}"].concat())
            .collect();
        patch.append("/spec/imagePullSecrets", present.is_some(), missing);
    }

    fn add_volume(&'a self, pod: &Pod<'_>, patch: &mut Patch, record: &mut Record<'a>) {
        let name = &self.settings.volume_name;
        let mut volumes = pod.spec.volumes.iter().flatten();
        if !volumes.any(|volume| *volume.name == **name) {
            record.volume = Some(self.volume_record());
            let exists = pod.spec.volumes.is_some();
            patch.append("/spec/volumes", exists, [self.volume()]);
        }
    }

    /// Memory holds the token, so that it never reaches a disk; the size bounds what a broken agent could take.
    fn volume(&self) -> String {
        let settings = self.settings;
        let name = quoted(&settings.volume_name);
        if self.agent.is_some() {
            let volume = r#","emptyDir":{"medium":"Memory","sizeLimit":"1Mi"}}"#;
            return [r#"{"name":"#, &name, volume].concat();
        }
        let audience = self.layers.audience();
        [
            r#"{"name":"#,
            &name,
            r#","projected":{"sources":[{"serviceAccountToken":{"audience":"#,
            &quoted(audience.as_str()),
            r#","expirationSeconds":"#,
            &self.layers.expiration().to_string(),
            r#","path":"#,
            &quoted(&settings.token_file),
            "}}]}}",
        ]
        .concat()
    }

    fn volume_record(&self) -> (Cow<'a, str>, Cow<'a, str>) {
        let settings = self.settings;
        let content = if self.agent.is_some() {
            Cow::Borrowed("emptyDir")
        } else {
            let seconds = self.layers.expiration();
            let audience = self.layers.audience();
            format!("{} for {audience}, {seconds} s", settings.token_file).into()
        };
        (settings.volume_name.as_str().into(), content)
    }
}

/// Writes the record where the pod has a place for it; an API server sends none without metadata.
fn tell(pod: &Pod<'_>, record: &Record<'_>, patch: &mut Patch) {
    let Some(mut annotations) = pod.annotations() else {
        return;
    };
    if annotations.next().is_some() {
        let member = INJECTED.replace('/', "~1");
        patch.add(&["/metadata/annotations/", &member].concat(), record);
    } else {
        let mut annotations = String::new();
        write(&mut annotations, &[("{", INJECTED)]);
        annotations.push(':');
        record.write(&mut annotations);
        annotations.push('}');
        patch.add("/metadata/annotations", &annotations);
    }
}

impl Injection {
    /// The steps that add it.
    pub fn patch(&self) -> &Patch {
        &self.patch
    }

    /// What somebody should know all the same.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}

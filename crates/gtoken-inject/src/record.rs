//! What we added to a pod, as the pod itself tells: the annotation by which a pod seen before is brought up to date.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;

use crate::annotation::{GENERATE_CONTAINER, INJECTED, UPDATE_CONTAINER};
use crate::json::quote_within;
use crate::patch::{Json, Patch};
use crate::pod::{Container, Pod};
use crate::variables::may_be_ours;

/// What was added to a pod. Only what still equals it is ours; all else is the user's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Record<'a> {
    /// Our containers by name, each its image and then its arguments.
    pub(crate) agents: BTreeMap<Cow<'a, str>, Vec<Cow<'a, str>>>,
    /// Variables by name, each its value or the field of the pod that it holds.
    pub(crate) env: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    /// Where the volume is mounted.
    pub(crate) mount: Option<Cow<'a, str>>,
    /// The volume's name, and what is in it.
    pub(crate) volume: Option<(Cow<'a, str>, Cow<'a, str>)>,
}

/// The annotation holds something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InvalidRecord;

impl Record<'_> {
    /// Reads a pod's record; without one nothing in it is ours.
    pub(crate) fn of(pod: &Pod<'_>) -> Result<Option<Self>, InvalidRecord> {
        let text = pod.annotation(INJECTED);
        let record = text.map(serde_json::from_str).transpose();
        record.map_err(|_| InvalidRecord)
    }

    /// Takes out of a pod what is ours still; the patch does the same to the pod that was sent.
    pub(crate) fn strip(&self, pod: &mut Pod<'_>, patch: &mut Patch) {
        for (list, containers) in [
            ("/spec/initContainers", &mut pod.spec.init_containers),
            ("/spec/containers", &mut pod.spec.containers),
        ] {
            let Some(containers) = containers else {
                continue;
            };
            take(containers, list, patch, |container| {
                self.is_agent(container)
            });
            for (index, container) in containers.iter_mut().enumerate() {
                self.strip_application(container, &format!("{list}/{index}"), patch);
            }
        }
        let name = self.volume.as_ref().map(|(name, _)| &**name);
        let mounts = pod.spec.all_containers().flat_map(Container::mounts);
        // A volume that somebody else mounts too has to stay, or the API server would reject the pod.
        let is_used = mounts.into_iter().any(|mount| Some(&*mount.name) == name);
        if let Some(volumes) = pod.spec.volumes.as_mut().filter(|_| !is_used) {
            take(volumes, "/spec/volumes", patch, |volume| {
                let is_ours = volume.empty_dir.is_some() || volume.projected.is_some();
                is_ours && Some(&*volume.name) == name
            });
        }
    }

    fn is_agent(&self, container: &Container<'_>) -> bool {
        let is_ours = [GENERATE_CONTAINER, UPDATE_CONTAINER].contains(&&*container.name);
        let recorded = self.agents.get(&*container.name).filter(|_| is_ours);
        recorded.is_some_and(|recorded| container.image_and_args().eq(recorded))
    }

    fn strip_application(&self, container: &mut Container<'_>, at: &str, patch: &mut Patch) {
        if let Some(env) = &mut container.env {
            take(env, &format!("{at}/env"), patch, |variable| {
                // Whoever writes a record of his own gets nothing else removed by it.
                let recorded = self.env.get(&*variable.name);
                let recorded = recorded.filter(|_| may_be_ours(&variable.name));
                recorded.is_some_and(|content| *content == *variable.content())
            });
        }
        if let (Some(mounts), Some((volume, _)), Some(path)) =
            (&mut container.volume_mounts, &self.volume, &self.mount)
        {
            take(mounts, &format!("{at}/volumeMounts"), patch, |mount| {
                let is_whole = mount.read_only && mount.is_whole();
                is_whole && *mount.name == **volume && *mount.mount_path == **path
            });
        }
    }
}

/// The annotation's value, as a JSON string.
impl Json for Record<'_> {
    fn write(&self, json: &mut String) {
        json.push_str(r#""{"#);
        let start = json.len();
        let member = |name, json: &mut String| {
            json.push_str(if json.len() > start { "," } else { "" });
            quote_within(name, json);
            json.push(':');
        };
        if !self.agents.is_empty() {
            member("agents", json);
            map(&self.agents, json, |texts, json| list(texts, json));
        }
        if !self.env.is_empty() {
            member("env", json);
            map(&self.env, json, |content, json| quote_within(content, json));
        }
        if let Some(path) = &self.mount {
            member("mount", json);
            quote_within(path, json);
        }
        if let Some((name, content)) = &self.volume {
            member("volume", json);
            list([name, content], json);
        }
        json.push_str(r#"}""#);
    }
}

fn map<T>(map: &BTreeMap<Cow<'_, str>, T>, json: &mut String, write: impl Fn(&T, &mut String)) {
    json.push('{');
    for (index, (name, value)) in map.iter().enumerate() {
        json.push_str(if index > 0 { "," } else { "" });
        quote_within(name, json);
        json.push(':');
        write(value, json);
    }
    json.push('}');
}

fn list<'a>(texts: impl IntoIterator<Item = &'a Cow<'a, str>>, json: &mut String) {
    json.push('[');
    for (index, text) in texts.into_iter().enumerate() {
        json.push_str(if index > 0 { "," } else { "" });
        quote_within(text, json);
    }
    json.push(']');
}

/// Takes elements away, the last one first so that the places of the others stay.
fn take<T>(list: &mut Vec<T>, at: &str, patch: &mut Patch, is_ours: impl Fn(&T) -> bool) {
    for index in (0..list.len()).rev() {
        if is_ours(&list[index]) {
            list.remove(index);
            patch.remove(at, index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_reads_back() {
        let text = |text: &'static str| Cow::Borrowed(text);
        let whole = Record {
            agents: BTreeMap::from([
                (text("a"), vec![text("image"), text("--x=\"\\\n")]),
                (text("b"), vec![]),
            ]),
            env: BTreeMap::from([(text("AWS_A"), text("$$ü")), (text("AWS_B"), text(""))]),
            mount: Some(text("/var/run")),
            volume: Some((text("name"), text("emptyDir"))),
        };
        let without_agents = Record {
            agents: BTreeMap::new(),
            ..whole.clone()
        };
        for record in [Record::default(), without_agents, whole] {
            let mut json = String::new();
            record.write(&mut json);
            let json: String = serde_json::from_str(&json).unwrap();
            assert_eq!(
                serde_json::from_str::<Record<'_>>(&json).unwrap(),
                record,
                "{json}"
            );
        }
    }
}

//! What a node would make of a pod: the commands that its containers run, with their environment.

use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use serde_json::Value;

/// One container as a node would run it.
#[derive(Debug, PartialEq)]
pub(crate) struct Container {
    /// `command` and `args` as they stand in the pod.
    pub(crate) command_line: Vec<String>,
    /// `env`, with `$(NAME)` replaced as Kubernetes does.
    pub(crate) environment: Vec<(String, String)>,
}

impl Container {
    /// Reads one container of `list` (`containers` or `initContainers`) by its name.
    pub(crate) fn find(pod: &Value, list: &str, name: &str) -> anyhow::Result<Self> {
        let containers = pod["spec"][list].as_array().map_or(&[][..], Vec::as_slice);
        let container = containers
            .iter()
            .find(|container| container["name"] == name);
        let container = container.with_context(|| format!("the pod has no {name} in {list}"))?;
        let mut environment = Vec::new();
        for variable in container["env"].as_array().map_or(&[][..], Vec::as_slice) {
            let value = match &variable["valueFrom"]["fieldRef"]["fieldPath"] {
                Value::String(path) => field(pod, path).to_owned(),
                _ => expand(variable["value"].as_str().unwrap_or_default(), &environment),
            };
            environment.push((
                variable["name"].as_str().unwrap_or_default().to_owned(),
                value,
            ));
        }
        let words = |member: &str| container[member].as_array().cloned().unwrap_or_default();
        let command_line = [words("command"), words("args")].concat();
        let command_line = command_line.iter().filter_map(Value::as_str);
        let command_line = command_line
            .map(|word| expand(word, &environment))
            .collect();
        Ok(Self {
            command_line,
            environment,
        })
    }

    /// The container's process on this machine: `program` stands for the image, all else is the pod's and `additions`.
    pub(crate) fn process(&self, program: &Path, additions: &[(&str, &str)]) -> Command {
        let mut command = Command::new(program);
        command.args(self.command_line.iter().skip(1));
        command.env_clear();
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.envs(additions.iter().copied());
        command
    }
}

/// A field of the pod by the downward API.
fn field<'a>(pod: &'a Value, path: &str) -> &'a str {
    let pointer = format!("/{}", path.replace('.', "/"));
    pod.pointer(&pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Replaces `$(NAME)` by a variable that stands before; `$$(NAME)` means itself without the first dollar.
fn expand(text: &str, environment: &[(String, String)]) -> String {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        expanded.push_str(&rest[..at]);
        rest = &rest[at..];
        let name = rest
            .strip_prefix("$(")
            .and_then(|rest| rest.split_once(')'));
        let known =
            name.and_then(|(name, _)| environment.iter().rev().find(|(known, _)| known == name));
        if let (Some((_, value)), Some((_, after))) = (known, name) {
            expanded.push_str(value);
            rest = after;
        } else {
            let escaped = rest.starts_with("$$");
            expanded.push('$');
            rest = &rest[if escaped { 2 } else { 1 }..];
        }
    }
    expanded + rest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_a_container_as_a_node_would() {
        let pod = json!({
            "metadata": {"name": "web-0"},
            "spec": {"containers": [{
                "name": "app",
                "command": ["/app"],
                "args": ["$(WHO)", "$$(WHO)", "$(NOBODY)", "5$"],
                "env": [
                    {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                    {"name": "WHO", "value": "team-a@$(POD)"},
                ],
            }]},
        });
        let container = Container::find(&pod, "containers", "app").unwrap();
        assert_eq!(
            container.command_line,
            ["/app", "team-a@web-0", "$(WHO)", "$(NOBODY)", "5$"]
        );
        assert_eq!(
            container.environment[1],
            ("WHO".into(), "team-a@web-0".into())
        );
        assert!(Container::find(&pod, "initContainers", "app").is_err());
    }
}

//! Pods as some Kubernetes might send them: usual, odd, and with fields that nobody knows.

use gtoken_inject::Settings;
use gtoken_inject::annotation::{INJECT_LABEL, INJECTED, MIRROR};
use serde_json::{Map, Value, json};

use super::annotated::{self, Place};
use super::choices::Choices;
use super::patch::AGENTS;

type Object = Map<String, Value>;

/// What pods are made with.
pub(crate) struct Pods<'s> {
    /// Whose names and paths may clash with the pod's own.
    pub(crate) settings: &'s Settings,
    /// Whether the pod may hold what looks as if the webhook had added it.
    pub(crate) mimics: bool,
}

/// Names of variables; of the last ones the webhook knows nothing.
const VARIABLES: &[&str] = &[
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_SESSION_NAME",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_STS_REGIONAL_ENDPOINTS",
    "GTOKEN_POD_NAME",
    "GTOKEN_POD_UID",
    "PATH",
    "aws_role_arn",
];

/// What the webhook may have set a variable to; few, so that records and variables often agree.
const OUR_VALUES: &[&str] = &["arn:aws:iam::123456789012:role/reader", "true"];

impl Pods<'_> {
    pub(crate) fn pod(&self, choices: &mut Choices<'_>) -> Value {
        let mut pod = Object::new();
        pod.insert("kind".to_owned(), "Pod".into());
        if !choices.happens(3) {
            pod.insert("metadata".to_owned(), self.metadata(choices));
        }
        if !choices.happens(2) {
            pod.insert("spec".to_owned(), self.spec(choices));
        }
        choices.strange(&mut pod);
        pod.into()
    }

    fn metadata(&self, choices: &mut Choices<'_>) -> Value {
        let mut metadata = Object::new();
        match choices.below(4) {
            0 | 1 => drop(metadata.insert("name".to_owned(), "web-0".into())),
            2 => drop(metadata.insert("generateName".to_owned(), "web-7d9f-".into())),
            _ => {
                choices.member(&mut metadata, "name", 128, Choices::text);
                choices.member(&mut metadata, "generateName", 128, Choices::text);
            }
        }
        choices.member(&mut metadata, "labels", 100, |choices| {
            let mut labels = Object::new();
            choices.member(&mut labels, INJECT_LABEL, 110, |choices| {
                choices.pick(&["true", "true", "true", "false", "perhaps", ""])
            });
            choices.member(&mut labels, "app", 64, Choices::text);
            labels
        });
        if choices.happens(140) {
            metadata.insert("annotations".to_owned(), self.annotations(choices));
        }
        choices.member(&mut metadata, "managedFields", 32, |choices| {
            choices.json(3)
        });
        choices.strange(&mut metadata);
        metadata.into()
    }

    fn annotations(&self, choices: &mut Choices<'_>) -> Value {
        if choices.happens(8) {
            return Value::Null;
        }
        let dialect = &self.settings.dialect;
        let texts = annotated::any(choices, dialect, Place::Pod);
        let texts = texts.into_iter().map(|(name, text)| (name, text.into()));
        let mut all: Object = texts.collect();
        choices.member(&mut all, MIRROR, 8, Choices::text);
        choices.member(&mut all, INJECT_LABEL, 8, |_| "true");
        if self.mimics {
            choices.member(&mut all, INJECTED, 100, forged_record);
        }
        all.into()
    }

    fn spec(&self, choices: &mut Choices<'_>) -> Value {
        let mut spec = Object::new();
        if !choices.happens(8) {
            let name = choices.maybe(8, |_| "").unwrap_or("reader");
            spec.insert("serviceAccountName".to_owned(), name.into());
        }
        choices.member(&mut spec, "restartPolicy", 160, |choices| {
            choices.pick(&["Always", "OnFailure", "Never", ""])
        });
        choices.member(&mut spec, "hostNetwork", 12, |choices| {
            choices.pick(&[true, false])
        });
        platform(choices, &mut spec);
        for resources in ["requests", "limits"] {
            choices.member(
                &mut spec,
                "resources",
                12,
                |choices| json!({resources: {"cpu": choices.json(0)}}),
            );
        }
        choices.member(&mut spec, "imagePullSecrets", 32, |choices| {
            list(
                choices,
                2,
                |choices| json!({"name": choices.pick(&["mirror", "mine"])}),
            )
        });
        choices.member(&mut spec, "volumes", 140, |choices| {
            list(choices, 3, |choices| self.volume(choices))
        });
        choices.member(&mut spec, "initContainers", 120, |choices| {
            list(choices, 3, |choices| self.container(choices))
        });
        let containers = match choices.below(64) {
            1 => Value::Null,
            2 => json!([]),
            _ => {
                let more = choices.several(3, |choices| self.container(choices));
                [self.container(choices)].into_iter().chain(more).collect()
            }
        };
        spec.insert("containers".to_owned(), containers);
        choices.member(&mut spec, "ephemeralContainers", 16, |choices| {
            list(choices, 2, |choices| self.container(choices))
        });
        choices.strange(&mut spec);
        spec.into()
    }

    fn volume(&self, choices: &mut Choices<'_>) -> Value {
        let mut volume = Object::new();
        let ours = self.settings.volume_name.as_str();
        let name = choices.pick(&[
            "data",
            "cache",
            "data",
            "cache",
            "data",
            "cache",
            ours,
            "gtoken-volume",
        ]);
        volume.insert("name".to_owned(), name.into());
        let kinds = [
            "emptyDir",
            "projected",
            "secret",
            "configMap",
            "downwardAPI",
            "hostPath",
        ];
        let kind = choices.pick(&kinds).to_owned();
        volume.insert(kind, json!({"medium": "Memory"}));
        choices.strange(&mut volume);
        volume.into()
    }

    fn container(&self, choices: &mut Choices<'_>) -> Value {
        let mut container = Object::new();
        let name = match choices.below(32) {
            0..=13 => "app".to_owned(),
            14..=21 => "mesh".to_owned(),
            22 => choices.pick(&AGENTS).to_owned(),
            _ => choices.text(),
        };
        container.insert("name".to_owned(), name.into());
        choices.member(&mut container, "image", 64, Choices::text);
        choices.member(&mut container, "args", 48, |choices| {
            list(choices, 3, |choices| choices.text().into())
        });
        choices.member(&mut container, "env", 140, |choices| {
            list(choices, 4, |choices| self.variable(choices))
        });
        choices.member(&mut container, "volumeMounts", 140, |choices| {
            list(choices, 3, |choices| self.mount(choices))
        });
        choices.member(&mut container, "securityContext", 16, |choices| {
            choices
                .pick(&[r#"{"runAsUser": 0}"#, r#"{"windowsOptions": {}}"#, "null"])
                .parse::<Value>()
                .expect("JSON")
        });
        choices.member(&mut container, "restartPolicy", 24, |choices| {
            choices.pick(&["Always", "Never"])
        });
        for name in [
            "envFrom",
            "startupProbe",
            "livenessProbe",
            "lifecycle",
            "resources",
            "ports",
        ] {
            choices.member(&mut container, name, 16, |choices| choices.json(2));
        }
        choices.strange(&mut container);
        container.into()
    }

    fn variable(&self, choices: &mut Choices<'_>) -> Value {
        let mut variable = Object::new();
        let name = choices.pick(VARIABLES);
        variable.insert("name".to_owned(), name.into());
        if self.mimics && choices.happens(128) {
            variable.insert("value".to_owned(), choices.pick(OUR_VALUES).into());
            return variable.into();
        }
        let theirs = ["metadata.namespace", "spec.nodeName"];
        let ours = ["metadata.name", "metadata.uid"];
        let path = choices.pick(if self.mimics { &ours } else { &theirs });
        let (member, value) = match choices.below(5) {
            // No value of ours begins like that.
            0 | 1 => ("value", format!("my {}", choices.text()).into()),
            2 => ("value", Value::Null),
            3 => ("valueFrom", json!({"secretKeyRef": {"name": "mine"}})),
            _ => ("valueFrom", json!({"fieldRef": {"fieldPath": path}})),
        };
        variable.insert(member.to_owned(), value);
        choices.strange(&mut variable);
        variable.into()
    }

    fn mount(&self, choices: &mut Choices<'_>) -> Value {
        let mut mount = Object::new();
        let ours = self.settings.volume_name.as_str();
        let name = choices.pick(&["data", "data", "data", ours]);
        mount.insert("name".to_owned(), name.into());
        let folder = self.settings.volume_path.trim_end_matches('/');
        let path = match choices.below(32) {
            0..=24 => choices
                .pick(&["/data", "/etc/mine", "/var/run", "", "/"])
                .to_owned(),
            25 | 26 => folder.to_owned(),
            27 => format!("{folder}//."),
            28 => format!("{folder}/mine"),
            29 => folder
                .rsplit_once('/')
                .map_or_else(String::new, |(parent, _)| parent.to_owned()),
            _ => choices.text(),
        };
        mount.insert("mountPath".to_owned(), path.into());
        // A whole, read-only mount of our volume is just what we add.
        let is_ours = name == ours && !self.mimics;
        choices.member(
            &mut mount,
            "readOnly",
            if is_ours { 0 } else { 64 },
            |choices| choices.pick(&[true, false]),
        );
        choices.member(&mut mount, "subPath", 24, Choices::text);
        choices.member(&mut mount, "recursiveReadOnly", 16, |_| "IfPossible");
        choices.strange(&mut mount);
        mount.into()
    }
}

/// A list, which Go may also write as `null`.
fn list(
    choices: &mut Choices<'_>,
    most: usize,
    make: impl FnMut(&mut Choices<'_>) -> Value,
) -> Value {
    if choices.happens(16) {
        return Value::Null;
    }
    choices.several(most, make).into()
}

/// What says on which operating system the pod runs.
fn platform(choices: &mut Choices<'_>, spec: &mut Object) {
    let system = choices.pick(&["linux", "windows"]);
    let label = choices.pick(&["kubernetes.io/os", "beta.kubernetes.io/os", "zone"]);
    choices.member(spec, "os", 6, |_| json!({"name": system}));
    choices.member(spec, "nodeSelector", 6, |_| json!({label: system}));
    choices.member(spec, "affinity", 12, |choices| {
        let operator = choices.pick(&["In", "NotIn", "Exists"]);
        let term = json!({"matchExpressions": [{"key": label, "operator": operator, "values": [system]}]});
        let terms = choices.several(2, |_| term.clone());
        json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}})
    });
    choices.member(spec, "securityContext", 5, |choices| {
        choices
            .pick(&[
                r#"{"windowsOptions": {}}"#,
                r#"{"windowsOptions": null}"#,
                "{}",
            ])
            .parse::<Value>()
            .expect("JSON")
    });
}

/// A record that no webhook wrote, or another one.
fn forged_record(choices: &mut Choices<'_>) -> String {
    if choices.happens(64) {
        return choices.text();
    }
    let mut record = Object::new();
    choices.member(&mut record, "agents", 128, |choices| {
        let name = choices.pick(&[AGENTS[0], AGENTS[1], "app"]);
        json!({name: choices.several(3, Choices::text)})
    });
    choices.member(&mut record, "env", 160, |choices| {
        let several = choices.several(4, |choices| {
            (
                choices.pick(VARIABLES).to_owned(),
                choices.pick(OUR_VALUES).into(),
            )
        });
        several.into_iter().collect::<Object>()
    });
    choices.member(&mut record, "mount", 128, |choices| {
        choices.pick(&["/var/run/secrets/aws/token", "/data", "/aws"])
    });
    choices.member(&mut record, "volume", 128, |choices| {
        json!([
            choices.pick(&["gtoken-volume", "data"]),
            choices.pick(&["emptyDir", "x"])
        ])
    });
    choices.strange(&mut record);
    Value::Object(record).to_string()
}

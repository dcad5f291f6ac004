//! A pod, its ServiceAccount, the operator's settings and a Kubernetes, all chosen by bytes.

use std::str::FromStr;

use gtoken_inject::annotation::Name;
use gtoken_inject::{Binding, Dialect, Options, ServerVersion, Settings, Unbound};
use json_patch::PatchOperation;
use serde_json::{Value, json};

use super::admission::{Answered, Webhook};
use super::annotated::{self, Place};
use super::choices::Choices;
use super::pods::Pods;

/// All that an injection depends on.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) webhook: Webhook,
    /// The pod as its user wrote it.
    pub(crate) own: Value,
    /// The pod as it is sent: as it was written, or injected before in another world.
    pub(crate) sent: Value,
    /// Whether the pod's own parts may look as if the webhook had added them.
    pub(crate) mimics: bool,
}

/// What comes of the pod that is sent.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) answered: Answered,
    /// The patch's steps; none without a patch.
    pub(crate) steps: Vec<PatchOperation>,
    /// The pod as it is stored.
    pub(crate) stored: Value,
}

impl World {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let choices = &mut Choices::new(bytes);
        let mimics = choices.happens(64);
        let webhook = webhook(choices);
        let earlier = choices.maybe(80, |choices| {
            let other = choices.maybe(128, self::webhook);
            other.unwrap_or_else(|| webhook.clone())
        });
        let pods = Pods {
            settings: &webhook.settings,
            mimics,
        };
        let own = pods.pod(choices);
        let sent = earlier.map_or_else(|| own.clone(), |earlier| earlier.stored(&own));
        Self {
            webhook,
            own,
            sent,
            mimics,
        }
    }

    /// Asks the webhook about the pod.
    pub(crate) fn outcome(&self) -> Outcome {
        let answered = self.webhook.review(&self.sent);
        Outcome {
            steps: answered.steps(),
            stored: answered.applied(&self.sent),
            answered,
        }
    }

    /// Whether nobody says that some containers get no credentials.
    pub(crate) fn takes_all_containers(&self) -> bool {
        let choose = |options: &Options| {
            options.include_containers.is_some() || options.skip_containers.is_some()
        };
        let bound = self.webhook.binding.as_ref();
        let annotations = self.sent["metadata"]["annotations"].as_object();
        let mut names = annotations.into_iter().flat_map(|all| all.keys());
        !choose(&self.webhook.settings.options)
            && bound.is_ok_and(|binding| !choose(&binding.options))
            && !names.any(|name| name.ends_with("-containers"))
    }
}

fn webhook(choices: &mut Choices<'_>) -> Webhook {
    let settings = choices.maybe(128, settings).unwrap_or_default();
    let minor = choices.pick(&[34, 34, 33, 32, 31, 29, 28, 0]);
    let server = ServerVersion { major: 1, minor };
    let binding = if choices.happens(8) {
        Err(Unbound::NotFound)
    } else {
        let all = annotated::any(choices, &settings.dialect, Place::ServiceAccount);
        let all = all.iter().map(|(name, text)| (&**name, &**text));
        Binding::parse(&settings.dialect, all)
    };
    Webhook {
        settings,
        server,
        binding,
    }
}

fn settings(choices: &mut Choices<'_>) -> Settings {
    let usual = Settings::default();
    let prefixes = [
        "amazonaws.com,eks.amazonaws.com",
        "eks.amazonaws.com",
        "aws.example.com,amazonaws.com",
        "annotations.of-a-company-with-a-long-name.and-as-many-subdomains-as-this-one.example.com",
    ];
    let account = choices.maybe(64, |_| gtoken_contract::AwsAccount {
        id: parsed("123456789012"),
        partition: parsed("aws-cn"),
    });
    Settings {
        image: choices
            .pick(&["doitintl/gtoken:v0.5.0", "registry.example/gtoken:v9"])
            .to_owned(),
        volume_name: choices.pick(&["gtoken-volume", "aws-token"]).to_owned(),
        volume_path: choices
            .pick(&["/var/run/secrets/aws/token", "/aws", "/a/$(HOME)/~/b/"])
            .to_owned(),
        token_file: choices.pick(&["gtoken", "i$d"]).to_owned(),
        dialect: Dialect {
            prefixes: parsed(choices.pick(&prefixes)),
            account,
        },
        options: options(choices),
        agent_flags: choices.several(1, |_| "--json".to_owned()),
        image_pull_secrets: choices.several(1, |_| "mirror".to_owned()),
        run_as_user: choices.pick(&[65532, 1337]),
        ..usual
    }
}

/// What a flag says, which is right or nothing.
fn options(choices: &mut Choices<'_>) -> Options {
    Options {
        audience: option(choices, Name::Audience),
        include_containers: option(choices, Name::IncludeContainers),
        region: option(choices, Name::Region),
        session_name: option(choices, Name::SessionName),
        sidecar_mode: option(choices, Name::SidecarMode),
        skip_containers: option(choices, Name::SkipContainers),
        sts_regional_endpoints: option(choices, Name::StsRegionalEndpoints),
        token_expiration: option(choices, Name::TokenExpiration),
        token_source: option(choices, Name::TokenSource),
    }
}

fn option<T: FromStr>(choices: &mut Choices<'_>, name: Name) -> Option<T> {
    let text = choices.maybe(40, |choices| annotated::value(choices, name));
    text?.parse().ok()
}

fn parsed<T: FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("a value that the flag takes")
}

impl Webhook {
    /// What is answered when this pod is about to be created.
    pub(crate) fn review(&self, pod: &Value) -> Answered {
        self.answer(&body(pod))
            .expect("a pod's creation is looked at")
    }

    /// The pod as it is stored.
    pub(crate) fn stored(&self, pod: &Value) -> Value {
        self.review(pod).applied(pod)
    }
}

/// A review of a pod's creation.
pub(crate) fn body(pod: &Value) -> Vec<u8> {
    let request = json!({
        "uid": "1",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "namespace": "team-a",
        "operation": "CREATE",
        "object": pod,
    });
    let review =
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request});
    serde_json::to_vec(&review).expect("JSON serialises")
}

//! The Secret and the webhook configuration, as the Kubernetes API has them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{Stream, StreamExt as _};
use kube::Client;
use kube::api::{GetParams, Patch, PatchParams, Request, WatchEvent, WatchParams};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::ca_bundle::CaBundle;
use super::plan::{Entries, Written};
use super::secret::{Data, Stored};
use crate::accounts::api::describe;

/// Who we are to the API server: the owner of what we write.
const FIELD_MANAGER: &str = "gtoken-webhook";
/// How long it may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// What stands for a value that is no text.
const NO_TEXT: &str = "\u{fffd}";
/// The type of the Secret that the chart ships.
const SECRET_TYPE: &str = "Opaque";

/// Where Secret and webhook configuration are.
#[derive(Clone, Debug)]
pub struct Places {
    /// The Secret's namespace, which is the webhook's own.
    pub namespace: String,
    /// The Secret's name.
    pub secret: String,
    /// The name of the webhook configuration.
    pub configuration: String,
    /// The entries of it that are ours.
    pub entries: BTreeSet<String>,
    /// Whether each of those must be there.
    pub are_entries_required: bool,
}

/// Asks for both, and writes them.
#[derive(Clone)]
pub struct Api {
    client: Client,
    places: Places,
}

/// The Secret, and the version it had.
pub struct KeptSecret {
    version: String,
    /// What it holds.
    pub data: Data,
}

/// Our entries of the webhook configuration, and the version it had.
#[derive(Debug)]
pub struct Configuration {
    version: String,
    /// Their `caBundle`s.
    pub entries: Entries,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    resource_version: String,
    #[serde(default)]
    owner_references: Vec<Owner>,
}

#[derive(Deserialize)]
struct Owner {
    kind: String,
    name: String,
}

/// An object of which nothing is read.
#[derive(Clone, Deserialize)]
struct Changed {}

#[derive(Deserialize)]
struct SecretObject {
    metadata: Metadata,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    data: Option<BTreeMap<String, Zeroizing<String>>>,
}

#[derive(Deserialize)]
struct ConfigurationObject {
    metadata: Metadata,
    #[serde(default)]
    webhooks: Vec<Entry>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    name: String,
    #[serde(default)]
    client_config: ClientConfig,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct ClientConfig {
    #[serde(default)]
    ca_bundle: String,
}

impl Api {
    /// Asks by this client.
    pub fn new(client: Client, places: Places) -> Self {
        Self { client, places }
    }

    /// Reads the Secret.
    pub async fn secret(&self) -> Result<KeptSecret, Trouble> {
        let call = Call::new("get", Written::Secret, &self.places);
        let request = self
            .secrets()
            .get(&self.places.secret, &GetParams::default());
        let text = Zeroizing::new(self.ask(&call, request).await?);
        let object: SecretObject = parsed(&call, &text)?;
        let owner = object.metadata.owner_references.first();
        if let Some(Owner { kind, name }) = owner {
            let owner = format!("it belongs to {kind} {name}");
            return Err(Trouble::NotOurs(call.what, owner));
        }
        if object.kind != SECRET_TYPE {
            let kind = format!("its type is {}, not {SECRET_TYPE}", object.kind);
            return Err(Trouble::NotOurs(call.what, kind));
        }
        let data = object.data.unwrap_or_default().into_iter();
        Ok(KeptSecret {
            version: object.metadata.resource_version,
            data: data.map(|(key, value)| (key, decoded(&value))).collect(),
        })
    }

    /// Writes the Secret, unless it has changed since it was read.
    pub async fn keep(&self, seen: &KeptSecret, stored: &Stored) -> Result<(), Trouble> {
        let data = stored.data().into_iter();
        let data = data.map(|(key, value)| (key, value.map(|value| STANDARD.encode(&*value))));
        let patch = json!({
            "metadata": {"resourceVersion": seen.version},
            "data": data.collect::<BTreeMap<_, _>>(),
        });
        self.patch_secret(patch, false).await
    }

    async fn patch_secret(&self, patch: Value, is_trial: bool) -> Result<(), Trouble> {
        let call = Call::new("patch", Written::Secret, &self.places);
        let params = PatchParams {
            dry_run: is_trial,
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let name = &self.places.secret;
        let request = self.secrets().patch(name, &params, &Patch::Merge(patch));
        self.ask(&call, request).await.map(Zeroizing::new)?;
        Ok(())
    }

    /// Reads our entries of the webhook configuration.
    pub async fn configuration(&self) -> Result<Configuration, Trouble> {
        let call = Call::new("get", Written::Configuration, &self.places);
        let name = &self.places.configuration;
        let request = configurations().get(name, &GetParams::default());
        let object: ConfigurationObject = parsed(&call, &self.ask(&call, request).await?)?;
        let ours = object.webhooks.into_iter();
        let ours = ours.filter(|entry| self.places.entries.contains(&entry.name));
        let entries: Entries = ours
            .map(|entry| (entry.name, bundle(&entry.client_config.ca_bundle)))
            .collect();
        let names = self.places.entries.iter();
        let mut missing = names.filter(|name| !entries.contains_key(*name));
        match missing.next() {
            Some(name) if self.places.are_entries_required || entries.is_empty() => {
                Err(Trouble::NoEntry(call.what, name.clone()))
            }
            _ => Ok(Configuration {
                version: object.metadata.resource_version,
                entries,
            }),
        }
    }

    /// Writes the `caBundle`s of our entries and nothing else, unless the configuration has changed since it was read.
    pub async fn publish(&self, seen: &Configuration, bundles: &Entries) -> Result<(), Trouble> {
        self.apply(seen, bundles, false).await
    }

    async fn apply(
        &self,
        seen: &Configuration,
        bundles: &Entries,
        is_trial: bool,
    ) -> Result<(), Trouble> {
        let call = Call::new("patch", Written::Configuration, &self.places);
        let entries: Vec<_> = bundles
            .iter()
            .map(|(name, bundle)| Entry {
                name: name.clone(),
                client_config: ClientConfig {
                    ca_bundle: STANDARD.encode(bundle.pem()),
                },
            })
            .collect();
        let name = &self.places.configuration;
        let applied = json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": name, "resourceVersion": seen.version},
            "webhooks": entries,
        });
        let params = PatchParams {
            dry_run: is_trial,
            ..PatchParams::apply(FIELD_MANAGER).force()
        };
        let request = configurations().patch(name, &params, &Patch::Apply(applied));
        self.ask(&call, request).await.map(|_| ())
    }

    /// What becomes of one of both, as it happens: that there is something to look at, not what.
    pub async fn changes(
        &self,
        of: Written,
    ) -> Result<impl Stream<Item = Result<(), Trouble>> + use<>, Trouble> {
        let call = Call::new("watch", of, &self.places);
        let (all, name) = match of {
            Written::Secret => (self.secrets(), &self.places.secret),
            Written::Configuration => (configurations(), &self.places.configuration),
        };
        // By its name alone, or RBAC would have to let us see all.
        let params = WatchParams::default().fields(&format!("metadata.name={name}"));
        let request = all.watch_metadata(&params, "");
        let request = request.map_err(|error| call.failed(&kube::Error::BuildRequest(error)))?;
        let events = self.client.request_events::<Changed>(request).await;
        let events = events.map_err(|error| call.failed(&error))?;
        Ok(events.map(move |event| match event {
            Ok(WatchEvent::Error(status)) => Err(call.failed(&kube::Error::Api(status))),
            Ok(_) => Ok(()),
            Err(error) => Err(call.failed(&error)),
        }))
    }

    /// Tries every call, without any effect: each with its name and what came of it.
    pub async fn try_out(&self) -> Vec<(&'static str, Result<(), Trouble>)> {
        let secret = self.secret().await;
        let patched = self.patch_secret(json!({}), true).await;
        let (configuration, applied) = match self.configuration().await {
            Ok(seen) => (Ok(()), self.apply(&seen, &seen.entries, true).await),
            Err(trouble) => (Err(trouble.clone()), Err(trouble)),
        };
        let watched = async |of| self.changes(of).await.map(|_| ());
        vec![
            ("get Secret", secret.map(|_| ())),
            ("patch Secret", patched),
            ("watch Secret", watched(Written::Secret).await),
            ("get MutatingWebhookConfiguration", configuration),
            ("patch MutatingWebhookConfiguration", applied),
            (
                "watch MutatingWebhookConfiguration",
                watched(Written::Configuration).await,
            ),
        ]
    }

    fn secrets(&self) -> Request {
        Request::new(format!(
            "/api/v1/namespaces/{}/secrets",
            self.places.namespace
        ))
    }

    async fn ask(
        &self,
        call: &Call,
        request: Result<hyper::Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<String, Trouble> {
        let request = request.map_err(|error| call.failed(&kube::Error::BuildRequest(error)))?;
        match timeout(ANSWER_TIMEOUT, self.client.request_text(request)).await {
            Ok(answer) => answer.map_err(|error| call.failed(&error)),
            Err(_) => Err(Trouble::Failed(format!(
                "cannot {} {}: no answer within {ANSWER_TIMEOUT:?}",
                call.verb, call.what
            ))),
        }
    }
}

fn configurations() -> Request {
    Request::new("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations")
}

fn parsed<'a, T: Deserialize<'a>>(call: &Call, text: &'a str) -> Result<T, Trouble> {
    // What stands there is not repeated: it may be a key.
    serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let (verb, what) = (call.verb, &call.what);
        Trouble::Failed(format!(
            "cannot {verb} {what}: the answer cannot be read at line {line}, column {column}"
        ))
    })
}

/// What is no text is kept as something that can be no value of ours, so that it is found and put right.
fn decoded(value: &str) -> Zeroizing<String> {
    let bytes = STANDARD.decode(value).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.unwrap_or_else(|| NO_TEXT.to_owned()).into()
}

fn bundle(value: &str) -> CaBundle {
    CaBundle::read(&STANDARD.decode(value).unwrap_or_default())
}

/// A call to the API server, for what it is called when it fails.
struct Call {
    verb: &'static str,
    what: String,
    rule: Value,
}

impl Call {
    fn new(verb: &'static str, of: Written, places: &Places) -> Self {
        let (group, resource, name, what) = match of {
            Written::Secret => {
                let what = format!("the Secret {}/{}", places.namespace, places.secret);
                ("", "secrets", &places.secret, what)
            }
            Written::Configuration => {
                let name = &places.configuration;
                let what = format!("the MutatingWebhookConfiguration {name}");
                let group = "admissionregistration.k8s.io";
                (group, "mutatingwebhookconfigurations", name, what)
            }
        };
        let rule = json!({
            "apiGroups": [group],
            "resources": [resource],
            "resourceNames": [name],
            "verbs": [verb],
        });
        Self { verb, what, rule }
    }

    fn failed(&self, error: &kube::Error) -> Trouble {
        let (verb, what) = (self.verb, &self.what);
        match error {
            kube::Error::Api(status) if status.code == 409 => Trouble::Lost,
            kube::Error::Api(status) if status.code == 404 && status.reason == "NotFound" => {
                Trouble::Missing(what.clone())
            }
            kube::Error::Api(status) if status.code == 403 => Trouble::Failed(format!(
                "cannot {verb} {what}: {}; add to the webhook's roles the rule {}",
                describe(error),
                self.rule
            )),
            error => Trouble::Failed(format!("cannot {verb} {what}: {}", describe(error))),
        }
    }
}

/// Why a look or a step came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The API server cannot, or does not let us.
    #[error("{0}")]
    Failed(String),
    /// Somebody else was first.
    #[error("it has changed since it was read")]
    Lost,
    /// It does not exist; whoever installs us makes it.
    #[error("{0} does not exist; install the chart, or its manifests, again")]
    Missing(String),
    /// An entry that was named is not there.
    #[error("{0} has no entry {1}; --webhook-entries names entries that are there")]
    NoEntry(String, String),
    /// The Secret is somebody else's.
    #[error(
        "{0} is not ours to write: {1}; --tls-secret-name names a Secret of type Opaque that nobody else keeps, or leave certificates to its owner by --tls-mode=files"
    )]
    NotOurs(String, String),
}

impl Trouble {
    /// Whether only a person can mend it, by other flags.
    pub fn is_misconfigured(&self) -> bool {
        matches!(self, Self::NoEntry(..) | Self::NotOurs(..))
    }
}

impl fmt::Debug for KeptSecret {
    /// Does not show what it holds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeptSecret({})", self.version)
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Api").field(&self.places).finish()
    }
}

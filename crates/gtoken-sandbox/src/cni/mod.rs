//! A chained CNI plugin that writes down which pod has which address, before the pod's first process starts.
//!
//! It changes nothing of the network: what the plugins before it made, it hands on.
//! <https://www.cni.dev/docs/spec/>, versions 0.4.0 and 1.0.0. Its configuration, last in the list of plugins:
//!
//! ```json
//! {"type": "gtoken-sandbox-cni", "podsFolder": "/run/gtoken-sandbox/pods"}
//! ```

#[cfg(test)]
mod tests;

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::cluster::{Pod, PodDirectory};

/// What a runtime calls the plugin with: a variable of its environment, or nothing.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A refusal in the terms of the specification, which prints as its JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    version: String,
    code: Code,
    message: String,
}

/// The specification's codes for what is used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    IncompatibleVersion = 1,
    InvalidEnvironment = 4,
    Io = 5,
    Undecodable = 6,
    InvalidConfiguration = 7,
    /// From 100 on, codes are a plugin's own: CHECK found something else than ADD left.
    NotAsAdded = 100,
}

/// The versions spoken, of which the last is used where the runtime names none.
const VERSIONS: [&str; 2] = ["0.4.0", "1.0.0"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Configuration {
    cni_version: Option<String>,
    pods_folder: Option<PathBuf>,
    prev_result: Option<Value>,
}

/// One call, its version agreed on.
struct Call<'a> {
    environment: Environment<'a>,
    version: String,
    configuration: Configuration,
}

/// Does what `CNI_COMMAND` says; the text is for standard output.
pub(crate) fn run(
    environment: Environment<'_>,
    input: &[u8],
    now: SystemTime,
) -> Result<String, Failure> {
    let newest = VERSIONS[VERSIONS.len() - 1];
    let fail = |code, message| Failure::new(newest, code, message);
    let command = environment("CNI_COMMAND").ok_or_else(|| {
        fail(
            Code::InvalidEnvironment,
            "CNI_COMMAND is missing; this is a CNI plugin, which container runtimes call".into(),
        )
    })?;
    let configuration: Configuration = serde_json::from_slice(input).map_err(|error| {
        let message = format!("the network configuration is no JSON of that form: {error}");
        fail(Code::Undecodable, message)
    })?;
    let version = configuration.cni_version.clone();
    let version = version.unwrap_or_else(|| newest.to_owned());
    if command == "VERSION" {
        let versions = json!({"cniVersion": version, "supportedVersions": VERSIONS});
        return Ok(versions.to_string());
    }
    if !VERSIONS.contains(&version.as_str()) {
        let message = format!(
            "cniVersion {version} is not spoken here; {} are",
            VERSIONS.join(" and ")
        );
        return Err(fail(Code::IncompatibleVersion, message));
    }
    let call = Call {
        environment,
        version,
        configuration,
    };
    match command.as_str() {
        "ADD" => call.add(now),
        "CHECK" => call.check(),
        "DEL" => call.delete(),
        other => {
            let message = format!("CNI_COMMAND {other} is none of ADD, CHECK, DEL and VERSION");
            Err(call.failure(Code::InvalidEnvironment, message))
        }
    }
}

impl Call<'_> {
    fn add(&self, now: SystemTime) -> Result<String, Failure> {
        let pods = self.pods()?;
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let pod = Pod {
            namespace: self.argument("K8S_POD_NAMESPACE")?,
            name: self.argument("K8S_POD_NAME")?,
            uid: self.argument("K8S_POD_UID")?,
            container_id: self.container_id()?,
            since: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
        };
        let (result, addresses) = self.result()?;
        for address in addresses {
            pods.put(address, &pod)
                .map_err(|error| self.io(&pods, &error))?;
        }
        Ok(result.to_string())
    }

    fn check(&self) -> Result<String, Failure> {
        let pods = self.pods()?;
        let container_id = self.container_id()?;
        for address in self.result()?.1 {
            let found = pods.find(address).map_err(|error| self.io(&pods, &error))?;
            if found.is_none_or(|pod| pod.container_id != container_id) {
                let folder = pods.path().display();
                let message = format!("{address} is not that of {container_id} in {folder}");
                return Err(self.failure(Code::NotAsAdded, message));
            }
        }
        Ok(String::new())
    }

    fn delete(&self) -> Result<String, Failure> {
        let pods = self.pods()?;
        pods.remove(&self.container_id()?)
            .map_err(|error| self.io(&pods, &error))?;
        Ok(String::new())
    }

    fn pods(&self) -> Result<PodDirectory, Failure> {
        let folder = self.configuration.pods_folder.as_ref();
        let folder = folder.filter(|folder| folder.is_absolute());
        folder.map(PodDirectory::new).ok_or_else(|| {
            let message = "podsFolder must be an absolute path: the folder that the sandbox reads";
            self.failure(Code::InvalidConfiguration, message.into())
        })
    }

    /// What the plugins before this one made, and the addresses in it.
    fn result(&self) -> Result<(&Value, Vec<IpAddr>), Failure> {
        let invalid = |message: &str| self.failure(Code::InvalidConfiguration, message.into());
        let result = self.configuration.prev_result.as_ref().ok_or_else(|| {
            invalid("prevResult is missing: this plugin comes after one that gives addresses")
        })?;
        let addresses = result["ips"].as_array().map_or(&[][..], Vec::as_slice);
        let parsed = addresses.iter().map(|ip| {
            let network = ip["address"].as_str()?;
            network.split('/').next()?.parse().ok()
        });
        match parsed.collect::<Option<Vec<IpAddr>>>() {
            Some(addresses) if !addresses.is_empty() => Ok((result, addresses)),
            _ => Err(invalid("prevResult has no ips with an address each")),
        }
    }

    fn container_id(&self) -> Result<String, Failure> {
        let id = (self.environment)("CNI_CONTAINERID");
        // The id becomes part of a file's name; the specification's alphabet has no slash in it.
        let fits = |id: &String| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
            !id.is_empty() && id.bytes().all(plain)
        };
        id.filter(fits).ok_or_else(|| {
            let message = "CNI_CONTAINERID is missing or not of letters, digits, _, . and -";
            self.failure(Code::InvalidEnvironment, message.into())
        })
    }

    /// A value of `CNI_ARGS`, which has the form `NAME=VALUE;NAME=VALUE`.
    fn argument(&self, name: &str) -> Result<String, Failure> {
        let all = (self.environment)("CNI_ARGS").unwrap_or_default();
        let mut pairs = all.split(';').filter_map(|pair| pair.split_once('='));
        let found = pairs.find(|(key, value)| *key == name && !value.is_empty());
        found.map(|(_, value)| value.to_owned()).ok_or_else(|| {
            let message = format!("CNI_ARGS has no {name}; Kubernetes runtimes set it for a pod");
            self.failure(Code::InvalidEnvironment, message)
        })
    }

    fn io(&self, pods: &PodDirectory, error: &io::Error) -> Failure {
        let folder = pods.path().display();
        self.failure(Code::Io, format!("cannot use {folder}: {error}"))
    }

    fn failure(&self, code: Code, message: String) -> Failure {
        Failure::new(&self.version, code, message)
    }
}

impl Failure {
    fn new(version: &str, code: Code, message: String) -> Self {
        Self {
            version: version.to_owned(),
            code,
            message,
        }
    }

    /// The error as the runtime reads it from standard output.
    pub(crate) fn to_json(&self) -> Value {
        json!({"cniVersion": self.version, "code": self.code as u32, "msg": self.message})
    }
}

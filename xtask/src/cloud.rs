//! The sandbox as a process of its own: Google, AWS and the Kubernetes API.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::http::Client;
use crate::programs::Programs;
use crate::server::Server;

/// The variables that the sandbox exports and its users here need.
const NEEDED: [&str; 5] = [
    "AWS_ENDPOINT_URL_STS",
    "GCE_METADATA_HOST",
    "GTOKEN_SANDBOX_CONTROL",
    "KUBECONFIG",
    "SSL_CERT_FILE",
];

/// A running sandbox.
pub(crate) struct Cloud {
    server: Server,
    exports: BTreeMap<String, String>,
    kubernetes: Client,
    control: Client,
}

impl Cloud {
    /// Starts it, with its files in `folder`.
    pub(crate) fn start(programs: &Programs, folder: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(programs.path("gtoken-sandbox")?);
        command.arg("up").arg("--dir").arg(folder.join("sandbox"));
        let mut server = Server::start("sandbox", &mut command, folder)?;
        let exports = server.await_output(|said| {
            let exports = exports(said);
            NEEDED
                .iter()
                .all(|name| exports.contains_key(*name))
                .then_some(exports)
        })?;
        let kubernetes = kubernetes(Path::new(&exports["KUBECONFIG"]))?;
        let control = Client::new(&exports["GTOKEN_SANDBOX_CONTROL"], None, None)?;
        Ok(Self {
            server,
            exports,
            kubernetes,
            control,
        })
    }

    /// What it exports under `name`, one of [`NEEDED`].
    pub(crate) fn export(&self, name: &str) -> &str {
        &self.exports[name]
    }

    /// All that a shell needs to use it.
    pub(crate) fn exports(&self) -> &BTreeMap<String, String> {
        &self.exports
    }

    /// Where its own words are written.
    pub(crate) fn log(&self) -> &Path {
        self.server.log()
    }

    /// Creates a ServiceAccount and annotates it, as two commands of `kubectl` would.
    pub(crate) fn annotate(
        &self,
        namespace: &str,
        name: &str,
        annotations: &Value,
    ) -> anyhow::Result<()> {
        let collection = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
        let object = json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": name, "namespace": namespace},
        });
        self.kubernetes
            .send("POST", &collection, "application/json", &object)?;
        let annotated = json!({"metadata": {"annotations": annotations}});
        let path = format!("{collection}/{name}");
        self.kubernetes
            .send("PATCH", &path, "application/merge-patch+json", &annotated)?;
        Ok(())
    }

    /// Gives a role another trust policy.
    pub(crate) fn put_role(&self, arn: &str, trust_policy: &Value) -> anyhow::Result<()> {
        let role = json!({"arn": arn, "trustPolicy": trust_policy});
        self.control
            .send("PUT", "/roles", "application/json", &role)?;
        Ok(())
    }

    /// Has the metadata server play this from the next request on.
    pub(crate) fn play(&self, scenario: &Value) -> anyhow::Result<()> {
        self.control
            .send("PUT", "/scenario", "application/json", scenario)?;
        Ok(())
    }

    /// Why STS answered its last call as it did, in a sentence.
    pub(crate) fn last_reason(&self) -> anyhow::Result<String> {
        let journal = self.control.fetch("/journal")?;
        let last = journal.as_array().and_then(|calls| calls.last());
        let reason = last.and_then(|call| call["reason"].as_str());
        Ok(reason
            .context("the sandbox's journal says nothing of a call to STS")?
            .to_owned())
    }
}

/// The `export NAME=VALUE` lines of the sandbox's output, without their quotes.
fn exports(said: &str) -> BTreeMap<String, String> {
    let export = |line: &str| {
        let (name, value) = line.trim().strip_prefix("export ")?.split_once('=')?;
        Some((name.to_owned(), value.trim_matches(['\'', '"']).to_owned()))
    };
    // The last line may not be whole yet.
    let whole = said.rfind('\n').map_or("", |end| &said[..end]);
    whole.lines().filter_map(export).collect()
}

fn kubernetes(kubeconfig: &Path) -> anyhow::Result<Client> {
    use base64::Engine as _;
    let text = std::fs::read_to_string(kubeconfig)
        .with_context(|| format!("could not read {}", kubeconfig.display()))?;
    let config: Value =
        serde_saphyr::from_str(&text).context("the sandbox's kubeconfig is YAML")?;
    let cluster = &config["clusters"][0]["cluster"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let ca = base64::engine::general_purpose::STANDARD
        .decode(text(&cluster["certificate-authority-data"]))?;
    let token = text(&config["users"][0]["user"]["token"]);
    Client::new(
        &text(&cluster["server"]),
        Some(&String::from_utf8(ca)?),
        Some(&token),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_whole_lines_only() {
        let exports = exports("serving\nexport A=1\n  export B='2'\nexport C=un");
        assert_eq!(
            exports.into_iter().collect::<Vec<_>>(),
            [("A".into(), "1".into()), ("B".into(), "2".into())]
        );
    }
}

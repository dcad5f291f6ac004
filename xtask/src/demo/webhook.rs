//! The webhook as a process of its own, and the question that an API server would ask it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use base64::Engine as _;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::http::Client;
use crate::programs::Programs;
use crate::server::Server;

/// How long the webhook may take until it is ready to admit.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running webhook.
pub(crate) struct Webhook {
    server: Server,
    client: Client,
    token_folder: PathBuf,
}

impl Webhook {
    /// Starts it with a certificate of its own; the token's folder stands for the volume of a pod.
    pub(crate) fn start(programs: &Programs, cloud: &Cloud, folder: &Path) -> anyhow::Result<Self> {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        let [certificate, key] = ["tls.crt", "tls.key"].map(|name| folder.join(name));
        fs::write(&certificate, cert.pem())?;
        fs::write(&key, signing_key.serialize_pem())?;
        let token_folder = folder.join("token");
        fs::create_dir(&token_folder)?;

        let mut command = Command::new(programs.path("gtoken-webhook")?);
        command.args([
            "--json",
            "server",
            "--listen-address=127.0.0.1:0",
            "--drain-delay=0",
        ]);
        command.arg(format!("--tls-cert-file={}", certificate.display()));
        command.arg(format!("--tls-private-key-file={}", key.display()));
        command.arg(format!("--volume-path={}", token_folder.display()));
        command
            .env_clear()
            .env("KUBECONFIG", cloud.export("KUBECONFIG"));
        let mut server = Server::start("webhook", &mut command, folder)?;
        let address = server.await_output(listening_address)?;
        let client = Client::new(&format!("https://{address}"), Some(&cert.pem()), None)?;
        await_ready(&client)?;
        Ok(Self {
            server,
            client,
            token_folder,
        })
    }

    /// The folder that every container of the pod sees as the token's.
    pub(crate) fn token_folder(&self) -> &Path {
        &self.token_folder
    }

    /// Where its log is written.
    pub(crate) fn log(&self) -> &Path {
        self.server.log()
    }

    /// Asks about a pod that is about to be created, and gives the pod as it would be stored.
    pub(crate) fn admit(&self, pod: &Value) -> anyhow::Result<Value> {
        let review = json!({
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "request": {
                "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
                "kind": {"group": "", "version": "v1", "kind": "Pod"},
                "resource": {"group": "", "version": "v1", "resource": "pods"},
                "name": pod["metadata"]["name"],
                "namespace": pod["metadata"]["namespace"],
                "operation": "CREATE",
                "dryRun": false,
                "object": pod,
            },
        });
        let answer = self
            .client
            .send("POST", "/pods?timeout=5s", "application/json", &review)?;
        let response = &answer["response"];
        for warning in response["warnings"].as_array().into_iter().flatten() {
            println!("  Warning: {}", warning.as_str().unwrap_or_default());
        }
        let Some(patch) = response["patch"].as_str() else {
            bail!("the webhook answered without a patch: {answer}");
        };
        let patch = base64::engine::general_purpose::STANDARD.decode(patch)?;
        let patch: json_patch::Patch =
            serde_json::from_slice(&patch).context("the patch is no RFC 6902 patch")?;
        let mut patched = pod.clone();
        json_patch::patch(&mut patched, &patch)
            .context("the patch does not apply to the pod that was sent")?;
        Ok(patched)
    }
}

/// Where the webhook says that it listens for the API server.
fn listening_address(said: &str) -> Option<String> {
    let address = |line: &str| {
        let entry: Value = serde_json::from_str(line).ok()?;
        let fields = entry.get("fields").unwrap_or(&entry);
        (fields["message"] == "listening").then(|| fields["address"].as_str().map(str::to_owned))?
    };
    said.lines().find_map(address)
}

/// A webhook is ready once it has read the ServiceAccounts and the API server's version.
fn await_ready(client: &Client) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !client.is_well("/readyz") {
        if crate::process::interrupted() {
            bail!("interrupted");
        }
        if Instant::now() > deadline {
            bail!("the webhook was not ready within {} s", PATIENCE.as_secs());
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

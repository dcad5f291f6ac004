//! A server of reviews that is measured, with the way to start it.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use super::figures;
use super::site::Site;
use crate::http::Client;
use crate::process;
use crate::server::Server;

/// What stands for the port in a command line; servers listen on 127.0.0.1, or everywhere.
const PORT: &str = "{port}";

/// How a webhook is started that has our flags.
const OUR_FLAGS: [&str; 5] = [
    "server",
    "--listen-address=127.0.0.1:{port}",
    "--tls-cert-file={certificate}",
    "--tls-private-key-file={key}",
    "--drain-delay=0s",
];

/// Where reviews of pods are taken unless a command line says otherwise.
const PODS: &str = "/pods";

/// How long a server may take until it answers; one that knows 100,000 ServiceAccounts has read them first.
const PATIENCE: Duration = Duration::from_mins(3);

/// A server with its name in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Contender {
    /// The head of its column.
    pub(super) name: String,
    program: PathBuf,
    /// How it is started; empty where it has our flags.
    arguments: Vec<String>,
    path: String,
}

/// A server that answers; dropping it ends it.
pub(super) struct Running {
    server: Server,
    client: Client,
    /// Where reviews go, as `https://localhost:PORT/PATH`.
    pub(super) url: String,
    path: String,
}

impl Contender {
    /// A webhook with our flags.
    pub(super) fn ours(name: &str, program: &Path) -> Self {
        Self::with(name, program, Vec::new())
    }

    /// A server with these arguments, which takes reviews where ours does.
    pub(super) fn with(name: &str, program: &Path, arguments: Vec<String>) -> Self {
        Self {
            name: name.to_owned(),
            program: program.to_owned(),
            arguments,
            path: PODS.to_owned(),
        }
    }

    /// Reads `NAME=PROGRAM`, or `NAME=PROGRAM ARGUMENT …` with places to be filled in; `@/PATH` after the name says where
    /// it takes reviews.
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let (name, command) = text
            .split_once('=')
            .context("it is NAME=PROGRAM, or NAME=PROGRAM followed by arguments")?;
        let (name, path) = name.split_once('@').unwrap_or((name, PODS));
        let mut words = command.split_whitespace().map(str::to_owned);
        let program = words.next().context("no program follows the name")?;
        let arguments: Vec<_> = words.collect();
        ensure!(!name.is_empty(), "no name is before the `=`");
        ensure!(
            path.starts_with('/'),
            "the path after the `@` begins with `/`"
        );
        ensure!(
            arguments.is_empty() || arguments.iter().any(|argument| argument.contains(PORT)),
            "{PORT} has to stand in the arguments where the port belongs"
        );
        Ok(Self {
            name: name.to_owned(),
            program: program.into(),
            arguments,
            path: path.to_owned(),
        })
    }

    /// Starts it against the cluster of that kubeconfig, and waits until it answers this review.
    pub(super) fn start(
        &self,
        site: &Site<'_>,
        kubeconfig: &Path,
        review: &Value,
    ) -> anyhow::Result<Running> {
        let port = free_port()?;
        let mut command = Command::new(&self.program);
        command
            .args(self.arguments(port, site, kubeconfig))
            .env_clear()
            .env("KUBECONFIG", kubeconfig);
        let log = format!("{}-{port}", self.name);
        let base = format!("https://localhost:{port}");
        let mut running = Running {
            server: Server::start(&log, &mut command, site.folder)?,
            client: Client::new(&base, Some(&site.pem), None)?,
            url: format!("{base}{}", self.path),
            path: self.path.clone(),
        };
        let has_our_flags = self.arguments.is_empty();
        running.await_answer(review, has_our_flags)?;
        Ok(running)
    }

    fn arguments(&self, port: u16, site: &Site<'_>, kubeconfig: &Path) -> Vec<String> {
        let ours = OUR_FLAGS.map(str::to_owned).to_vec();
        let arguments = if self.arguments.is_empty() {
            &ours
        } else {
            &self.arguments
        };
        let filled = arguments.iter().map(|argument| {
            argument
                .replace(PORT, &port.to_string())
                .replace("{certificate}", &site.certificate.to_string_lossy())
                .replace("{key}", &site.key.to_string_lossy())
                .replace("{kubeconfig}", &kubeconfig.to_string_lossy())
        });
        filled.collect()
    }
}

impl Running {
    /// What it answers to a review.
    pub(super) fn answer(&self, review: &Value) -> anyhow::Result<Value> {
        self.client
            .send("POST", &self.path, "application/json", review)
    }

    /// How long it has been run by processors so far, in microseconds.
    pub(super) fn cpu(&mut self) -> anyhow::Result<f64> {
        figures::cpu(self.server.process())
    }

    /// What it has in memory, in MiB.
    pub(super) fn resident(&mut self) -> anyhow::Result<f64> {
        let memory = figures::memory(self.server.process())?;
        Ok(f64::from(memory.resident) / 1024.0)
    }

    /// One with our flags is ready when it has read the ServiceAccounts; of others only answers tell.
    fn await_answer(&mut self, review: &Value, has_our_flags: bool) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let is_ready = !has_our_flags || self.client.is_well("/readyz");
            let answer = is_ready.then(|| self.answer(review));
            match answer {
                Some(Ok(answer)) if answer["response"]["patch"].is_string() => return Ok(()),
                Some(Ok(answer)) => bail!("{} answered without a patch: {answer}", self.url),
                _ if process::interrupted() => bail!("interrupted"),
                _ if self.server.has_ended()? || Instant::now() > deadline => {
                    let said = std::fs::read_to_string(self.server.log())?;
                    bail!("{} did not answer; the server said:\n{said}", self.url)
                }
                _ => thread::sleep(Duration::from_millis(20)),
            }
        }
    }
}

/// A port that nobody listens on; nothing else here would take it in the meantime.
fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = listener.and_then(|listener| listener.local_addr());
    Ok(address.context("could not find a free port")?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_a_program_are_enough_for_a_webhook_with_our_flags() {
        let old = Contender::parse("old=/tmp/gtoken-webhook").unwrap();
        let ours = Contender::ours("old", Path::new("/tmp/gtoken-webhook"));
        assert_eq!(old, ours);
    }

    #[test]
    fn others_say_how_they_are_started_and_where_they_take_reviews() {
        let other = Contender::parse("eks@/mutate=/tmp/eks --port={port} --kube={kubeconfig}");
        let other = other.unwrap();
        assert_eq!((&*other.name, &*other.path), ("eks", "/mutate"));
        let site = Site {
            folder: Path::new("/t"),
            certificate: "/t/tls.crt".into(),
            key: "/t/tls.key".into(),
            pem: String::new(),
        };
        assert_eq!(
            other.arguments(1234, &site, Path::new("/t/few")),
            ["--port=1234", "--kube=/t/few"]
        );
    }

    #[test]
    fn what_cannot_be_started_is_refused() {
        for text in [
            "/tmp/eks",
            "eks=",
            "=/tmp/eks",
            "eks=/tmp/eks --tls",
            "eks@mutate=/tmp/eks",
        ] {
            assert!(Contender::parse(text).is_err(), "{text}");
        }
    }
}

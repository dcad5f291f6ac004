//! A sandbox, a webhook beside it, and a client that sends what an API server would.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use gtoken_sandbox::kubernetes::Kubernetes;
use gtoken_sandbox::{Config, Sandbox};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use serde_json::Value;
use tempfile::TempDir;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/reader";
const ROLE_ARN: &str = "amazonaws.com/role-arn";

/// A running webhook, which ends with this value.
pub(crate) struct Webhook {
    pub(crate) sandbox: Sandbox,
    pub(crate) address: String,
    pub(crate) child: Child,
    log: Receiver<String>,
    agent: Agent,
    _folder: TempDir,
}

/// An answer over HTTP.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: String,
}

impl Webhook {
    /// A webhook that is ready, in a cluster with `team-a/reader` (a role) and `team-a/plain` (none).
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    pub(crate) fn start_with(args: &[&str]) -> Self {
        let sandbox = Sandbox::start(Config::default()).unwrap();
        put_role(sandbox.kubernetes(), "reader", ROLE);
        sandbox
            .kubernetes()
            .put_service_account("team-a", "plain", &[]);
        Self::beside(sandbox, args)
    }

    /// A webhook that is ready beside this sandbox.
    pub(crate) fn beside(sandbox: Sandbox, args: &[&str]) -> Self {
        let webhook = Self::listening(sandbox, args);
        // A fault of watches that is played from here on meets one that is open.
        awaited("readiness and the watch", || {
            let is_watching = webhook.kubernetes().open_watches() > 0;
            (is_watching && webhook.get("/readyz").status == 200).then_some(())
        });
        webhook
    }

    /// A webhook beside this sandbox that answers, ready or not.
    pub(crate) fn listening(sandbox: Sandbox, args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = command(&sandbox, folder.path()).args(args).spawn().unwrap();
        let log = lines(&mut child);
        let line = logged(&log, "listening");
        let address = line["address"].as_str().unwrap().to_owned();
        Self {
            agent: agent(&sandbox),
            sandbox,
            address,
            child,
            log,
            _folder: folder,
        }
    }

    pub(crate) fn kubernetes(&self) -> &Kubernetes {
        self.sandbox.kubernetes()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        answer(self.agent.get(self.url(path)).call())
    }

    /// Sends a review as an API server does.
    pub(crate) fn post(&self, review: &Value) -> Answer {
        self.post_body("application/json", review.to_string())
    }

    pub(crate) fn post_body(&self, content_type: &str, body: impl Into<Vec<u8>>) -> Answer {
        let request = self.agent.post(self.url("/pods?timeout=10s"));
        let body: Vec<u8> = body.into();
        answer(request.content_type(content_type).send(&body))
    }

    /// The `response` of a review that is answered.
    #[track_caller]
    pub(crate) fn review(&self, review: &Value) -> Value {
        let answer = self.post(review);
        assert_eq!(answer.status, 200, "{answer:?}");
        let mut json: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(json["response"]["uid"], review["request"]["uid"]);
        json["response"].take()
    }

    /// A client that shares nothing with another.
    pub(crate) fn agent(&self) -> Agent {
        agent(&self.sandbox)
    }

    /// Makes such clients elsewhere.
    pub(crate) fn agents(&self) -> impl Fn() -> Agent + Send + use<> {
        let authority = self.sandbox.ca_pem().to_owned();
        move || agent_trusting(&authority)
    }

    /// From now on the process may have no more than so many files open.
    pub(crate) fn limit_files(&self, most: u64) {
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        prlimit(Some(Pid::from_child(&self.child)), Resource::Nofile, limit).unwrap();
    }

    /// The most memory that the process ever had, in KiB.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.memory("VmHWM:")
    }

    /// A kind of memory that the process has, in KiB.
    pub(crate) fn memory(&self, kind: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let mut lines = status.lines();
        let amount = lines.find_map(|line| line.strip_prefix(kind)).unwrap();
        amount.trim().trim_end_matches(" kB").parse().unwrap()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    #[track_caller]
    pub(crate) fn assert_counted(&self, line: &str) {
        let metrics = self.get("/metrics").body;
        assert!(
            metrics.lines().any(|counted| counted.starts_with(line)),
            "{line}\n{metrics}"
        );
    }

    /// The process has not ended, and answers.
    #[track_caller]
    pub(crate) fn assert_lives(&mut self) {
        assert_eq!(self.child.try_wait().unwrap(), None);
        assert_eq!(self.get("/healthz").status, 200);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        awaited("the end", || self.child.try_wait().unwrap())
    }

    /// Waits for a line of the log with this message.
    #[track_caller]
    pub(crate) fn logged(&self, message: &str) -> Value {
        logged(&self.log, message)
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        if thread::panicking() {
            let lines: Vec<_> = self.log.try_iter().collect();
            eprintln!("{:#?}", &lines[lines.len().saturating_sub(30)..]);
        }
        // Fails only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The command that starts a webhook beside this sandbox, its files in `folder`.
pub(crate) fn command(sandbox: &Sandbox, folder: &Path) -> Command {
    let (certificate, key) = sandbox.issue_certificate(&["localhost", "127.0.0.1"]);
    let certificate = file(folder, "tls.crt", &certificate);
    let key = file(folder, "tls.key", &key);
    let mut command = command_without_certificate(sandbox, folder);
    command
        .arg(format!("--tls-cert-file={}", certificate.display()))
        .arg(format!("--tls-private-key-file={}", key.display()));
    command
}

/// The same, without any word about TLS.
pub(crate) fn command_without_certificate(sandbox: &Sandbox, folder: &Path) -> Command {
    let mut command = Command::new(binary());
    command
        .env_clear()
        .env(
            "KUBECONFIG",
            file(folder, "kubeconfig", &sandbox.kubeconfig()),
        )
        .args([
            "--json",
            "server",
            "--listen-address=127.0.0.1:0",
            "--drain-delay=0",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// The webhook that is tried: the one built with these tests, or that which `GTOKEN_WEBHOOK_BINARY` names.
pub(crate) fn binary() -> OsString {
    let named = std::env::var_os("GTOKEN_WEBHOOK_BINARY");
    named.unwrap_or_else(|| env!("CARGO_BIN_EXE_gtoken-webhook").into())
}

/// What a client of the sandbox's authority has for TLS, in these versions.
pub(crate) fn client_config(
    sandbox: &Sandbox,
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(sandbox.ca_pem().as_bytes());
    roots.add(authority.unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions);
    let config = config.unwrap().with_root_certificates(roots);
    config.with_no_client_auth()
}

pub(crate) fn file(folder: &Path, name: &str, content: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

pub(crate) fn put_role(kubernetes: &Kubernetes, name: &str, role: &str) {
    kubernetes.put_service_account("team-a", name, &[(ROLE_ARN, role)]);
}

/// Waits for something to be there, a little at a time.
#[track_caller]
pub(crate) fn awaited<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what} did not come");
        thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn lines(child: &mut Child) -> Receiver<String> {
    let (send, receive) = channel();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    thread::spawn(move || {
        lines
            .map_while(Result::ok)
            .all(|line| send.send(line).is_ok())
    });
    receive
}

/// Reads on to the line with this message.
#[track_caller]
pub(crate) fn logged(log: &Receiver<String>, message: &str) -> Value {
    loop {
        let line = log.recv_timeout(PATIENCE).unwrap();
        let line: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
        if line["message"] == message {
            return line;
        }
    }
}

fn agent(sandbox: &Sandbox) -> Agent {
    agent_trusting(sandbox.ca_pem())
}

fn agent_trusting(authority: &str) -> Agent {
    let authority = Certificate::from_pem(authority.as_bytes()).unwrap();
    let tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&[authority]));
    let config = Agent::config_builder()
        .tls_config(tls.build())
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .proxy(None);
    config.build().new_agent()
}

pub(crate) fn answer(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Answer {
    let mut response = response.unwrap();
    let retry_after = response.headers().get("retry-after");
    Answer {
        status: response.status().as_u16(),
        retry_after: retry_after.map(|value| value.to_str().unwrap().to_owned()),
        body: response.body_mut().read_to_string().unwrap(),
    }
}

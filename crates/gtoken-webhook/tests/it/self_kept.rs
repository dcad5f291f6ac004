//! Certificates that the webhook keeps itself: replicas as processes, beside one Kubernetes API.

use std::collections::{BTreeSet, HashSet};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Output, Stdio};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gtoken_sandbox::kubernetes::{Fault, Kubernetes};
use gtoken_sandbox::{Config, Sandbox};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{awaited, command_without_certificate, file, lines, logged};

const NAME: &str = "gtoken-webhook-svc.default.svc";
const SECRET: &str = "gtoken-webhook-certs";
const CONFIGURATION: &str = "gtoken-webhook";
const ENTRIES: [&str; 3] = [
    "required.pods.gtoken",
    "optional.pods.gtoken",
    "warn.serviceaccounts.gtoken",
];
/// The shortest times that leave room for a renewal.
const SHORT: [&str; 3] = [
    "--ca-validity=33s",
    "--leaf-validity=9s",
    "--ca-propagation=1s",
];

/// A cluster in which the chart was just installed.
fn cluster() -> Sandbox {
    let sandbox = Sandbox::start(Config::default()).unwrap();
    put_empty_secret(sandbox.kubernetes());
    put_configuration(sandbox.kubernetes(), "");
    sandbox
}

fn put_empty_secret(kubernetes: &Kubernetes) {
    put_secret(kubernetes, &json!({}));
}

fn put_secret(kubernetes: &Kubernetes, change: &Value) {
    let mut secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"namespace": "default", "name": SECRET},
        "type": "Opaque",
    });
    for (field, value) in change.as_object().unwrap() {
        secret[field] = value.clone();
    }
    kubernetes.put_named(secret);
}

/// Every entry of it has this `caBundle`.
fn put_configuration(kubernetes: &Kubernetes, bundle: &str) {
    let entries = ENTRIES.map(|name| {
        json!({"name": name, "clientConfig": {
            "service": {"name": "gtoken-webhook-svc", "namespace": "default"},
            "caBundle": STANDARD.encode(bundle),
        }})
    });
    kubernetes.put_named(json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": CONFIGURATION},
        "webhooks": entries,
    }));
}

/// The `caBundle` that all entries have; none if they differ.
fn bundle(kubernetes: &Kubernetes) -> Option<String> {
    let configuration = kubernetes.webhook_configuration(CONFIGURATION)?;
    let entries = configuration["webhooks"].as_array()?.iter();
    let bundles: BTreeSet<_> = entries
        .map(|entry| {
            entry["clientConfig"]["caBundle"]
                .as_str()
                .unwrap_or_default()
        })
        .collect();
    let [bundle] = Vec::from_iter(bundles)[..] else {
        return None;
    };
    Some(String::from_utf8(STANDARD.decode(bundle).unwrap()).unwrap())
}

fn authorities(bundle: &str) -> HashSet<CertificateDer<'static>> {
    let certificates = CertificateDer::pem_slice_iter(bundle.as_bytes());
    certificates.map(Result::unwrap).collect()
}

/// A value of the Secret.
fn kept(kubernetes: &Kubernetes, key: &str) -> Option<String> {
    let secret = kubernetes.secret("default", SECRET)?;
    let value = STANDARD.decode(secret["data"][key].as_str()?).unwrap();
    Some(String::from_utf8(value).unwrap())
}

/// Writes a value of the Secret, as somebody else might.
fn meddle(kubernetes: &Kubernetes, key: &str, value: Option<&str>) {
    let mut secret = kubernetes.secret("default", SECRET).unwrap();
    let data = secret["data"].as_object_mut().unwrap();
    data.remove(key);
    data.extend(value.map(|value| (key.to_owned(), json!(STANDARD.encode(value)))));
    kubernetes.put_named(secret);
}

/// One replica, which ends with this value.
struct Replica {
    address: String,
    telemetry: String,
    child: Child,
    log: Receiver<String>,
    _folder: TempDir,
}

impl Replica {
    fn start(sandbox: &Sandbox, args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = command_without_certificate(sandbox, folder.path());
        command.args(["--tls-mode=self", "--telemetry-listen-address=127.0.0.1:0"]);
        let mut child = command.args(args).spawn().unwrap();
        let log = lines(&mut child);
        let address = |message| {
            logged(&log, message)["address"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        Self {
            address: address("listening"),
            telemetry: address("listening for telemetry"),
            child,
            log,
            _folder: folder,
        }
    }

    fn get(&self, path: &str) -> (u16, String) {
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        let agent = config.proxy(None).build().new_agent();
        let mut answer = agent
            .get(format!("http://{}{path}", self.telemetry))
            .call()
            .unwrap();
        let status = answer.status().as_u16();
        (status, answer.body_mut().read_to_string().unwrap())
    }

    fn is_ready(&self) -> bool {
        self.get("/readyz").0 == 200
    }

    #[track_caller]
    fn await_readiness(&self) {
        awaited("readiness", || self.is_ready().then_some(()));
    }

    /// How many steps of this kind came to this.
    fn steps(&self, step: &str, result: &str) -> u64 {
        let name = format!(
            r#"gtoken_webhook_certificate_steps_total{{step="{step}",result="{result}"}} "#
        );
        let metrics = self.get("/metrics").1;
        let mut lines = metrics.lines();
        let count = lines.find_map(|line| line.strip_prefix(&name));
        count.map_or(0, |count| count.parse().unwrap())
    }

    /// The leaf that a client is served which trusts this bundle alone, as an API server does.
    fn served(&self, bundle: &str) -> Result<CertificateDer<'static>, String> {
        let mut roots = RootCertStore::empty();
        for authority in authorities(bundle) {
            roots.add(authority).map_err(|error| error.to_string())?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from(NAME).unwrap();
        let mut tls = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = TcpStream::connect(&self.address).map_err(|error| error.to_string())?;
        let mut stream = rustls::Stream::new(&mut tls, &mut stream);
        let request = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        stream
            .write_all(request)
            .map_err(|error| error.to_string())?;
        let mut answer = [0; 12];
        stream
            .read_exact(&mut answer)
            .map_err(|error| error.to_string())?;
        assert_eq!(&answer, b"HTTP/1.1 200");
        Ok(tls.peer_certificates().unwrap()[0].clone().into_owned())
    }

    /// Waits until this replica is trusted by what all entries have, and serves what the Secret holds.
    #[track_caller]
    fn await_good(&self, kubernetes: &Kubernetes) -> CertificateDer<'static> {
        awaited("a good certificate", || {
            let leaf = self.served(&bundle(kubernetes)?).ok()?;
            let pem = kept(kubernetes, "tls.crt")?;
            let stored = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
            (leaf == stored).then_some(leaf)
        })
    }

    /// Waits for this step to be done, and for what is good after it.
    #[track_caller]
    fn await_step(&self, step: &str, before: u64) {
        awaited(step, || (self.steps(step, "done") > before).then_some(()));
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let lines: Vec<_> = self.log.try_iter().collect();
            eprintln!("{:#?}", &lines[lines.len().saturating_sub(30)..]);
        }
        // Fails only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn an_empty_secret_becomes_a_certificate_that_is_trusted() {
    let sandbox = cluster();
    let replica = Replica::start(&sandbox, &["--log-level=trace"]);
    replica.await_readiness();
    let kubernetes = sandbox.kubernetes();
    let leaf = replica.await_good(kubernetes);
    assert_eq!(authorities(&bundle(kubernetes).unwrap()).len(), 1);
    let service = &kubernetes.webhook_configuration(CONFIGURATION).unwrap()["webhooks"][0];
    assert_eq!(
        service["clientConfig"]["service"]["name"],
        "gtoken-webhook-svc"
    );
    let (_, ready) = replica.get("/readyz");
    assert!(ready.contains("[+] the caBundle: ok"), "{ready}");
    let (_, metrics) = replica.get("/metrics");
    for name in ["certificate_expiry", "authority_expiry", "last_rotation"] {
        let name = format!("gtoken_webhook_{name}_timestamp_seconds 1");
        assert!(metrics.contains(&name), "{name} is not in {metrics}");
    }

    // Whoever comes later takes what is there, and writes nothing.
    let version =
        kubernetes.secret("default", SECRET).unwrap()["metadata"]["resourceVersion"].take();
    let second = Replica::start(&sandbox, &[]);
    second.await_readiness();
    assert_eq!(second.await_good(kubernetes), leaf);
    let secret = kubernetes.secret("default", SECRET).unwrap();
    assert_eq!(secret["metadata"]["resourceVersion"], version);

    // No key is told to anybody.
    let lines: Vec<_> = replica.log.try_iter().collect();
    for key in ["ca.key", "tls.key"] {
        let key = kept(kubernetes, key).unwrap();
        let text = key.lines().nth(1).unwrap();
        let coded = &STANDARD.encode(&key)[..40];
        let is_told = |line: &&String| line.contains(text) || line.contains(coded);
        assert_eq!(lines.iter().find(is_told), None);
    }
}

#[test]
fn three_replicas_that_begin_at_once_have_one_certificate() {
    let sandbox = cluster();
    let replicas = [(); 3].map(|()| Replica::start(&sandbox, &[]));
    for replica in &replicas {
        replica.await_readiness();
    }
    let leaves: HashSet<_> = replicas
        .iter()
        .map(|replica| replica.await_good(sandbox.kubernetes()))
        .collect();
    assert_eq!(leaves.len(), 1);
    assert_eq!(authorities(&bundle(sandbox.kubernetes()).unwrap()).len(), 1);
}

#[test]
fn nobody_is_ready_before_the_ca_bundle_is_read_back() {
    let sandbox = cluster();
    sandbox
        .kubernetes()
        .withhold("patch", "mutatingwebhookconfigurations");
    let replica = Replica::start(&sandbox, &[]);
    let said = logged(&replica.log, TROUBLE)["reason"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(said.contains("mutatingwebhookconfigurations"), "{said}");
    let (status, why) = replica.get("/readyz");
    assert_eq!(status, 503);
    assert!(why.contains("the caBundle"), "{why}");
    sandbox.kubernetes().grant_all();
    replica.await_readiness();
    replica.await_good(sandbox.kubernetes());
}

const TROUBLE: &str = "certificates cannot be kept up; what is served is served on";

/// The steps of a rotation, in their order, and those of the start.
const STEPS: [&str; 6] = [
    "make-authority",
    "publish",
    "sign-leaf",
    "make-next-authority",
    "rotate-authority",
    "retire-authority",
];

#[test]
fn authorities_and_leaves_change_and_no_client_is_turned_away() {
    let sandbox = cluster();
    let kubernetes = sandbox.kubernetes();
    let mut replicas = [(); 2].map(|()| Replica::start(&sandbox, &SHORT));
    for replica in &replicas {
        replica.await_readiness();
    }
    let (mut leaves, mut seen, mut killed) = (HashSet::new(), HashSet::new(), BTreeSet::new());
    // What an API server trusts is as old as the round before.
    let mut trusted = bundle(kubernetes).unwrap();
    let deadline = Instant::now() + Duration::from_mins(5);
    while seen.len() < 3 || leaves.len() < 6 || killed.len() < STEPS.len() {
        let newer = bundle(kubernetes).expect("all entries have the same caBundle");
        for replica in &mut replicas {
            leaves.insert(replica.served(&trusted).unwrap());
            // After each kind of step the replica that took it is killed once, and another takes its place.
            let step = replica.log.try_iter().find_map(|line| step_of(&line));
            if step.is_some_and(|step| killed.insert(step)) {
                *replica = Replica::start(&sandbox, &SHORT);
                replica.await_readiness();
            }
        }
        seen.extend(authorities(&trusted));
        trusted = newer;
        assert!(
            Instant::now() < deadline,
            "{} authorities, {} leaves, killed after {killed:?}",
            seen.len(),
            leaves.len()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    for step in STEPS {
        let failed = replicas.iter().map(|replica| replica.steps(step, "failed"));
        assert_eq!(failed.sum::<u64>(), 0, "{step}");
    }
}

/// The step that a line of the log tells of.
fn step_of(line: &str) -> Option<&'static str> {
    let line: Value = serde_json::from_str(line).ok()?;
    STEPS.into_iter().find(|step| line["step"] == *step)
}

#[test]
fn what_is_wrong_in_the_secret_is_put_right() {
    let sandbox = cluster();
    let kubernetes = sandbox.kubernetes();
    let replica = Replica::start(&sandbox, &SHORT_WAIT);
    replica.await_readiness();
    let mut leaf = replica.await_good(kubernetes);
    let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
    for (key, value, step) in [
        ("tls.crt", None, "sign-leaf"),
        ("tls.key", Some("nonsense"), "sign-leaf"),
        ("tls.key", Some(&*other), "sign-leaf"),
        ("ca.key", None, "make-authority"),
        ("ca.key", Some(&*other), "make-authority"),
        ("ca.crt", Some("nonsense"), "make-authority"),
    ] {
        let before = replica.steps(step, "done");
        meddle(kubernetes, key, value);
        replica.await_step(step, before);
        let said = logged(
            &replica.log,
            "the Secret held what cannot be used, and is put right",
        );
        let defects = said["defects"].as_str().unwrap();
        assert!(defects.starts_with(&key[..2]), "{defects}");
        // All the while the one before is served on and trusted.
        replica.served(&bundle(kubernetes).unwrap()).unwrap();
        let next = awaited("another leaf", || {
            Some(replica.await_good(kubernetes)).filter(|next| *next != leaf)
        });
        leaf = next;
    }
    let before = replica.steps("adopt", "done");
    meddle(kubernetes, "state.json", Some("nonsense"));
    replica.await_step("adopt", before);
    assert!(replica.is_ready());
}

/// The times of the chart, but for the wait for API servers.
const SHORT_WAIT: [&str; 1] = ["--ca-propagation=1s"];

#[test]
fn a_secret_that_is_gone_is_said_and_taken_up_when_it_is_back() {
    let sandbox = cluster();
    let kubernetes = sandbox.kubernetes();
    let replica = Replica::start(&sandbox, &SHORT_WAIT);
    replica.await_readiness();
    let leaf = replica.await_good(kubernetes);
    kubernetes.delete_secret("default", SECRET);
    let said = logged(&replica.log, TROUBLE);
    let reason = said["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("the Secret default/gtoken-webhook-certs does not exist"),
        "{reason}"
    );
    assert_eq!(
        replica.served(&bundle(kubernetes).unwrap()),
        Ok(leaf.clone())
    );
    put_empty_secret(kubernetes);
    let next = awaited("another leaf", || {
        assert!(replica.served(&bundle(kubernetes).unwrap()).is_ok());
        Some(replica.await_good(kubernetes)).filter(|next| *next != leaf)
    });
    // What the old authority has signed may be served elsewhere yet.
    assert_eq!(authorities(&bundle(kubernetes).unwrap()).len(), 2);
    assert_ne!(next, leaf);
}

#[test]
fn a_ca_bundle_that_others_change_is_put_right() {
    let sandbox = cluster();
    let kubernetes = sandbox.kubernetes();
    let stranger = rcgen::generate_simple_self_signed(["stranger".to_owned()]).unwrap();
    let stranger = stranger.cert.pem();
    // Whoever was served before us is trusted on.
    put_configuration(kubernetes, &stranger);
    let replica = Replica::start(&sandbox, &SHORT_WAIT);
    replica.await_readiness();
    replica.await_good(kubernetes);
    assert_eq!(authorities(&bundle(kubernetes).unwrap()).len(), 2);

    for spoilt in ["", "nonsense"] {
        let before = replica.steps("publish", "done");
        put_configuration(kubernetes, spoilt);
        replica.await_step("publish", before);
        replica.await_good(kubernetes);
    }
    kubernetes.delete_webhook_configuration(CONFIGURATION);
    logged(&replica.log, TROUBLE);
    put_configuration(kubernetes, "");
    replica.await_good(kubernetes);

    // What comes later goes.
    let before = replica.steps("put-right", "done");
    let later = rcgen::generate_simple_self_signed(["later".to_owned()]).unwrap();
    let later = later.cert.pem();
    put_configuration(
        kubernetes,
        &format!("{}{later}", bundle(kubernetes).unwrap()),
    );
    replica.await_step("put-right", before);
    let later = authorities(&later);
    awaited("the stranger's end", || {
        authorities(&bundle(kubernetes)?)
            .is_disjoint(&later)
            .then_some(())
    });
    assert_eq!(authorities(&bundle(kubernetes).unwrap()).len(), 2);
}

#[test]
fn each_verb_that_is_taken_is_named_and_missed_by_nobody_who_is_served() {
    let sandbox = cluster();
    let kubernetes = sandbox.kubernetes();
    let replica = Replica::start(&sandbox, &SHORT_WAIT);
    replica.await_readiness();
    replica.await_good(kubernetes);
    for (verb, resource) in [
        ("get", "secrets"),
        ("patch", "secrets"),
        ("get", "mutatingwebhookconfigurations"),
        ("patch", "mutatingwebhookconfigurations"),
    ] {
        let before = bundle(kubernetes).unwrap();
        kubernetes.withhold(verb, resource);
        // Something to do, for whoever can.
        if resource == "secrets" {
            meddle(kubernetes, "tls.crt", None);
        } else {
            put_configuration(kubernetes, "");
        }
        let said = awaited("the missing rule", || {
            let said = logged(&replica.log, TROUBLE)["reason"].as_str()?.to_owned();
            said.contains("forbidden").then_some(said)
        });
        assert!(said.contains(verb) && said.contains(resource), "{said}");
        assert!(
            said.contains("add to the webhook's roles the rule"),
            "{said}"
        );
        replica.served(&before).unwrap();
        assert!(replica.is_ready());
        kubernetes.grant_all();
        replica.await_good(kubernetes);
    }
}

#[test]
fn what_changes_is_heard_of_and_without_that_looked_for() {
    let sandbox = cluster();
    let kubernetes = sandbox.kubernetes();
    // By itself it looks every 30 s, which is longer than anything is waited for here.
    let replica = Replica::start(&sandbox, &[]);
    replica.await_readiness();
    awaited("both watches", || {
        let requests = kubernetes.requests();
        let mut watches = requests
            .iter()
            .filter(|seen| seen.path.contains("fieldSelector="));
        watches.nth(1).map(drop)
    });
    put_configuration(kubernetes, "");
    replica.await_good(kubernetes);

    for resource in ["secrets", "mutatingwebhookconfigurations"] {
        kubernetes.withhold("watch", resource);
    }
    let deaf = Replica::start(&sandbox, &[]);
    let late = "changes are noticed late, by looking every 5 s";
    for _ in 0..2 {
        let said = logged(&deaf.log, late)["reason"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(said.contains(r#""verbs":["watch"]"#), "{said}");
    }
    drop(replica);
    deaf.await_readiness();
    put_configuration(kubernetes, "");
    deaf.await_good(kubernetes);
}

#[test]
fn an_api_server_that_is_away_for_a_while_is_outlasted() {
    let sandbox = cluster();
    let kubernetes = sandbox.kubernetes();
    let replica = Replica::start(&sandbox, &SHORT);
    replica.await_readiness();
    let before = bundle(kubernetes).unwrap();
    kubernetes.play(Fault::Away);
    let looks = replica.steps("look", "failed");
    awaited("several looks in vain", || {
        replica.served(&before).unwrap();
        (replica.steps("look", "failed") > looks + 3).then_some(())
    });
    kubernetes.play(Fault::None);
    let before = replica.steps("sign-leaf", "done");
    replica.await_step("sign-leaf", before);
    replica.await_good(kubernetes);
}

/// Runs a replica that must not go on.
fn refused(sandbox: &Sandbox, args: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command_without_certificate(sandbox, folder.path());
    command
        .args(["--tls-mode=self"])
        .args(args)
        .stdout(Stdio::piped());
    command.output().unwrap()
}

#[test]
fn what_is_not_ours_to_keep_ends_the_start_and_is_named() {
    let sandbox = cluster();
    let kubernetes = sandbox.kubernetes();
    let owner = json!({"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "name": "hook", "uid": "1"});
    let belonging =
        json!({"metadata": {"namespace": "default", "name": SECRET, "ownerReferences": [owner]}});
    for (secret, args, words) in [
        (
            json!({"type": "kubernetes.io/tls"}),
            &[][..],
            "its type is kubernetes.io/tls, not Opaque",
        ),
        (belonging, &[], "it belongs to Certificate hook"),
        (
            json!({}),
            &["--webhook-entries=optional.pods.gtoken,other"],
            "has no entry other",
        ),
    ] {
        put_secret(kubernetes, &secret);
        let output = refused(&sandbox, args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(words) && said.contains("--"), "{said}");
    }

    // Whoever is being served is served on.
    put_empty_secret(kubernetes);
    let mut replica = Replica::start(&sandbox, &[]);
    replica.await_readiness();
    let leaf = replica.await_good(kubernetes);
    put_secret(kubernetes, &json!({"type": "kubernetes.io/tls"}));
    let said = logged(&replica.log, TROUBLE)["reason"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(said.contains("is not ours to write"), "{said}");
    assert_eq!(replica.served(&bundle(kubernetes).unwrap()), Ok(leaf));
    assert_eq!(replica.child.try_wait().unwrap(), None);
}

#[test]
fn a_dry_start_tries_what_certificates_need_and_changes_nothing() {
    let sandbox = cluster();
    let kubernetes = sandbox.kubernetes();
    let output = refused(&sandbox, &["--dry-start"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    for line in [
        "ok    certificate: made for gtoken-webhook-svc.default.svc",
        "ok    patch Secret",
        "ok    watch Secret",
    ] {
        assert!(said.contains(line), "{said}");
    }
    assert_eq!(kept(kubernetes, "ca.crt"), None);
    kubernetes.withhold("patch", "mutatingwebhookconfigurations");
    let output = refused(&sandbox, &["--dry-start"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("FAIL  patch MutatingWebhookConfiguration"),
        "{said}"
    );
}

#[test]
fn with_files_nothing_of_others_is_written() {
    let sandbox = cluster();
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = sandbox.issue_certificate(&["localhost"]);
    let certificate = file(folder.path(), "tls.crt", &certificate);
    let key = file(folder.path(), "tls.key", &key);
    let mut command = command_without_certificate(&sandbox, folder.path());
    command
        .arg("--tls-mode=files")
        .arg(format!("--tls-cert-file={}", certificate.display()))
        .arg(format!("--tls-private-key-file={}", key.display()));
    let mut child = command.spawn().unwrap();
    let log = lines(&mut child);
    logged(&log, "the API server's version");
    for request in sandbox.kubernetes().requests() {
        assert_eq!(request.method, "GET", "{request:?}");
        let is_about_certificates = ["secrets", "webhook"]
            .iter()
            .any(|word| request.path.contains(word));
        assert!(!is_about_certificates, "{request:?}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

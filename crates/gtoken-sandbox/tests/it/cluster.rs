//! Pods told apart by their addresses: the sandbox's own Kubernetes API is the cluster, addresses of loopback are the pods'.

use std::net::IpAddr;
use std::time::{Duration, UNIX_EPOCH};

use gtoken_sandbox::google::{GoogleIdentity, Scenario, Target};
use gtoken_sandbox::kubernetes::Fault;
use gtoken_sandbox::{Clock, ClusterConfig, Config, Sandbox, StartError};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::metadata::claims;
use crate::wire::{self, Reply};

const NODE: &str = "127.0.0.1";
const READER: &str = "127.0.0.2";
const WRITER: &str = "127.0.0.3";
const LINK: &str = "iam.gke.io/gcp-service-account";
const NOW: u64 = 1_800_000_000;
const READER_EMAIL: &str = "reader@p.iam.gserviceaccount.com";

/// A sandbox, and another whose Kubernetes API is its cluster, with two pods in different namespaces.
struct Bed {
    sandbox: Sandbox,
    cluster: Sandbox,
    clock: Clock,
    folder: TempDir,
}

impl Bed {
    fn start() -> Self {
        let cluster = Sandbox::start(Config::default()).expect("free ports");
        let folder = tempfile::tempdir().expect("a folder");
        let kubeconfig = folder.path().join("kubeconfig");
        std::fs::write(&kubeconfig, cluster.kubeconfig()).expect("written");
        let clock = Clock::stopped_at(UNIX_EPOCH + Duration::from_secs(NOW));
        let sandbox = Sandbox::start(Config {
            clock: clock.clone(),
            cluster: Some(ClusterConfig {
                pods_folder: folder.path().join("pods"),
                kubeconfig,
                node: GoogleIdentity::node(),
                accounts: [(READER_EMAIL.to_owned(), "1048".to_owned())].into(),
            }),
            ..Config::default()
        });
        let bed = Self {
            sandbox: sandbox.expect("free ports"),
            cluster,
            clock,
            folder,
        };
        bed.put_pod(READER, "team", "reader");
        bed.put_pod(WRITER, "crew", "writer");
        let kubernetes = bed.cluster.kubernetes();
        kubernetes.put_service_account("team", "reader-account", &[(LINK, READER_EMAIL)]);
        kubernetes.put_service_account("crew", "writer-account", &[]);
        bed
    }

    /// What the CNI plugin does, and what the API server knows.
    fn put_pod(&self, address: &str, namespace: &str, name: &str) {
        let uid = format!("uid-of-{name}");
        let entry = json!({
            "namespace": namespace, "name": name, "uid": uid, "containerID": name, "since": NOW * 1000,
        });
        let pods = self.folder.path().join("pods");
        std::fs::create_dir_all(&pods).expect("a folder");
        std::fs::write(pods.join(address), entry.to_string()).expect("written");
        let account = format!("{name}-account");
        let kubernetes = self.cluster.kubernetes();
        kubernetes.put_pod(namespace, name, &uid, &account);
    }

    fn try_get(&self, from: &str, path: &str) -> Option<Reply> {
        let from: IpAddr = from.parse().expect("an address");
        let path = format!("/computeMetadata/v1/instance/service-accounts/default/{path}");
        wire::get_from(from, self.sandbox.metadata_address(), &path)
    }

    fn token(&self, from: &str) -> Reply {
        self.try_get(from, "identity?audience=me")
            .expect("an answer")
    }
}

#[test]
fn each_pod_acts_as_the_account_of_its_own_service_account() {
    let bed = Bed::start();
    let of_reader = claims(&bed.token(READER).body);
    assert_eq!(
        (&of_reader["email"], &of_reader["sub"]),
        (&json!(READER_EMAIL), &json!("1048"))
    );

    let refused = bed.token(WRITER);
    assert_eq!(refused.status, 404);
    let text = "Your Kubernetes service account (crew/writer-account) is not annotated";
    assert!(refused.body.starts_with(text), "{}", refused.body);

    let of_node = claims(&bed.token(NODE).body);
    assert_eq!(of_node["sub"], GoogleIdentity::node().unique_id);
    assert_eq!(of_node["email"], Value::Null);
    let email = bed.try_get(NODE, "email").unwrap().body;
    assert_eq!(email, GoogleIdentity::node().email);
}

#[test]
fn a_changed_annotation_holds_from_the_next_request_on() {
    let bed = Bed::start();
    let kubernetes = bed.cluster.kubernetes();
    let email = "writer@p.iam.gserviceaccount.com";
    kubernetes.put_service_account("crew", "writer-account", &[(LINK, email)]);
    let claims = claims(&bed.token(WRITER).body);
    assert_eq!(claims["email"], email);
    assert_eq!(claims["sub"], GoogleIdentity::named(email).unique_id);
    kubernetes.delete_service_account("crew", "writer-account");
    assert_eq!(bed.token(WRITER).status, 404);
}

#[test]
fn a_caller_that_cannot_be_made_out_gets_no_token() {
    let bed = Bed::start();
    bed.cluster
        .kubernetes()
        .put_pod("team", "reader", "another-uid", "x");
    let reply = bed.token(READER);
    assert_eq!(reply.status, 503);
    assert!(reply.body.contains("team/reader"), "{}", reply.body);

    std::fs::write(bed.folder.path().join("pods").join(WRITER), "{").unwrap();
    let reply = bed.token(WRITER);
    assert_eq!(reply.status, 503);
    assert!(reply.body.contains(WRITER), "{}", reply.body);
}

#[test]
fn a_cluster_that_is_away_is_named() {
    let bed = Bed::start();
    bed.cluster.kubernetes().play(Fault::Away);
    let reply = bed.token(READER);
    assert_eq!(reply.status, 503);
    let url = bed.cluster.kubernetes_url();
    assert!(reply.body.contains(&url), "{}", reply.body);
    bed.cluster.kubernetes().play(Fault::None);
    assert_eq!(bed.token(READER).status, 200);
}

#[test]
fn a_scenario_of_one_namespace_meets_no_other() {
    let bed = Bed::start();
    let google = bed.sandbox.google();
    google.play_to(&Target::namespace("team"), Scenario::Unavailable);
    assert_eq!(bed.token(READER).body.matches("<html>").count(), 1);
    assert_eq!(
        [READER, WRITER].map(|from| bed.token(from).status),
        [503, 404]
    );
    assert_eq!(bed.token(NODE).status, 200);
}

#[test]
fn a_young_pod_is_refused_until_it_has_grown() {
    let bed = Bed::start();
    let young = Target {
        younger_than: Some(Duration::from_secs(20)),
        ..Target::namespace("team")
    };
    bed.sandbox.google().play_to(&young, Scenario::Refused);
    bed.clock.advance(Duration::from_secs(19));
    assert!(bed.try_get(READER, "identity?audience=me").is_none());
    assert_eq!(bed.token(NODE).status, 200);
    bed.clock.advance(Duration::from_secs(1));
    assert_eq!(bed.token(READER).status, 200);
}

#[test]
fn an_account_is_told_as_its_tokens_show_it() {
    let bed = Bed::start();
    let agent = wire::agent(bed.sandbox.ca_pem());
    let told = |email: &str| {
        let url = format!("{}/accounts?email={email}", bed.sandbox.control_url());
        let reply = wire::get(&agent, &url, &[]).unwrap();
        serde_json::from_str::<GoogleIdentity>(&reply.body).unwrap()
    };
    let of_token = claims(&bed.token(READER).body);
    assert_eq!(told(READER_EMAIL).unique_id, of_token["sub"]);
    let other = "other@p.iam.gserviceaccount.com";
    assert_eq!(told(other), GoogleIdentity::named(other));
}

#[test]
fn requests_are_found_by_the_pod_that_sent_them() {
    let bed = Bed::start();
    for from in [READER, NODE, WRITER, READER] {
        bed.token(from);
    }
    let agent = wire::agent(bed.sandbox.ca_pem());
    let url = format!("{}/requests?namespace=team", bed.sandbox.control_url());
    let reply = wire::get(&agent, &url, &[]).unwrap();
    let found: Value = serde_json::from_str(&reply.body).unwrap();
    let found = found.as_array().unwrap();
    assert_eq!(found.len(), 2);
    for request in found {
        let seen = [&request["pod"], &request["address"], &request["time"]];
        assert_eq!(seen, ["reader", READER, "2027-01-15T08:00:00Z"]);
    }
}

#[test]
fn a_kubeconfig_that_cannot_be_used_is_named_at_the_start() {
    let config = Config {
        cluster: Some(ClusterConfig {
            pods_folder: "/nowhere".into(),
            kubeconfig: "/nowhere/admin.conf".into(),
            node: GoogleIdentity::node(),
            accounts: [].into(),
        }),
        ..Config::default()
    };
    let error = Sandbox::start(config).err().expect("a missing file");
    assert!(matches!(error, StartError::Cluster(_)));
    assert!(error.to_string().contains("/nowhere/admin.conf"), "{error}");
}

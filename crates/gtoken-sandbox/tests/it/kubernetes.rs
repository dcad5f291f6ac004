//! The Kubernetes API over TLS: what only a socket can show.

use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;
use std::time::Duration;

use gtoken_sandbox::kubernetes::Fault;
use gtoken_sandbox::{Config, Sandbox};
use serde_json::Value;
use ureq::http::Response;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body};

const ALL: &str = "/api/v1/serviceaccounts";
const ONE: &str = "/api/v1/namespaces/team/serviceaccounts/reader";

/// A sandbox, and a client made of nothing but its kubeconfig.
struct Cluster {
    sandbox: Sandbox,
    agent: Agent,
    token: String,
}

impl Cluster {
    fn start() -> Self {
        let sandbox = Sandbox::start(Config::default()).expect("free ports");
        let kubeconfig: Value = serde_json::from_str(&sandbox.kubeconfig()).expect("JSON");
        let token = kubeconfig["users"][0]["user"]["token"]
            .as_str()
            .expect("a token")
            .to_owned();
        let authority = Certificate::from_pem(sandbox.ca_pem().as_bytes()).expect("a certificate");
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(vec![authority])))
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(20)))
            .build()
            .new_agent();
        sandbox
            .kubernetes()
            .put_service_account("team", "reader", &[("a", "b")]);
        Self {
            sandbox,
            agent,
            token,
        }
    }

    fn get(&self, path: &str) -> Result<Response<Body>, ureq::Error> {
        let url = format!("{}{path}", self.sandbox.kubernetes_url());
        let bearer = format!("Bearer {}", self.token);
        self.agent.get(url).header("authorization", bearer).call()
    }

    fn watch(&self) -> impl BufRead + use<> {
        let answer = self
            .get(&format!("{ALL}?watch=1&allowWatchBookmarks=1"))
            .expect("an answer");
        assert_eq!(answer.status(), 200);
        BufReader::new(answer.into_body().into_reader())
    }
}

fn event(watch: &mut impl BufRead) -> Value {
    let mut line = String::new();
    watch.read_line(&mut line).expect("a line");
    serde_json::from_str(&line).expect("a JSON object a line")
}

#[test]
fn the_kubeconfig_opens_the_api() {
    let cluster = Cluster::start();
    let object: Value = cluster
        .get(ONE)
        .expect("an answer")
        .body_mut()
        .read_json()
        .expect("JSON");
    assert_eq!(object["metadata"]["annotations"]["a"], "b");
    let stranger = Cluster {
        token: "other".into(),
        ..cluster
    };
    assert_eq!(stranger.get(ONE).expect("an answer").status(), 401);
}

#[test]
fn each_event_of_a_watch_arrives_when_it_happens() {
    let cluster = Cluster::start();
    let mut watch = cluster.watch();
    assert_eq!(event(&mut watch)["type"], "ADDED");
    let kubernetes = cluster.sandbox.kubernetes();
    kubernetes.put_service_account("team", "reader", &[]);
    assert_eq!(event(&mut watch)["type"], "MODIFIED");
    kubernetes.send_bookmark();
    assert_eq!(event(&mut watch)["type"], "BOOKMARK");
    kubernetes.delete_service_account("team", "reader");
    assert_eq!(event(&mut watch)["type"], "DELETED");
    kubernetes.close_watches();
    assert_eq!(watch.read(&mut [0]).expect("a clean end"), 0);
}

#[test]
fn a_reset_get_has_a_head_and_no_body() {
    let cluster = Cluster::start();
    cluster.sandbox.kubernetes().play(Fault::GetReset.times(1));
    let mut answer = cluster.get(ONE).expect("the head");
    assert_eq!(answer.status(), 200);
    assert!(answer.body_mut().read_to_vec().is_err());
    assert_eq!(cluster.get(ONE).expect("an answer").status(), 200);
}

#[test]
fn half_an_object_arrives_before_the_cut() {
    let cluster = Cluster::start();
    cluster
        .sandbox
        .kubernetes()
        .play(Fault::HalfObject.times(1));
    let mut watch = cluster.watch();
    let mut half = Vec::new();
    assert!(watch.read_to_end(&mut half).is_err());
    assert!(half.starts_with(b"{"));
    assert!(serde_json::from_slice::<Value>(&half).is_err());
}

#[test]
fn a_server_that_is_away_answers_nothing_and_cuts_its_watches() {
    let cluster = Cluster::start();
    let mut watch = cluster.watch();
    event(&mut watch);
    let kubernetes = cluster.sandbox.kubernetes();
    kubernetes.play(Fault::Away);
    assert!(watch.read(&mut [0]).is_err());
    assert!(cluster.get(ONE).is_err());
    kubernetes.play(Fault::None);
    assert_eq!(cluster.get(ONE).expect("an answer").status(), 200);
}

//! The metadata server: what it answers on GKE, and what it does when it fails.

use std::time::{Duration, Instant, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gtoken_sandbox::google::{ANOTHER_AUDIENCE, GoogleIdentity, Identity, Scenario};
use gtoken_sandbox::{Clock, Config, Sandbox};
use serde_json::{Value, json};
use ureq::Agent;

use crate::wire::{self, Reply};

const FLAVOR: (&str, &str) = ("Metadata-Flavor", "Google");
const NOW: u64 = 1_800_000_000;

struct Metadata {
    sandbox: Sandbox,
    clock: Clock,
    agent: Agent,
}

impl Metadata {
    fn start() -> Self {
        let clock = Clock::stopped_at(UNIX_EPOCH + Duration::from_secs(NOW));
        let config = Config {
            clock: clock.clone(),
            ..Config::default()
        };
        let sandbox = Sandbox::start(config).expect("free ports");
        let agent = wire::agent(sandbox.ca_pem());
        Self {
            sandbox,
            clock,
            agent,
        }
    }

    fn try_get(&self, path: &str, headers: &[(&str, &str)]) -> Result<Reply, ureq::Error> {
        let address = self.sandbox.metadata_address();
        let url = format!("http://{address}/computeMetadata/v1/{path}");
        wire::get(&self.agent, &url, headers)
    }

    fn get(&self, path: &str) -> Reply {
        self.try_get(path, &[FLAVOR]).expect("an answer")
    }

    fn of_default(&self, path: &str) -> Reply {
        self.get(&format!("instance/service-accounts/default/{path}"))
    }

    fn token(&self) -> Reply {
        self.of_default("identity?audience=me")
    }

    fn play(&self, scenario: Scenario) -> Reply {
        self.sandbox.google().play(scenario);
        self.token()
    }
}

pub(crate) fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("a JWT");
    let payload = URL_SAFE_NO_PAD.decode(payload).expect("base64url");
    serde_json::from_slice(&payload).expect("JSON")
}

#[test]
fn a_linked_pod_gets_the_claims_of_gke_and_no_others() {
    let metadata = Metadata::start();
    let reply = metadata.of_default("identity?audience=gtoken/a%20b&format=full&licenses=TRUE");
    assert_eq!(reply.status, 200);
    let GoogleIdentity { email, unique_id } = GoogleIdentity::reader();
    let expected = json!({
        "aud": "gtoken/a b", "azp": unique_id, "email": email, "email_verified": true,
        "iat": NOW, "exp": NOW + 3600, "iss": "https://accounts.google.com", "sub": unique_id,
    });
    assert_eq!(claims(&reply.body), expected);
}

#[test]
fn a_node_gets_no_email_unless_it_asks_for_the_full_format() {
    let metadata = Metadata::start();
    let google = metadata.sandbox.google();
    google.set_identity(Identity::Node(GoogleIdentity::reader()));
    let standard = claims(&metadata.token().body);
    let mut names: Vec<_> = standard.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["aud", "azp", "exp", "iat", "iss", "sub"]);
    let full = claims(&metadata.of_default("identity?audience=me&format=full").body);
    assert_eq!(full["email"], GoogleIdentity::reader().email);
    assert_eq!(
        full["google"]["compute_engine"]["project_id"],
        "gtoken-sandbox"
    );
}

#[test]
fn an_unlinked_pod_gets_the_404_of_gke_and_the_pools_name() {
    let metadata = Metadata::start();
    metadata.sandbox.google().set_identity(Identity::Unlinked {
        namespace: "team".into(),
        service_account: "reader".into(),
    });
    let reply = metadata.token();
    assert_eq!(reply.status, 404);
    let text = "Your Kubernetes service account (team/reader) is not annotated with a target Google service account";
    assert!(reply.body.starts_with(text), "{}", reply.body);
    assert_eq!(
        metadata.of_default("email").body,
        "gtoken-sandbox.svc.id.goog"
    );
    assert_eq!(metadata.of_default("token").status, 200);
}

#[test]
fn the_paths_that_clients_read_are_there() {
    let metadata = Metadata::start();
    let email = GoogleIdentity::reader().email;
    for (path, body) in [
        ("", "instance/\nproject/\n".to_owned()),
        ("project/project-id", "gtoken-sandbox".to_owned()),
        ("project/numeric-project-id", "104815162342".to_owned()),
        (
            "instance/service-accounts/",
            format!("default/\n{email}/\n"),
        ),
        ("instance/service-accounts/default/email", email.clone()),
        (
            "instance/service-accounts/default/aliases",
            "default\n".to_owned(),
        ),
    ] {
        let reply = metadata.get(path);
        assert_eq!((reply.status, reply.body), (200, body), "{path}");
        assert_eq!(reply.flavor.as_deref(), Some("Google"), "{path}");
    }
    assert!(
        metadata
            .of_default("scopes")
            .body
            .contains("auth/cloud-platform\n")
    );
    assert!(metadata.of_default("").body.contains("identity\n"));
    let by_email = format!("instance/service-accounts/{email}/email");
    assert_eq!(metadata.get(&by_email).body, email);
    let all: Value = serde_json::from_str(&metadata.of_default("?recursive=true").body).unwrap();
    assert_eq!(
        (&all["email"], &all["aliases"]),
        (&json!(email), &json!(["default"]))
    );
    for path in [
        "nothing",
        "instance/service-accounts/nobody/email",
        "instance/service-accounts/default/nothing",
        "instance/service-accounts/default/identity/?audience=x",
        "/instance/service-accounts/default/email",
    ] {
        assert_eq!(metadata.get(path).status, 404, "{path}");
    }
}

#[test]
fn the_root_answers_without_the_header() {
    let metadata = Metadata::start();
    let url = format!("http://{}/", metadata.sandbox.metadata_address());
    let reply = wire::get(&metadata.agent, &url, &[]).unwrap();
    assert_eq!(
        (reply.status, reply.flavor.as_deref()),
        (200, Some("Google"))
    );
}

#[test]
fn requests_that_a_proxy_or_a_browser_could_have_made_are_refused() {
    let metadata = Metadata::start();
    let path = "instance/service-accounts/default/email";
    for headers in [
        &[][..],
        &[("Metadata-Flavor", "google")][..],
        &[FLAVOR, ("X-Forwarded-For", "10.0.0.1")][..],
    ] {
        assert_eq!(
            metadata.try_get(path, headers).unwrap().status,
            403,
            "{headers:?}"
        );
    }
    for path in ["identity", "identity?audience="] {
        let reply = metadata.of_default(path);
        let expected = (400, "non-empty audience parameter required\n");
        assert_eq!((reply.status, reply.body.as_str()), expected, "{path}");
    }
}

#[test]
fn an_access_token_is_remembered_until_it_expires() {
    let metadata = Metadata::start();
    let answer: Value = serde_json::from_str(&metadata.of_default("token").body).unwrap();
    assert_eq!(
        (&answer["expires_in"], &answer["token_type"]),
        (&json!(3600), &json!("Bearer"))
    );
    let token = answer["access_token"].as_str().unwrap();
    let google = metadata.sandbox.google();
    assert_eq!(
        google.access_token_owner(token),
        Some(GoogleIdentity::reader().email)
    );
    metadata.clock.advance(Duration::from_hours(1));
    assert_eq!(google.access_token_owner(token), None);
}

#[test]
fn scenarios_with_an_answer_give_that_answer() {
    let metadata = Metadata::start();
    for (scenario, status, part) in [
        (Scenario::Html200, 200, "<!DOCTYPE html>"),
        (Scenario::NotFound, 404, "<!DOCTYPE html>"),
        (Scenario::ServerError, 500, ""),
        (Scenario::Unavailable, 503, ""),
        (Scenario::TooManyRequests, 429, ""),
        (Scenario::JsonInstead, 200, "\"error\""),
        (Scenario::Redirect, 302, ""),
    ] {
        let reply = metadata.play(scenario);
        assert_eq!(reply.status, status, "{scenario:?}");
        assert!(reply.body.contains(part), "{scenario:?}: {}", reply.body);
        assert!(!reply.body.contains("eyJ"), "{scenario:?}");
    }
    assert_eq!(metadata.play(Scenario::Empty200).body, "");
    assert_eq!(
        metadata.play(Scenario::Truncated).body.split('.').count(),
        2
    );
    assert_eq!(metadata.play(Scenario::Healthy).body.split('.').count(), 3);
}

#[test]
fn scenarios_of_a_lost_connection_give_none() {
    let metadata = Metadata::start();
    let google = metadata.sandbox.google();
    for scenario in [Scenario::Refused, Scenario::BrokenOff] {
        google.play(scenario);
        let path = "instance/service-accounts/default/identity?audience=me";
        metadata
            .try_get(path, &[FLAVOR])
            .expect_err("a lost connection");
    }
}

#[test]
fn a_silent_server_takes_the_request_and_never_answers() {
    let metadata = Metadata::start();
    metadata.sandbox.google().play(Scenario::Silent);
    let address = metadata.sandbox.metadata_address();
    let request = metadata
        .agent
        .get(format!("http://{address}/"))
        .config()
        .timeout_global(Some(Duration::from_millis(200)))
        .build();
    request.call().expect_err("silence");
    assert_eq!(metadata.sandbox.google().requests().len(), 1);
}

#[test]
fn a_slow_server_answers_rightly_in_the_end() {
    let metadata = Metadata::start();
    let pause = Duration::from_millis(120);
    let begun = Instant::now();
    let reply = metadata.play(Scenario::Slow(pause));
    assert!(begun.elapsed() >= pause);
    assert_eq!(claims(&reply.body)["aud"], "me");
}

#[test]
fn scenarios_of_tokens_are_told_apart_by_their_times_and_audience() {
    let metadata = Metadata::start();
    let first = metadata.token().body;
    metadata.clock.advance(Duration::from_mins(1));
    assert_eq!(metadata.play(Scenario::SameToken).body, first);
    let older = claims(&metadata.play(Scenario::OlderToken).body);
    assert_eq!(older["exp"], NOW + 3000);
    let expired = claims(&metadata.play(Scenario::ExpiredToken).body);
    assert_eq!(expired["exp"], NOW + 59);
    let wrong = claims(&metadata.play(Scenario::WrongAudience).body);
    assert_eq!(wrong["aud"], ANOTHER_AUDIENCE);
    let healthy = claims(&metadata.play(Scenario::Healthy).body);
    assert_eq!(
        (&healthy["aud"], &healthy["exp"]),
        (&json!("me"), &json!(NOW + 3660))
    );
}

#[test]
fn scenarios_in_turn_meet_one_request_each() {
    let metadata = Metadata::start();
    let google = metadata.sandbox.google();
    google.play_in_turn([Scenario::Unavailable, Scenario::NotFound]);
    let statuses = [(); 3].map(|()| metadata.token().status);
    assert_eq!(statuses, [503, 404, 200]);
}

#[test]
fn what_reached_the_server_can_be_looked_at() {
    let metadata = Metadata::start();
    metadata.token();
    let requests = metadata.sandbox.google().requests();
    let [request] = &requests[..] else {
        panic!("{requests:?}");
    };
    assert_eq!(request.method, "GET");
    assert!(
        request.path.ends_with("/default/identity?audience=me"),
        "{}",
        request.path
    );
    assert_eq!(request.header("metadata-flavor"), Some("Google"));
    assert_eq!(request.header("x-forwarded-for"), None);
}

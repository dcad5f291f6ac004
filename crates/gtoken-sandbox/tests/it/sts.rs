//! `AssumeRoleWithWebIdentity`: which tokens AWS takes, and each refusal of one with AWS's code.

use std::time::{Duration, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gtoken_sandbox::aws::Role;
use gtoken_sandbox::google::GoogleIdentity;
use gtoken_sandbox::{Clock, Config, Sandbox};
use serde_json::{Value, json};
use ureq::Agent;

use crate::wire::{self, Reply};

pub(crate) const AUDIENCE: &str = "gtoken/sts/assume-role-with-web-identity";
pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/reader";
pub(crate) const NOW: u64 = 1_800_000_000;
pub(crate) const NOT_AUTHORIZED: &str = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
const NO_KEY: &str = "Couldn&apos;t retrieve verification key from your identity provider,  please reference \
                      AssumeRoleWithWebIdentity documentation for requirements";

/// A sandbox with the role `reader`, whose clock stands still.
pub(crate) struct Sts {
    pub(crate) sandbox: Sandbox,
    pub(crate) clock: Clock,
    pub(crate) agent: Agent,
}

impl Sts {
    pub(crate) fn start() -> Self {
        Self::with(Config::default())
    }

    fn with(mut config: Config) -> Self {
        config.clock = Clock::stopped_at(UNIX_EPOCH + Duration::from_secs(NOW));
        let clock = config.clock.clone();
        let sandbox = Sandbox::start(config).expect("free ports");
        sandbox
            .aws()
            .put_role(&Role::reader())
            .expect("a sound role");
        let agent = wire::agent(sandbox.ca_pem());
        Self {
            sandbox,
            clock,
            agent,
        }
    }

    pub(crate) fn token(&self) -> String {
        self.sandbox.google().id_token(AUDIENCE).expect("linked")
    }

    /// Claims that are taken, to be spoilt one at a time.
    fn claims() -> Value {
        let id = GoogleIdentity::reader().unique_id;
        json!({
            "iss": "https://accounts.google.com", "aud": AUDIENCE, "azp": id, "sub": id,
            "iat": NOW, "exp": NOW + 3600,
        })
    }

    pub(crate) fn signed(&self, change: impl FnOnce(&mut Value)) -> Reply {
        let mut claims = Self::claims();
        change(&mut claims);
        self.exchange(&self.sandbox.google().sign(&claims))
    }

    pub(crate) fn exchange(&self, token: &str) -> Reply {
        self.call(&[("WebIdentityToken", token)])
    }

    /// Calls with good parameters, of which these replace some.
    pub(crate) fn call(&self, changes: &[(&str, &str)]) -> Reply {
        let form = form(changes);
        let url = self.sandbox.sts_url();
        wire::post(&self.agent, &url, &[], &form).expect("an answer")
    }

    /// Why the last call was answered as it was.
    pub(crate) fn reason(&self) -> String {
        let journal = self.sandbox.aws().journal();
        journal.last().expect("a call").reason.clone()
    }
}

fn form(changes: &[(&str, &str)]) -> String {
    let mut pairs = vec![
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", ROLE),
        ("RoleSessionName", "team@pod"),
    ];
    for change in changes {
        pairs.retain(|(name, _)| *name != change.0);
        pairs.push(*change);
    }
    let pairs = pairs.iter().map(|(name, value)| {
        let value = value
            .replace('%', "%25")
            .replace('+', "%2B")
            .replace('&', "%26");
        format!("{name}={value}")
    });
    pairs.collect::<Vec<_>>().join("&")
}

#[test]
fn a_good_token_becomes_credentials() {
    let sts = Sts::start();
    let reply = sts.exchange(&sts.token());
    assert_eq!(reply.status, 200, "{}", reply.body);
    let id = GoogleIdentity::reader().unique_id;
    for (field, expected) in [
        ("SubjectFromWebIdentityToken", id.as_str()),
        ("Audience", &id),
        ("Provider", "accounts.google.com"),
        (
            "Arn",
            "arn:aws:sts::123456789012:assumed-role/reader/team@pod",
        ),
        ("Expiration", "2027-01-15T09:00:00Z"),
        ("PackedPolicySize", "0"),
    ] {
        assert_eq!(reply.field(field), expected, "{field}");
    }
    assert!(
        reply.field("AccessKeyId").starts_with("ASIA") && reply.field("AccessKeyId").len() == 20
    );
    assert_eq!(reply.field("SecretAccessKey").len(), 40);
    assert!(reply.field("SessionToken").len() > 100);
    let role_id = reply.field("AssumedRoleId");
    assert!(
        role_id.starts_with("AROA") && role_id.ends_with(":team@pod"),
        "{role_id}"
    );
    let again = sts.exchange(&sts.token());
    assert_eq!(again.field("AssumedRoleId"), role_id);
    assert_ne!(again.field("AccessKeyId"), reply.field("AccessKeyId"));
}

#[test]
fn a_get_is_answered_as_a_post() {
    let sts = Sts::start();
    let form = form(&[("WebIdentityToken", &sts.token())]);
    let url = format!("{}/?{form}", sts.sandbox.sts_url());
    assert_eq!(wire::get(&sts.agent, &url, &[]).unwrap().status, 200);
    let put = sts.agent.put(sts.sandbox.sts_url()).send("").unwrap();
    assert_eq!(put.status(), 405);
}

#[test]
fn a_wrong_audience_is_access_denied_and_the_journal_says_why() {
    let sts = Sts::start();
    let token = sts
        .sandbox
        .google()
        .id_token("https://elsewhere.example")
        .unwrap();
    let reply = sts.exchange(&token);
    assert_eq!(reply.refusal(), (403, "AccessDenied"));
    assert_eq!(reply.field("Message"), NOT_AUTHORIZED);
    assert_eq!(
        sts.reason(),
        format!(
            "the trust policy wants accounts.google.com:oaud = {AUDIENCE}, the token says https://elsewhere.example"
        )
    );
}

#[test]
fn a_token_is_expired_five_minutes_after_its_end() {
    let sts = Sts::start();
    let token = sts.token();
    sts.clock.advance(Duration::from_secs(3600 + 299));
    assert_eq!(sts.exchange(&token).status, 200);
    sts.clock.advance(Duration::from_secs(1));
    let reply = sts.exchange(&token);
    assert_eq!(reply.refusal(), (400, "ExpiredTokenException"));
    let (now, expiry) = (NOW + 3900, NOW + 3600);
    assert_eq!(
        reply.field("Message"),
        format!(
            "Token expired: current date/time {now} must be before the expiration date/time {expiry}"
        )
    );
}

#[test]
fn without_grace_a_token_is_expired_at_its_end() {
    let sts = Sts::with(Config {
        expiry_grace: Duration::ZERO,
        token_lifetime: Duration::from_secs(1),
        ..Config::default()
    });
    let token = sts.token();
    assert_eq!(sts.exchange(&token).status, 200);
    sts.clock.advance(Duration::from_secs(1));
    assert_eq!(
        sts.exchange(&token).refusal(),
        (400, "ExpiredTokenException")
    );
}

#[test]
fn a_token_that_is_not_valid_yet_is_refused() {
    let sts = Sts::start();
    for claim in ["iat", "nbf"] {
        assert_eq!(
            sts.signed(|claims| claims[claim] = json!(NOW + 300)).status,
            200
        );
        let reply = sts.signed(|claims| claims[claim] = json!(NOW + 301));
        assert_eq!(reply.refusal(), (400, "InvalidIdentityToken"), "{claim}");
        assert!(
            sts.reason().contains("valid from 1800000301"),
            "{}",
            sts.reason()
        );
    }
}

#[test]
fn a_key_that_is_no_longer_published_is_unknown() {
    let sts = Sts::start();
    let google = sts.sandbox.google();
    let old = sts.token();
    google.rotate_keys();
    let new = sts.token();
    assert_eq!(
        (sts.exchange(&old).status, sts.exchange(&new).status),
        (200, 200)
    );
    google.retire_keys();
    assert_eq!(sts.exchange(&new).status, 200);
    let reply = sts.exchange(&old);
    assert_eq!(reply.refusal(), (400, "InvalidIdentityToken"));
    assert_eq!(reply.field("Message"), NO_KEY);
}

#[test]
fn no_algorithm_but_rs256_is_believed() {
    let sts = Sts::start();
    let token = sts.token();
    let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("a JWT");
    };
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    for algorithm in ["none", "None", "HS256", "ES256", "RS512", ""] {
        let mut header = header.clone();
        header["alg"] = json!(algorithm);
        let header = URL_SAFE_NO_PAD.encode(header.to_string());
        for signature in [signature, ""] {
            let reply = sts.exchange(&format!("{header}.{claims}.{signature}"));
            assert_eq!(
                reply.refusal(),
                (400, "InvalidIdentityToken"),
                "{algorithm}"
            );
        }
    }
}

#[test]
fn a_tampered_payload_is_refused() {
    let sts = Sts::start();
    let token = sts.token();
    let mut parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    let mut claims = Sts::claims();
    claims["exp"] = json!(NOW + 999_999);
    parts[1] = URL_SAFE_NO_PAD.encode(claims.to_string());
    assert_eq!(
        sts.exchange(&parts.join(".")).refusal(),
        (400, "InvalidIdentityToken")
    );
    assert_eq!(
        sts.reason(),
        "the token's signature does not fit its content"
    );
}

#[test]
fn an_issuer_that_is_no_provider_is_refused_by_name() {
    let sts = Sts::start();
    for issuer in [
        "https://evil.example",
        "https://accounts.google.com/",
        "http://accounts.google.com",
    ] {
        let reply = sts.signed(|claims| claims["iss"] = json!(issuer));
        assert_eq!(reply.refusal(), (400, "InvalidIdentityToken"), "{issuer}");
        assert_eq!(
            reply.field("Message"),
            format!("No OpenIDConnect provider found in your account for {issuer}")
        );
    }
}

#[test]
fn keys_that_cannot_be_fetched_are_a_fault_of_communication() {
    let sts = Sts::start();
    sts.sandbox.google().set_keys_reachable(false);
    assert_eq!(
        sts.exchange(&sts.token()).refusal(),
        (400, "IDPCommunicationError")
    );
    sts.sandbox.google().set_keys_reachable(true);
    assert_eq!(sts.exchange(&sts.token()).status, 200);
}

#[test]
fn what_is_no_jwt_is_refused() {
    let sts = Sts::start();
    let whole = sts.token();
    let half = &whole[..whole.len() / 2];
    let newline = format!("{whole}\n");
    for token in [
        "ya29.c.b0AXv0zTM",
        "....",
        "a.b.c",
        half,
        &newline,
        "<html></html>",
    ] {
        assert_eq!(
            sts.exchange(token).refusal(),
            (400, "InvalidIdentityToken"),
            "{token:?}"
        );
    }
}

#[test]
fn claims_that_are_missing_or_of_another_type_are_refused() {
    let sts = Sts::start();
    for name in ["iss", "sub", "aud", "exp", "iat"] {
        let reply = sts.signed(|claims| {
            claims.as_object_mut().unwrap().remove(name);
        });
        assert_eq!(reply.refusal(), (400, "InvalidIdentityToken"), "{name}");
    }
    for time in [json!("1900000000"), json!(1_900_000_000.5), json!(-1)] {
        let reply = sts.signed(|claims| claims["exp"] = time.clone());
        assert_eq!(reply.refusal(), (400, "InvalidIdentityToken"), "{time}");
    }
}

#[test]
fn the_journal_tells_every_call_and_no_token() {
    let sts = Sts::start();
    let token = sts.token();
    let credentials = sts.exchange(&token);
    sts.exchange(&token[..token.len() - 9]);
    sts.exchange("abc");
    sts.call(&[("Action", "Dance")]);
    let journal = sts.sandbox.aws().journal();
    let outcomes: Vec<_> = journal.iter().map(|entry| entry.outcome.as_str()).collect();
    let expected = [
        "Success",
        "InvalidIdentityToken",
        "ValidationError",
        "InvalidAction",
    ];
    assert_eq!(outcomes, expected);
    assert_eq!(journal[0].role.as_deref(), Some(ROLE));
    assert_eq!(journal[0].session_name.as_deref(), Some("team@pod"));
    assert_eq!(journal[0].time, "2027-01-15T08:00:00Z");
    let subject = GoogleIdentity::reader().unique_id;
    assert_eq!(journal[0].subject.as_deref(), Some(subject.as_str()));
    let times = (journal[0].token_issued, journal[0].token_expires);
    assert_eq!(times, (Some(NOW), Some(NOW + 3600)));
    let hashes = [0, 1, 2].map(|call| journal[call].token_hash.as_deref().unwrap());
    assert!(hashes[0] != hashes[1] && hashes.iter().all(|hash| hash.len() == 16));
    let text = format!("{journal:?}");
    let secrets = token.split('.').chain([
        credentials.field("SecretAccessKey"),
        credentials.field("SessionToken"),
        "'abc'",
    ]);
    for secret in secrets {
        assert!(!text.contains(secret), "{secret}");
    }
}

//! Google's public documents, and tokens checked with them by another implementation of RSA than the sandbox's.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gtoken_sandbox::{Config, Sandbox};
use serde_json::Value;

use crate::wire;

fn fetch(sandbox: &Sandbox, url: &str) -> Value {
    let agent = wire::agent(sandbox.ca_pem());
    let reply = wire::get(&agent, url, &[]).expect("an answer");
    assert_eq!(reply.status, 200, "{url}");
    serde_json::from_str(&reply.body).expect("JSON")
}

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).expect("base64url")
}

/// A positive INTEGER of DER.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let mut content = vec![0];
    content.extend_from_slice(bytes);
    if bytes[0] < 0x80 {
        content.remove(0);
    }
    element(0x02, &content)
}

/// An element of DER with a content of less than 64 KiB.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).expect("short").to_be_bytes();
    let mut der = match (high, low) {
        (0, 0..0x80) => vec![tag, low],
        (0, _) => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    der.extend_from_slice(content);
    der
}

/// Whether ring, by way of rustls, takes the signature with a key of the set (RFC 8017, A.1.1 for the key's form).
fn is_signed_by(token: &str, jwks: &Value) -> bool {
    let (signed, signature) = token.rsplit_once('.').expect("a JWT");
    let header = signed.split('.').next().expect("a header");
    let header: Value = serde_json::from_slice(&decode(header)).expect("JSON");
    let keys = jwks["keys"].as_array().expect("a list");
    let Some(key) = keys.iter().find(|key| key["kid"] == header["kid"]) else {
        return false;
    };
    let number = |name: &str| integer(&decode(key[name].as_str().expect("a text")));
    let public = element(0x30, &[number("n"), number("e")].concat());
    let provider = rustls::crypto::ring::default_provider();
    let algorithms = provider.signature_verification_algorithms.mapping;
    let rs256 = rustls::SignatureScheme::RSA_PKCS1_SHA256;
    let (_, algorithms) = algorithms
        .iter()
        .find(|(scheme, _)| *scheme == rs256)
        .expect("RS256");
    algorithms.iter().any(|algorithm| {
        algorithm
            .verify_signature(&public, signed.as_bytes(), &decode(signature))
            .is_ok()
    })
}

#[test]
fn discovery_leads_to_the_keys_that_verify_a_token() {
    let sandbox = Sandbox::start(Config::default()).expect("free ports");
    let discovery = fetch(&sandbox, &sandbox.discovery_url());
    assert_eq!(discovery["issuer"], sandbox.issuer_url());
    assert_eq!(discovery["jwks_uri"], sandbox.jwks_url());
    let jwks = fetch(&sandbox, discovery["jwks_uri"].as_str().unwrap());
    let token = sandbox.google().id_token("me").unwrap();
    assert!(is_signed_by(&token, &jwks));
    let (signed, _) = token.rsplit_once('.').unwrap();
    let zeros = URL_SAFE_NO_PAD.encode([0; 256]);
    assert!(!is_signed_by(&format!("{signed}.{zeros}"), &jwks));
}

#[test]
fn keys_overlap_until_the_old_one_is_retired() {
    let sandbox = Sandbox::start(Config::default()).expect("free ports");
    let google = sandbox.google();
    let old = google.id_token("me").unwrap();
    google.rotate_keys();
    let new = google.id_token("me").unwrap();
    let both = fetch(&sandbox, &sandbox.jwks_url());
    assert!(is_signed_by(&old, &both) && is_signed_by(&new, &both));
    google.retire_keys();
    let one = fetch(&sandbox, &sandbox.jwks_url());
    assert!(!is_signed_by(&old, &one) && is_signed_by(&new, &one));
}

#[test]
fn certificates_for_other_servers_come_from_the_same_authority() {
    let sandbox = Sandbox::start(Config::default()).expect("free ports");
    let (certificate, key) =
        sandbox.issue_certificate(&["gtoken-webhook-svc.gtoken.svc", "127.0.0.1"]);
    assert!(certificate.contains("BEGIN CERTIFICATE") && key.contains("PRIVATE KEY"));
    let by_name = sandbox.sts_url().replace("127.0.0.1", "localhost");
    let agent = wire::agent(sandbox.ca_pem());
    assert_eq!(
        wire::get(&agent, &by_name, &[]).unwrap().field("Code"),
        "MissingAction"
    );
    let other = Sandbox::start(Config::default()).expect("free ports");
    let stranger = wire::agent(other.ca_pem());
    wire::get(&stranger, &sandbox.sts_url(), &[]).expect_err("an authority that is not trusted");
}

#[test]
fn a_dropped_sandbox_has_closed_its_ports() {
    let sandbox = Sandbox::start(Config::default()).expect("free ports");
    let address = sandbox.metadata_address();
    std::net::TcpStream::connect(address).expect("open");
    drop(sandbox);
    std::net::TcpListener::bind(address).expect("free again");
}

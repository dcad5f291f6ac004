//! `GetCallerIdentity`: the signature is checked as AWS checks it.
//!
//! The signer here is written apart from the sandbox's own code, from AWS's description.

use std::fmt::Write;
use std::time::Duration;

use gtoken_sandbox::google::GoogleIdentity;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::sts::{ROLE, Sts};
use crate::wire::{self, FORM, Reply};

const BODY: &str = "Action=GetCallerIdentity&Version=2011-06-15";
/// The sandbox's clock stands at this time.
const DATE: &str = "20270115T080000Z";

/// A request to sign, of which a test spoils one part.
#[derive(Clone)]
struct Call {
    key_id: String,
    secret: String,
    token: String,
    date: String,
    scope: String,
    signed_headers: &'static str,
    body_sent: &'static str,
}

impl Call {
    /// A call with credentials that were just issued.
    fn new(sts: &Sts) -> Self {
        let credentials = sts.exchange(&sts.token());
        Self {
            key_id: credentials.field("AccessKeyId").to_owned(),
            secret: credentials.field("SecretAccessKey").to_owned(),
            token: credentials.field("SessionToken").to_owned(),
            date: DATE.to_owned(),
            scope: "20270115/eu-west-1/sts/aws4_request".to_owned(),
            signed_headers: "content-type;host;x-amz-date;x-amz-security-token",
            body_sent: BODY,
        }
    }

    fn authorization(&self, host: &str) -> String {
        let headers = self
            .signed_headers
            .split(';')
            .fold(String::new(), |mut text, name| {
                let value = match name {
                    "content-type" => FORM,
                    "host" => host,
                    "x-amz-date" => &self.date,
                    _ => &self.token,
                };
                writeln!(text, "{name}:{value}").unwrap();
                text
            });
        let signed = self.signed_headers;
        let canonical = format!("POST\n/\n\n{headers}\n{signed}\n{}", digest(BODY));
        let to_sign = format!(
            "AWS4-HMAC-SHA256\n{}\n{}\n{}",
            self.date,
            self.scope,
            digest(&canonical)
        );
        let start = format!("AWS4{}", self.secret).into_bytes();
        let key = self
            .scope
            .split('/')
            .fold(start, |key, part| mac(&key, part));
        let signature = hex(&mac(&key, &to_sign));
        let credential = format!("{}/{}", self.key_id, self.scope);
        format!(
            "AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={signed}, Signature={signature}"
        )
    }

    fn send(&self, sts: &Sts) -> Reply {
        let url = sts.sandbox.sts_url();
        let host = url.trim_start_matches("https://");
        self.send_with(sts, &self.authorization(host))
    }

    /// Sends it as to this host of AWS's, whose name leads to the sandbox.
    fn send_to(&self, sts: &Sts, host: &str) -> Reply {
        let url = sts.sandbox.sts_url();
        let address = url.trim_start_matches("https://").parse();
        let agent = wire::agent_led_to(address.expect("an address"), sts.sandbox.ca_pem());
        let authorization = self.authorization(host);
        let headers = [
            ("authorization", authorization.as_str()),
            ("x-amz-date", &self.date),
            ("x-amz-security-token", &self.token),
        ];
        let url = format!("https://{host}/");
        wire::post(&agent, &url, &headers, self.body_sent).expect("an answer")
    }

    fn send_with(&self, sts: &Sts, authorization: &str) -> Reply {
        let headers = [
            ("authorization", authorization),
            ("x-amz-date", &self.date),
            ("x-amz-security-token", &self.token),
        ];
        wire::post(&sts.agent, &sts.sandbox.sts_url(), &headers, self.body_sent).expect("an answer")
    }
}

fn digest(text: &str) -> String {
    hex(&Sha256::digest(text))
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

#[test]
fn the_owner_of_the_credentials_is_named() {
    let sts = Sts::start();
    let reply = Call::new(&sts).send(&sts);
    assert_eq!(reply.status, 200, "{}", reply.body);
    let arn = "arn:aws:sts::123456789012:assumed-role/reader/team@pod";
    assert_eq!(
        (reply.field("Arn"), reply.field("Account")),
        (arn, "123456789012")
    );
    assert!(reply.field("UserId").starts_with("AROA"), "{}", reply.body);
}

#[test]
fn a_request_without_authorization_is_refused() {
    let sts = Sts::start();
    let url = sts.sandbox.sts_url();
    let reply = wire::post(&sts.agent, &url, &[], BODY).unwrap();
    assert_eq!(reply.refusal(), (403, "MissingAuthenticationToken"));
    let reply = wire::post(&sts.agent, &url, &[("authorization", "Bearer x")], BODY).unwrap();
    assert_eq!(reply.refusal(), (403, "MissingAuthenticationToken"));
}

#[test]
fn credentials_that_were_not_issued_together_are_refused() {
    let sts = Sts::start();
    let good = Call::new(&sts);
    let other = Call::new(&sts);
    let unknown = Call {
        key_id: "ASIAAAAAAAAAAAAAAAAA".into(),
        ..good.clone()
    };
    assert_eq!(unknown.send(&sts).refusal(), (403, "InvalidClientTokenId"));
    let mixed = Call {
        token: other.token,
        ..good
    };
    assert_eq!(mixed.send(&sts).refusal(), (403, "InvalidClientTokenId"));
}

#[test]
fn a_signature_over_something_else_is_refused() {
    let sts = Sts::start();
    let good = Call::new(&sts);
    let spoilt = [
        Call {
            secret: "wrong".into(),
            ..good.clone()
        },
        Call {
            body_sent: "Action=GetCallerIdentity&Version=2011-06-15&x=y",
            ..good.clone()
        },
        Call {
            scope: "20270115/eu-west-1/s3/aws4_request".into(),
            ..good.clone()
        },
        Call {
            scope: "20270114/eu-west-1/sts/aws4_request".into(),
            ..good.clone()
        },
        Call {
            scope: "20270115//sts/aws4_request".into(),
            ..good.clone()
        },
        Call {
            signed_headers: "content-type;x-amz-date;x-amz-security-token",
            ..good.clone()
        },
        Call {
            signed_headers: "content-type;host;x-amz-date",
            ..good.clone()
        },
    ];
    for call in spoilt {
        let reply = call.send(&sts);
        assert_eq!(
            reply.refusal(),
            (403, "SignatureDoesNotMatch"),
            "{}",
            call.scope
        );
    }
}

#[test]
fn each_endpoint_of_aws_takes_signatures_for_its_own_region() {
    let sts = Sts::start();
    let good = Call::new(&sts);
    for (host, region, status) in [
        ("sts.eu-west-1.amazonaws.com", "eu-west-1", 200),
        ("sts.eu-west-1.amazonaws.com", "us-east-1", 403),
        ("sts.amazonaws.com", "us-east-1", 200),
        ("sts.amazonaws.com", "eu-west-1", 403),
    ] {
        let scope = format!("20270115/{region}/sts/aws4_request");
        let call = Call {
            scope,
            ..good.clone()
        };
        let reply = call.send_to(&sts, host);
        assert_eq!(reply.status, status, "{host} for {region}: {}", reply.body);
        if status == 403 {
            assert_eq!(reply.field("Code"), "SignatureDoesNotMatch");
            assert!(sts.reason().contains(host), "{}", sts.reason());
        }
    }
}

#[test]
fn the_journal_names_the_role_and_session_that_signed() {
    let sts = Sts::start();
    let call = Call::new(&sts);
    call.send(&sts);
    sts.clock.advance(Duration::from_hours(1));
    let late = Call {
        date: "20270115T090000Z".into(),
        ..call
    };
    late.send(&sts);
    let url = format!(
        "{}/journal?role={ROLE}&sessionName=team@pod&action=GetCallerIdentity",
        sts.sandbox.control_url()
    );
    let found: Value =
        serde_json::from_str(&wire::get(&sts.agent, &url, &[]).unwrap().body).unwrap();
    let outcomes: Vec<_> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["outcome"])
        .collect();
    assert_eq!(outcomes, ["Success", "ExpiredToken"]);
    assert_eq!(found[0]["subject"], GoogleIdentity::reader().unique_id);
}

#[test]
fn a_signature_is_good_for_fifteen_minutes_on_either_side() {
    let sts = Sts::start();
    let good = Call::new(&sts);
    for (date, status, part) in [
        ("20270115T074500Z", 200, ""),
        (
            "20270115T074459Z",
            403,
            "Signature expired: 20270115T074459Z is now earlier than 20270115T074500Z (20270115T080000Z - 15 min.)",
        ),
        ("20270115T081500Z", 200, ""),
        (
            "20270115T081501Z",
            403,
            "Signature not yet current: 20270115T081501Z is still later than 20270115T081500Z (20270115T080000Z + 15 min.)",
        ),
    ] {
        let reply = Call {
            date: date.into(),
            ..good.clone()
        }
        .send(&sts);
        assert_eq!(
            (reply.status, reply.field("Message")),
            (status, part),
            "{date}"
        );
    }
}

#[test]
fn an_authorization_that_lacks_a_part_is_incomplete() {
    let sts = Sts::start();
    let good = Call::new(&sts);
    for authorization in [
        "AWS4-HMAC-SHA256 Credential=A/20270115/r/sts/aws4_request, Signature=0",
        "AWS4-HMAC-SHA256 Credential=A, SignedHeaders=host, Signature=0",
        "AWS4-HMAC-SHA256 nonsense",
    ] {
        let reply = good.send_with(&sts, authorization);
        assert_eq!(
            reply.refusal(),
            (400, "IncompleteSignature"),
            "{authorization}"
        );
    }
    let undated = Call {
        date: "yesterday".into(),
        ..good
    };
    assert_eq!(undated.send(&sts).refusal(), (400, "IncompleteSignature"));
}

#[test]
fn a_session_that_has_ended_is_expired() {
    let sts = Sts::start();
    let mut call = Call::new(&sts);
    sts.clock.advance(Duration::from_hours(1));
    call.date = "20270115T090000Z".into();
    assert_eq!(call.send(&sts).refusal(), (403, "ExpiredToken"));
}

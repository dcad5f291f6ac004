//! Faults of the metadata server as a socket sees them: a client of HTTP would hide some.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use gtoken_sandbox::aws::Role;
use gtoken_sandbox::google::{GoogleIdentity, Scenario};
use gtoken_sandbox::{Config, Sandbox};
use serde_json::json;

use crate::metadata::claims;
use crate::wire;

const PATH: &str = "/computeMetadata/v1/instance/service-accounts/default/identity?audience=me";

fn ask(sandbox: &Sandbox, scenario: Scenario) -> TcpStream {
    sandbox.google().play(scenario);
    let mut stream = TcpStream::connect(sandbox.metadata_address()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_millis(1500)))
        .unwrap();
    let request = format!(
        "GET {PATH} HTTP/1.1\r\nHost: m\r\nMetadata-Flavor: Google\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

/// All that comes, and how it ends.
fn answer(sandbox: &Sandbox, scenario: Scenario) -> (String, io::Result<usize>) {
    let mut bytes = Vec::new();
    let end = ask(sandbox, scenario).read_to_end(&mut bytes);
    (String::from_utf8(bytes).unwrap(), end)
}

/// The announced length and the body.
fn length_and_body(answer: &str) -> (usize, &str) {
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    (length.expect("a length").parse().unwrap(), body)
}

fn start() -> Sandbox {
    Sandbox::start(Config::default()).expect("free ports")
}

#[test]
fn any_status_can_be_had_with_retry_after_and_without() {
    let sandbox = start();
    for (code, retry_after) in [
        (301, None),
        (403, None),
        (429, Some(7)),
        (499, None),
        (503, Some(0)),
    ] {
        let (answer, end) = answer(&sandbox, Scenario::Status { code, retry_after });
        end.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {code} ")), "{answer}");
        let seconds = answer
            .lines()
            .find_map(|line| line.strip_prefix("retry-after: "));
        let expected = retry_after.map(|seconds: u64| seconds.to_string());
        assert_eq!(seconds, expected.as_deref(), "{answer}");
        assert_eq!(answer.contains("location: "), code == 301, "{answer}");
        assert!(!answer.contains("eyJ"), "{answer}");
    }
}

#[test]
fn a_server_can_fall_silent_after_the_head() {
    let (answer, end) = answer(&start(), Scenario::SilentAfterHead);
    assert_eq!(end.unwrap_err().kind(), ErrorKind::WouldBlock);
    let (length, body) = length_and_body(&answer);
    assert!(length > 500 && body.is_empty(), "{answer}");
}

#[test]
fn a_server_can_send_a_byte_a_second() {
    let sandbox = start();
    let mut stream = ask(&sandbox, Scenario::Trickle);
    let mut buffer = [0; 100];
    assert_eq!(stream.read(&mut buffer).unwrap(), 1);
    assert_eq!(stream.read(&mut buffer).unwrap(), 1);
}

#[test]
fn a_connection_can_be_reset_in_the_body() {
    let (answer, end) = answer(&start(), Scenario::Reset);
    assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
    let (length, body) = length_and_body(&answer);
    assert_eq!(body.len(), length / 2);
}

#[test]
fn a_length_can_be_too_long_or_too_short() {
    let sandbox = start();
    for by in [7, -100] {
        let (answer, end) = answer(&sandbox, Scenario::WrongLength { by });
        assert_eq!(end.unwrap(), answer.len());
        let (length, body) = length_and_body(&answer);
        assert_eq!(body.len().checked_add_signed(by as isize), Some(length));
        assert_eq!(claims(body)["aud"], "me");
    }
}

#[test]
fn a_right_answer_can_come_in_chunks() {
    let sandbox = start();
    let (answer, _) = answer(&sandbox, Scenario::Chunked);
    assert!(
        answer.contains("transfer-encoding: chunked\r\n"),
        "{answer}"
    );
    let agent = wire::agent(sandbox.ca_pem());
    let url = format!("http://{}{PATH}", sandbox.metadata_address());
    let reply = wire::get(&agent, &url, &[("Metadata-Flavor", "Google")]).unwrap();
    assert_eq!(claims(&reply.body)["aud"], "me");
}

#[test]
fn an_answer_can_be_far_too_large() {
    let (answer, end) = answer(&start(), Scenario::Oversized);
    end.unwrap();
    let (length, body) = length_and_body(&answer);
    assert_eq!((length, body.len()), (16 << 20, 16 << 20));
}

#[test]
fn a_head_can_be_without_end() {
    let mut bytes = Vec::new();
    let sandbox = start();
    let stream = ask(&sandbox, Scenario::EndlessHead);
    stream.take(1 << 20).read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(text.len(), 1 << 20);
    assert!(!text.contains("\r\n\r\n"));
}

#[test]
fn a_token_can_have_claims_that_nobody_takes() {
    let sandbox = start();
    let token = |scenario| {
        let (answer, end) = answer(&sandbox, scenario);
        end.unwrap();
        claims(length_and_body(&answer).1)
    };
    let healthy = token(Scenario::Healthy);
    assert_eq!(token(Scenario::NoExpiry)["exp"], json!(null));
    assert!(token(Scenario::ExpiryAsText)["exp"].is_string());
    let unborn = token(Scenario::UnbornToken(Duration::from_mins(1)));
    let ahead = unborn["iat"].as_u64().unwrap() - healthy["iat"].as_u64().unwrap();
    assert!((60..65).contains(&ahead), "{ahead}");
    let nodes = token(Scenario::NodesToken);
    assert_eq!(nodes["sub"], GoogleIdentity::node().unique_id);
    assert_eq!(nodes["email"], json!(null));
}

#[test]
fn scenarios_have_the_names_that_the_control_api_documents() {
    let status = |code, retry_after| Scenario::Status { code, retry_after };
    for (json, scenario) in [
        (json!("silentAfterHead"), Scenario::SilentAfterHead),
        (json!("serverError"), Scenario::ServerError),
        (
            json!({"slow": 12000}),
            Scenario::Slow(Duration::from_secs(12)),
        ),
        (
            json!({"unbornToken": 60000}),
            Scenario::UnbornToken(Duration::from_mins(1)),
        ),
        (
            json!({"wrongLength": {"by": -100}}),
            Scenario::WrongLength { by: -100 },
        ),
        (json!({"status": {"code": 408}}), status(408, None)),
        (
            json!({"status": {"code": 429, "retryAfter": 5}}),
            status(429, Some(5)),
        ),
    ] {
        assert_eq!(
            serde_json::from_value::<Scenario>(json.clone()).unwrap(),
            scenario,
            "{json}"
        );
    }
    for code in [0, 199, 600] {
        let json = json!({"status": {"code": code}});
        let error = serde_json::from_value::<Scenario>(json).unwrap_err();
        assert!(error.to_string().contains("from 200 to 599"), "{error}");
    }
}

#[test]
fn a_token_can_be_checked_without_the_way_over_the_network() {
    let sandbox = start();
    let role = Role::reader();
    sandbox.aws().put_role(&role).unwrap();
    let audience = "gtoken/sts/assume-role-with-web-identity";
    let token = sandbox.google().id_token(audience).unwrap();
    assert_eq!(sandbox.aws().check_token(&role.arn, &token), Ok(()));
    let error = sandbox.aws().check_token(&role.arn, &token[1..]);
    assert!(error.unwrap_err().contains("no JWT"));
}

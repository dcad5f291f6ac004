//! Plain HTTP, for those who have TLS ended elsewhere.

use gtoken_sandbox::{Config, Sandbox};
use serde_json::json;

use crate::harness::{awaited, command_without_certificate, lines, logged};
use crate::reviews::review;

#[test]
fn with_tls_off_reviews_are_answered_on_the_loopback_interface() {
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut command = command_without_certificate(&sandbox, folder.path());
    let mut child = command.arg("--tls-mode=off").spawn().unwrap();
    let log = lines(&mut child);
    let address = logged(&log, "listening")["address"]
        .as_str()
        .unwrap()
        .to_owned();
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    let agent = config.proxy(None).build().new_agent();
    awaited("readiness", || {
        let ready = agent
            .get(format!("http://{address}/readyz"))
            .call()
            .unwrap();
        (ready.status() == 200).then_some(())
    });
    let request = agent.post(format!("http://{address}/pods"));
    let request = request.content_type("application/json");
    let mut answer = request.send(review("unknown").to_string()).unwrap();
    let answer = answer.body_mut().read_to_string().unwrap();
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["response"]["allowed"], json!(true));
    child.kill().unwrap();
    child.wait().unwrap();
}

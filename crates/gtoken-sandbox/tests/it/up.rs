//! `gtoken-sandbox up` as a process.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use ureq::Agent;

use crate::sts::AUDIENCE;
use crate::wire;

const LAST_LINE: &str = "export GTOKEN_SANDBOX_CONTROL=";

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gtoken-sandbox"));
    command.arg("up").args(arguments).stdin(Stdio::null());
    command
}

fn fails(arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = command(arguments).output().expect("a process");
    (status.code(), String::from_utf8(stderr).expect("UTF-8"))
}

/// A running process, which is killed where a test ends before it does.
struct Up {
    child: Child,
    _stdout: BufReader<ChildStdout>,
    variables: HashMap<String, String>,
    agent: Agent,
    /// Where a killed process leaves its files, which are gone with this.
    _temporary: TempDir,
}

impl Up {
    fn start(arguments: &[&str]) -> Self {
        let temporary = tempfile::tempdir().expect("a folder");
        let mut child = command(arguments)
            .env("TMPDIR", temporary.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut variables = HashMap::new();
        for line in stdout.by_ref().lines() {
            let line = line.expect("text");
            if let Some((name, value)) = line
                .strip_prefix("export ")
                .and_then(|line| line.split_once('='))
            {
                variables.insert(name.to_owned(), value.to_owned());
            } else {
                assert!(
                    line.starts_with('#'),
                    "a shell can source every line: {line}"
                );
            }
            if line.starts_with(LAST_LINE) {
                break;
            }
        }
        let authority = std::fs::read_to_string(&variables["AWS_CA_BUNDLE"]).expect("ca.pem");
        Self {
            child,
            _stdout: stdout,
            agent: wire::agent(&authority),
            variables,
            _temporary: temporary,
        }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(status.expect("kill").success());
    }

    fn exit_code(mut self) -> Option<i32> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status.code();
            }
            assert!(Instant::now() < deadline, "the process does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn token(&self) -> wire::Reply {
        let host = &self.variables["GCE_METADATA_HOST"];
        let url = format!(
            "http://{host}/computeMetadata/v1/instance/service-accounts/default/identity?audience={AUDIENCE}"
        );
        wire::get(&self.agent, &url, &[("Metadata-Flavor", "Google")]).expect("an answer")
    }

    fn exchange(&self) -> wire::Reply {
        let form = format!(
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=me\
             &RoleArn=arn:aws:iam::123456789012:role/reader&WebIdentityToken={}",
            self.token().body
        );
        let url = &self.variables["AWS_ENDPOINT_URL_STS"];
        wire::post(&self.agent, url, &[], &form).expect("an answer")
    }

    fn control(&self, method: &str, path: &str, body: &str) -> wire::Reply {
        let url = format!("{}{path}", self.variables["GTOKEN_SANDBOX_CONTROL"]);
        let response = match method {
            "GET" => self.agent.get(url).call(),
            "PUT" => self.agent.put(url).send(body),
            _ => self.agent.post(url).send(body),
        };
        wire::reply(response.expect("an answer")).expect("a body")
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // Where it has ended already there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn without_settings_a_token_becomes_credentials_and_ctrl_c_cleans_up() {
    let up = Up::start(&[]);
    for name in ["SSL_CERT_FILE", "KUBECONFIG"] {
        assert!(Path::new(&up.variables[name]).exists(), "{name}");
    }
    let hosts = Path::new(&up.variables["KUBECONFIG"]).with_file_name("hosts");
    assert_eq!(std::fs::read_to_string(hosts).unwrap(), "", "no usual port");
    let reply = up.exchange();
    let arn = "arn:aws:sts::123456789012:assumed-role/reader/me";
    assert_eq!(
        (reply.status, reply.field("Arn")),
        (200, arn),
        "{}",
        reply.body
    );
    let folder = Path::new(&up.variables["KUBECONFIG"])
        .parent()
        .unwrap()
        .to_owned();
    up.signal("INT");
    assert_eq!(up.exit_code(), Some(0));
    assert!(!folder.exists());
}

#[test]
fn files_of_credentials_lead_to_tokens_that_its_role_trusts() {
    let folder = tempfile::tempdir().unwrap();
    let up = Up::start(&["--dir", folder.path().to_str().unwrap()]);
    let read = |name: &str| {
        let text = std::fs::read_to_string(folder.path().join(name)).expect(name);
        serde_json::from_str::<Value>(&text).unwrap_or_default()
    };
    let person = read("authorized-user.json");
    let text = |name: &str| person[name].as_str().unwrap().to_owned();
    let form = format!(
        "grant_type=refresh_token&client_id={}&client_secret={}&refresh_token={}",
        text("client_id"),
        text("client_secret"),
        text("refresh_token")
    );
    let reply = wire::post(&up.agent, &text("token_uri"), &[], &form).expect("an answer");
    let answer: Value = serde_json::from_str(&reply.body).unwrap();
    let bearer = format!("Bearer {}", answer["access_token"].as_str().unwrap());
    let url =
        read("impersonated-service-account.json")["service_account_impersonation_url"].clone();
    let url = url
        .as_str()
        .unwrap()
        .replace("generateAccessToken", "generateIdToken");
    let body = format!(r#"{{"audience": "{AUDIENCE}"}}"#);
    let headers = [("Authorization", bearer.as_str())];
    let reply = wire::post(&up.agent, &url, &headers, &body).expect("an answer");
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(read("service-account.json")["type"], "service_account");
    let subject = &read("external-account.json")["credential_source"]["file"];
    assert!(Path::new(subject.as_str().unwrap()).exists());
}

#[test]
fn a_folder_that_was_there_stays_and_sigterm_ends_as_well() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("theirs"), "").unwrap();
    let up = Up::start(&["--dir", folder.path().to_str().unwrap()]);
    assert!(folder.path().join("ca.pem").exists());
    up.signal("TERM");
    assert_eq!(up.exit_code(), Some(0));
    let left: Vec<_> = folder.path().read_dir().unwrap().collect();
    assert_eq!(left.len(), 1);
}

#[test]
fn the_control_api_does_what_tests_do_by_calling() {
    let up = Up::start(&[]);
    let role = r#"{"arn": "arn:aws:iam::123456789012:role/reader", "trustPolicy": {"Statement": {
        "Effect": "Allow", "Principal": {"Federated": "accounts.google.com"}, "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {"accounts.google.com:sub": "1234"}}}}}"#;
    assert_eq!(up.control("PUT", "/roles", role).status, 204);
    assert_eq!(up.exchange().refusal(), (403, "AccessDenied"));
    let journal: Value = serde_json::from_str(&up.control("GET", "/journal", "").body).unwrap();
    let reason = journal[0]["reason"].as_str().unwrap();
    assert!(
        reason.contains("wants accounts.google.com:sub = 1234, the token says"),
        "{reason}"
    );

    let identity = r#"{"linked": {"email": "w@p.iam.gserviceaccount.com", "uniqueId": "1234"}}"#;
    assert_eq!(up.control("PUT", "/identity", identity).status, 204);
    assert_eq!(up.exchange().status, 200);
    assert_eq!(up.control("POST", "/keys/rotate", "").status, 204);
    assert_eq!(up.control("POST", "/keys/retire", "").status, 204);
    assert_eq!(up.exchange().status, 200);

    assert_eq!(
        up.control("PUT", "/scenario", r#"["notFound", {"slow": 1}]"#)
            .status,
        204
    );
    assert_eq!([up.token().status, up.token().status], [404, 200]);
    assert_eq!(
        up.control("PUT", "/scenario", r#""unavailable""#).status,
        204
    );
    assert_eq!([up.token().status, up.token().status], [503, 503]);
    let requests: Value = serde_json::from_str(&up.control("GET", "/requests", "").body).unwrap();
    assert_eq!(requests.as_array().unwrap().len(), 7);
    let filtered = up.control("GET", "/journal?outcome=Success", "").body;
    let filtered: Value = serde_json::from_str(&filtered).unwrap();
    assert_eq!(filtered.as_array().unwrap().len(), 2);
    assert_eq!(up.control("GET", "/journal?nothing=1", "").status, 400);
    let other = r#""notFound""#;
    let account = up.control("GET", "/accounts?email=w@p.iam.gserviceaccount.com", "");
    let account: Value = serde_json::from_str(&account.body).unwrap();
    assert_eq!(account["uniqueId"], "1234");
    assert_eq!(up.control("GET", "/accounts", "").status, 400);
    let path = "/scenario?namespace=other";
    assert_eq!(up.control("PUT", path, other).status, 204);
    assert_eq!(up.token().status, 503);
}

#[test]
fn grants_and_scenarios_of_the_apis_are_made_by_the_control_api() {
    let up = Up::start(&[]);
    let grant =
        r#"{"member": "a@b.c", "role": "roles/iam.serviceAccountTokenCreator", "on": "d@e.f"}"#;
    assert_eq!(up.control("PUT", "/grants", grant).status, 204);
    assert_eq!(
        up.control("PUT", "/grants", r#"{"member": "a"}"#).status,
        400
    );
    assert_eq!(
        up.control("PUT", "/scenario/apis", r#""unavailable""#)
            .status,
        204
    );
    let url = up.variables["CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS"].clone() + "token";
    let reply = wire::post(&up.agent, &url, &[], "").expect("an answer");
    assert_eq!(reply.status, 503);
}

#[test]
fn what_the_control_api_cannot_do_it_says() {
    let up = Up::start(&[]);
    for (method, path, body, status, part) in [
        ("PUT", "/roles", "{", 400, "EOF"),
        (
            "PUT",
            "/roles",
            r#"{"arn": "x", "trustPolicy": {}}"#,
            400,
            "`x` is no ARN",
        ),
        ("PUT", "/identity", r#"{"robot": {}}"#, 400, "robot"),
        (
            "PUT",
            "/scenario",
            r#""explode""#,
            400,
            "not what is taken here",
        ),
        (
            "PUT",
            "/scenario?pod=x",
            r#""silent""#,
            400,
            "a pod needs its namespace",
        ),
        (
            "PUT",
            "/scenario?namespace=x&youngerThan=soon",
            r#""silent""#,
            400,
            "`soon`",
        ),
        (
            "PUT",
            "/scenario?name=x",
            r#""silent""#,
            400,
            "not for `name`",
        ),
        ("PUT", "/lifetimes", r#"{"tokens": 1}"#, 400, "tokens"),
        ("PUT", "/providers", "{}", 400, "account"),
        ("GET", "/secrets", "", 404, "there is no GET /secrets"),
    ] {
        let reply = up.control(method, path, body);
        assert_eq!(reply.status, status, "{path}");
        assert!(reply.body.contains(part), "{path}: {}", reply.body);
    }
}

#[test]
fn an_address_in_use_is_named_with_its_flag() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for flag in [
        "--metadata-address",
        "--google-address",
        "--sts-address",
        "--kubernetes-address",
        "--control-address",
    ] {
        let (code, error) = fails(&[flag, &address]);
        assert_eq!(code, Some(1), "{flag}");
        let once = |part: &str| error.matches(part).count() == 1;
        assert!(once(&address) && once(flag) && once("in use"), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn a_configuration_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.json");
    let typo = folder.path().join("typo.json");
    std::fs::write(&typo, r#"{"rolls": []}"#).unwrap();
    let policy = folder.path().join("policy.json");
    let text = r#"{"roles": [{"arn": "arn:aws:iam::123456789012:role/r", "trustPolicy": {"Statement": []}}]}"#;
    std::fs::write(&policy, text).unwrap();
    for (file, part) in [
        (&missing, "missing.json"),
        (&typo, "rolls"),
        (&policy, "arn:aws:iam::123456789012:role/r"),
    ] {
        let (code, error) = fails(&["--config", file.to_str().unwrap()]);
        assert_eq!(code, Some(1), "{error}");
        assert!(error.contains(part), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn an_unknown_flag_is_a_wrong_command_line() {
    let (code, error) = fails(&["--metadata-adress", "127.0.0.1:0"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("--metadata-address"), "{error}");
}

#[test]
fn help_tells_flags_and_the_form_of_the_configuration() {
    let output = command(&["--help"]).output().unwrap();
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).unwrap();
    for part in [
        "--config",
        "--dir",
        "--sts-address",
        "trustPolicy",
        "uniqueId",
    ] {
        assert!(help.contains(part), "{part}: {help}");
    }
}

//! `server --dry-start`: tries everything that a start depends on, says what it found, and serves nothing.

use std::ffi::OsString;
use std::fmt;
use std::time::{Duration, SystemTime};

use gtoken_inject::Dialect;
use kube::Client;
use tokio::time::timeout;

use crate::accounts::Key;
use crate::accounts::api::{ServiceAccounts, describe_call};
use crate::certs::api::Api;
use crate::certs::files::Files;
use crate::certs::mode::{SelfKept, Tls};
use crate::cli::ServerArgs;
use crate::cluster;

/// How long the API server may take for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// What was tried, and what came of it.
#[derive(Debug)]
pub(crate) struct Finding {
    what: &'static str,
    result: Result<String, String>,
}

impl Finding {
    fn new(what: &'static str, result: Result<String, impl fmt::Display>) -> Self {
        let result = result.map_err(|error| error.to_string());
        Self { what, result }
    }

    /// Whether nothing stands in the way.
    pub(crate) fn is_good(&self) -> bool {
        self.result.is_ok()
    }
}

impl fmt::Display for Finding {
    /// One line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.result {
            Ok(found) => write!(f, "ok    {}: {found}", self.what),
            Err(problem) => write!(f, "FAIL  {}: {problem}", self.what),
        }
    }
}

/// Tries everything, in the order of a start; what fails keeps nothing else from being tried that can be.
pub(crate) async fn run(
    args: &ServerArgs,
    tls: &Tls,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Vec<Finding> {
    let mut findings = vec![main_address(args).await];
    if let Tls::Files(files) = tls {
        findings.insert(0, certificate(files));
    }
    if let Some(telemetry) = telemetry_address(args).await {
        findings.push(telemetry);
    }
    match cluster::client(variable).await {
        Ok(client) => {
            findings.extend(api_server(&client).await);
            if let Tls::SelfKept(settings) = tls {
                findings.extend(self_kept(settings, client).await);
            }
        }
        Err(error) => findings.push(Finding::new("API server", Err(error))),
    }
    findings
}

fn certificate(files: &Files) -> Finding {
    let served = files.read().and_then(|pem| files.parse(&pem));
    let result = served
        .map_err(|error| error.to_string())
        .and_then(|served| {
            let (expiry, path) = (served.expiry(), files.certificate.display());
            if expiry.0 <= SystemTime::now() {
                return Err(format!("that in {path} has expired at {expiry}; renew it"));
            }
            Ok(format!("that in {path} is good until {expiry}"))
        });
    Finding::new("certificate", result)
}

/// Whether what certificates of our own need can be read, and would be written.
async fn self_kept(settings: &SelfKept, client: Client) -> Vec<Finding> {
    let namespace = client.default_namespace().to_owned();
    let api = Api::new(client, settings.places(&namespace));
    let policy = settings.policy(&namespace);
    let names = policy.map(|policy| format!("made for {}", policy.names));
    let mut findings = vec![Finding::new("certificate", names)];
    for (what, tried) in api.try_out().await {
        let result = tried.map(|()| "allowed".to_owned());
        findings.push(Finding::new(what, result));
    }
    findings
}

async fn main_address(args: &ServerArgs) -> Finding {
    let address = &args.serve.listen_address;
    let bound = address.bind().await;
    Finding::new("address", bound.map(|_| format!("{address} is free")))
}

async fn telemetry_address(args: &ServerArgs) -> Option<Finding> {
    let address = args.admin.telemetry_listen_address.as_ref()?;
    let bound = args.admin.bind().await;
    let result = bound.map(|_| format!("{address} is free"));
    Some(Finding::new("telemetry address", result))
}

async fn api_server(client: &Client) -> [Finding; 4] {
    let accounts = ServiceAccounts::new(client.clone(), Dialect::default());
    let default = Key::new("default", "default").expect("it is a name");
    let (version, got, listed, watched) = tokio::join!(
        cluster::ask_version(client),
        in_time(accounts.one(&default)),
        in_time(accounts.page("")),
        // What counts is that it is let in; nothing need come.
        in_time(accounts.changes("0")),
    );
    let version = version.map(|found| format!("Kubernetes {}.{}", found.major, found.minor));
    [
        Finding::new("API server", version),
        Finding::new("get ServiceAccounts", allowed("get", got)),
        Finding::new("list ServiceAccounts", allowed("list", listed)),
        Finding::new("watch ServiceAccounts", allowed("watch", watched)),
    ]
}

async fn in_time<T>(answer: impl Future<Output = T>) -> Result<T, String> {
    let answer = timeout(ANSWER_TIMEOUT, answer).await;
    answer.map_err(|_| format!("the API server did not answer within {ANSWER_TIMEOUT:?}"))
}

/// Whether it was let in.
fn allowed<T>(
    verb: &str,
    answer: Result<Result<T, kube::Error>, String>,
) -> Result<String, String> {
    match answer? {
        Err(error) => Err(describe_call(verb, &error)),
        Ok(_) => Ok("allowed".to_owned()),
    }
}

//! A sandbox with files of credentials that lead to it, and an AWS that says whether a token is taken.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use gtoken_sandbox::aws::Role;
use gtoken_sandbox::google::{GoogleIdentity, IamRole};
use gtoken_sandbox::{Config, Sandbox};
use serde_json::Value;
use tempfile::TempDir;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::agent::{self, Ended};

/// A person who logged in by gcloud.
pub(crate) const PERSON: &str = "person@example.com";

/// A sandbox with the role `reader`, which trusts the account of that name by `sub` and `oaud`.
pub(crate) struct Cloud {
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) reader: String,
    folder: TempDir,
}

impl Cloud {
    pub(crate) fn start() -> Self {
        Self::of(Arc::new(Sandbox::start(Config::default()).unwrap()))
    }

    pub(crate) fn of(sandbox: Arc<Sandbox>) -> Self {
        sandbox.aws().put_role(&Role::reader()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), sandbox.ca_pem()).unwrap();
        let reader = GoogleIdentity::reader().email;
        Self {
            sandbox,
            reader,
            folder,
        }
    }

    /// Grants a role on the reader.
    pub(crate) fn grant(&self, member: &str, role: IamRole) {
        self.sandbox.google().grant(member, role, &self.reader);
    }

    /// A place for a file of this sandbox.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A one-shot that trusts the sandbox and is led to it, and has no credentials.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let all = ["--refresh=false", "--timeout=20s", "--source=auto"];
        let all: Vec<&str> = all.iter().chain(args).copied().collect();
        let mut command = agent::gtoken(self.sandbox.metadata_address(), &all);
        self.lead(&mut command);
        command
    }

    /// Makes an agent trust the sandbox, and leads it there.
    pub(crate) fn lead(&self, command: &mut Command) {
        self.lead_by(&self.sandbox.google_url(), command);
    }

    /// The same by another URL of the sandbox's Google.
    pub(crate) fn lead_by(&self, url: &str, command: &mut Command) {
        command.env("SSL_CERT_FILE", self.path("ca.pem")).env(
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS",
            format!("{url}/"),
        );
    }

    /// The same with this file of credentials.
    pub(crate) fn with(&self, file: &Value, args: &[&str]) -> Command {
        let path = self.write("credentials.json", &file.to_string());
        let mut command = self.command(args);
        command.env("GOOGLE_APPLICATION_CREDENTIALS", path);
        command
    }

    /// Runs it with this file of credentials, which must leave no trace.
    #[track_caller]
    pub(crate) fn run(&self, file: &Value, args: &[&str]) -> Ended {
        let ended = agent::Agent::start(self.with(file, args)).end();
        for secret in secrets(file) {
            let is_shown = ended.log.contains(&secret[..10]);
            assert!(!is_shown, "a secret is in {}", ended.log);
        }
        ended
    }

    /// What AWS says of the token that was printed: the journal's reason.
    #[track_caller]
    pub(crate) fn is_accepted(&self, ended: &Ended) {
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        for part in ended.stdout.split('.') {
            assert!(!ended.log.contains(&part[..12]), "{}", ended.log);
        }
        let form = [
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", "arn:aws:iam::123456789012:role/reader"),
            ("RoleSessionName", "test"),
            ("WebIdentityToken", ended.stdout.as_str()),
        ];
        let authority = std::fs::read(self.path("ca.pem")).unwrap();
        let roots = RootCerts::from([Certificate::from_pem(&authority).unwrap()]);
        let tls = TlsConfig::builder().root_certs(roots).build();
        let config = Agent::config_builder().tls_config(tls).proxy(None);
        let agent = config.http_status_as_error(false).build().new_agent();
        let answer = agent.post(self.sandbox.sts_url()).send_form(form).unwrap();
        let journal = self.sandbox.aws().journal();
        assert_eq!(answer.status(), 200, "{:?}", journal.last());
    }
}

/// What of a file nobody may see.
fn secrets(file: &Value) -> Vec<String> {
    let source = &file["source_credentials"];
    let names = ["private_key", "refresh_token", "client_secret"];
    let found = names.iter().flat_map(|name| [&file[name], &source[name]]);
    let found = found.filter_map(Value::as_str);
    // The frame of a key in PEM is no secret.
    let bare = |text: &str| text.replace("-----BEGIN PRIVATE KEY-----\n", "");
    found.map(bare).collect()
}

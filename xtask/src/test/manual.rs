//! The scripts of `deploy/manual`, run against a kubectl that keeps everything in a folder; and what is there to say
//! against them as they stand.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use serde_json::Value;

use super::{Outcome, installed};
use crate::process;
use crate::workspace::Workspace;

const NEEDED: [(&str, &str); 2] = [("openssl", "openssl"), ("shellcheck", "shellcheck")];

const FOLDER: &str = "deploy/manual";
const SELF_SIGNED: &str = "webhook-create-self-signed-cert.sh";
const SIGNED: &str = "webhook-create-signed-cert.sh";
const PATCH: &str = "webhook-patch-ca-bundle.sh";

/// What the webhook is called by, where nothing else is said.
const NAME: &str = "gtoken-webhook-svc.gtoken.svc";

/// Stands in for kubectl: a Secret's keys are files of `$STATE`, as base64, and a patch is one too.
const KUBECTL: &str = r#"#!/bin/sh
set -eu
case "$1 $2" in
  "get secret")
    for last; do :; done
    key=$(printf %s "$last" | sed 's/^jsonpath={.data.//; s/}$//; s/\\//g')
    cat "$STATE/$key" 2>/dev/null || true
    ;;
  "get mutatingwebhookconfiguration/gtoken-webhook") cat "$STATE/entries" 2>/dev/null || true ;;
  "patch mutatingwebhookconfiguration/gtoken-webhook")
    # Whatever is served already must not be replaced before this.
    cp "$STATE/tls.crt" "$STATE/served-when-patched"
    printf %s "${4#--patch=}" >"$STATE/patch"
    ;;
  "create secret")
    for argument; do
      case $argument in --from-file=*) openssl base64 -A -in "${argument#--from-file=}" >"$STATE/new-${argument#--from-file=}" ;; esac
    done
    ;;
  "apply --server-side")
    cat >/dev/null
    for key in ca.crt tls.crt tls.key; do mv "$STATE/new-$key" "$STATE/$key"; done
    ;;
  *) echo "kubectl $*: unexpected" >&2; exit 1 ;;
esac
"#;

/// Tries the scripts by the steps of their guide, then again, as people do.
pub(super) fn check(workspace: &Workspace) -> anyhow::Result<Outcome> {
    if let Some(skipped) = installed(&NEEDED)? {
        return Ok(skipped);
    }
    let mut lint = Command::new("shellcheck");
    lint.args([SELF_SIGNED, SIGNED, PATCH]);
    if !process::shown(lint.current_dir(workspace.root.join(FOLDER)))? {
        return Ok(Outcome::Failed(
            "mend what shellcheck says above".to_owned(),
        ));
    }
    let folder = tempfile::tempdir()?;
    let bench = Bench::new(workspace, folder.path())?;
    let mut problems = Vec::new();
    for step in [
        patching_needs_the_secret,
        the_first_run_makes_a_certificate,
        the_second_run_keeps_it,
        renewing_has_it_trusted_first,
        the_manifest_gets_the_authority,
    ] {
        problems.extend(step(&bench)?);
    }
    if bench.left()? {
        problems.push("the scripts left files behind, which may be keys".to_owned());
    }
    Ok(Outcome::of(&problems))
}

/// The scripts, with a folder for what would be in a cluster and one for what they write meanwhile.
struct Bench<'a> {
    workspace: &'a Workspace,
    folder: &'a Path,
}

impl<'a> Bench<'a> {
    fn new(workspace: &'a Workspace, folder: &'a Path) -> anyhow::Result<Self> {
        for name in ["bin", "state", "tmp"] {
            fs::create_dir(folder.join(name))?;
        }
        let kubectl = folder.join("bin/kubectl");
        fs::write(&kubectl, KUBECTL)?;
        fs::set_permissions(&kubectl, fs::Permissions::from_mode(0o755))?;
        Ok(Self { workspace, folder })
    }

    /// Runs a command in `deploy/manual`, with our kubectl.
    fn run(&self, script: &str) -> anyhow::Result<(bool, String)> {
        let path = std::env::var("PATH").context("there is no PATH")?;
        let mut command = Command::new("sh");
        command
            .args(["-c", script])
            .current_dir(self.workspace.root.join(FOLDER))
            .env(
                "PATH",
                format!("{}:{path}", self.folder.join("bin").display()),
            )
            .env("STATE", self.folder.join("state"))
            .env("TMPDIR", self.folder.join("tmp"));
        let output = process::captured(&mut command)?;
        let text =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        Ok((output.status.success(), text.into_owned()))
    }

    fn state(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join("state").join(name)).unwrap_or_default()
    }

    /// Whether anything is left of what the scripts wrote meanwhile.
    fn left(&self) -> anyhow::Result<bool> {
        Ok(fs::read_dir(self.folder.join("tmp"))?.next().is_some())
    }

    /// What is wrong with the Secret, as a client of the webhook would see it.
    fn judged(&self) -> anyhow::Result<Option<String>> {
        let (good, said) = self.run(&format!(
            "cd \"$STATE\" && for file in ca tls; do openssl base64 -d -A -in $file.crt -out $file.pem; done &&
             openssl verify -purpose sslserver -x509_strict -verify_hostname {NAME} -CAfile ca.pem tls.pem &&
             openssl base64 -d -A -in tls.key -out key.pem &&
             test \"$(openssl pkey -in key.pem -pubout)\" = \"$(openssl x509 -in tls.pem -noout -pubkey)\"",
        ))?;
        Ok((!good).then(|| format!("the Secret's certificate will not do: {said}")))
    }
}

fn patching_needs_the_secret(bench: &Bench<'_>) -> anyhow::Result<Option<String>> {
    let (good, said) = bench.run(&format!("./{PATCH} < mutatingwebhook.yaml"))?;
    let is_refused = !good && said.contains("has no ca.crt") && !said.contains("kind:");
    Ok((!is_refused).then(|| format!("{PATCH} without a Secret says: {said}")))
}

fn the_first_run_makes_a_certificate(bench: &Bench<'_>) -> anyhow::Result<Option<String>> {
    let (good, said) = bench.run(&format!("./{SIGNED} && test ! -e \"$STATE/patch\""))?;
    if !good {
        return Ok(Some(format!("{SIGNED} says: {said}")));
    }
    bench.judged()
}

fn the_second_run_keeps_it(bench: &Bench<'_>) -> anyhow::Result<Option<String>> {
    let before = bench.state("tls.crt");
    let (good, said) = bench.run(&format!("./{SELF_SIGNED}"))?;
    let is_kept = good && said.contains("already") && bench.state("tls.crt") == before;
    Ok((!is_kept).then(|| format!("a second {SELF_SIGNED} says: {said}")))
}

fn renewing_has_it_trusted_first(bench: &Bench<'_>) -> anyhow::Result<Option<String>> {
    let before = bench.state("tls.crt");
    let (good, said) = bench.run(&format!(
        "echo one two >\"$STATE/entries\" && ./{SELF_SIGNED} --renew"
    ))?;
    let patch: Value = serde_json::from_str(&bench.state("patch")).unwrap_or_default();
    let values = [0, 1].map(|entry| {
        patch[entry]["value"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    });
    let is_first = bench.state("served-when-patched") == before && bench.state("tls.crt") != before;
    if !good || !is_first || values != [bench.state("ca.crt"), bench.state("ca.crt")] {
        return Ok(Some(format!(
            "{SELF_SIGNED} --renew patches {patch} and says: {said}"
        )));
    }
    let (good, said) = bench.run(&format!(
        "cd \"$STATE\" && openssl base64 -d -A -in served-when-patched -out old.pem &&
         openssl base64 -d -A -in ca.crt -out ca.pem && openssl verify -verify_hostname {NAME} -CAfile ca.pem old.pem"
    ))?;
    if !good {
        return Ok(Some(format!(
            "what was served before is trusted no more: {said}"
        )));
    }
    bench.judged()
}

fn the_manifest_gets_the_authority(bench: &Bench<'_>) -> anyhow::Result<Option<String>> {
    let (good, text) = bench.run(&format!("./{PATCH} < mutatingwebhook.yaml"))?;
    let object: Value = serde_saphyr::from_str(&text).unwrap_or_default();
    let entries = object["webhooks"].as_array().map_or(&[][..], Vec::as_slice);
    let authority = bench.state("ca.crt");
    let has_it = |entry: &Value| entry["clientConfig"]["caBundle"] == authority;
    let is_right = good && entries.len() == 3 && entries.iter().all(has_it);
    Ok((!is_right).then(|| format!("{PATCH} makes: {text}")))
}

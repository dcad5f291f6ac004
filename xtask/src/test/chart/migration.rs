//! What must stand in the manifests while the Go gtoken and ours answer beside each other.

use std::process::Command;

use serde_json::{Value, json};

use crate::process;

/// What the manifests of the Go gtoken have, as its repository had them last.
const GO_CONFIGURATION: &str = "mutating-gtoken-webhook-cfg";
const GO_ENTRY: &str = "gtoken.doit-intl.com";
const GO_PORT: u16 = 8443;

/// What is wrong with what the command renders, which has `migration.fromGo=true`.
pub(super) fn problems(command: &mut Command) -> anyhow::Result<Vec<String>> {
    let objects: Vec<Value> = serde_saphyr::from_multiple(&process::output(command)?)?;
    let object = |kind: &str| {
        let mut found = objects.iter().filter(|object| object["kind"] == kind);
        found.next().unwrap_or(&Value::Null)
    };
    let configuration = object("MutatingWebhookConfiguration");
    let wanted = [
        ("Service", "/metadata/name", json!("gtoken-webhook-svc")),
        // Both kinds of pods answer, on the port that the Go gtoken's have.
        (
            "Service",
            "/spec/selector",
            json!({"app": "gtoken-webhook"}),
        ),
        ("Service", "/spec/ports/0/targetPort", json!(GO_PORT)),
        (
            "Deployment",
            "/spec/template/metadata/labels/app",
            json!("gtoken-webhook"),
        ),
        (
            "Deployment",
            "/spec/template/spec/containers/0/ports/0/containerPort",
            json!(GO_PORT),
        ),
        // Ours chooses none of the other's pods.
        (
            "Deployment",
            "/spec/selector/matchLabels",
            json!({"app.kubernetes.io/name": "gtoken-webhook"}),
        ),
        (
            "MutatingWebhookConfiguration",
            "/metadata/name",
            json!(GO_CONFIGURATION),
        ),
        (
            "MutatingWebhookConfiguration",
            "/webhooks/1/name",
            json!(GO_ENTRY),
        ),
        // The other's pods restart as they did.
        (
            "ServiceAccount",
            "/automountServiceAccountToken",
            json!(true),
        ),
        (
            "ClusterRole",
            "/rules/1/resourceNames",
            json!([GO_CONFIGURATION]),
        ),
    ];
    let differs = |(kind, place, wanted): &(&str, &str, Value)| {
        let found = object(kind).pointer(place);
        (found != Some(wanted))
            .then(|| format!("migration.fromGo: {kind} has {found:?} at {place} and not {wanted}"))
    };
    let mut problems: Vec<_> = wanted.iter().filter_map(differs).collect();
    let container = &object("Deployment")["spec"]["template"]["spec"]["containers"][0];
    let flags = container["args"].to_string();
    for flag in [
        format!("--listen-address=:{GO_PORT}"),
        format!("--webhook-configuration={GO_CONFIGURATION}"),
        format!("--webhook-entries=required.pods.gtoken,{GO_ENTRY},warn.serviceaccounts.gtoken"),
    ] {
        if !flags.contains(&format!("\"{flag}\"")) {
            problems.push(format!("migration.fromGo: no {flag} is among {flags}"));
        }
    }
    // What was there of both must stay until the webhook itself has added its own.
    if configuration.to_string().contains("caBundle") || !object("Secret")["data"].is_null() {
        problems.push(
            "migration.fromGo: the Go gtoken's certificate or authority is replaced".to_owned(),
        );
    }
    Ok(problems)
}

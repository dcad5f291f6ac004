//! Who is told what: whoever annotates, by kubectl; whoever audits, by the audit log.

use std::collections::BTreeSet;

use anyhow::ensure;
use serde_json::Value;

use crate::install::{NAMESPACE, SELECTOR};
use crate::pods::{items, name};
use crate::promise::{Promise, promise};
use crate::tenant::Tenant;

pub(super) const PROMISES: &[Promise] = &[
    promise!(
        Together,
        Admission,
        "advised",
        whoever_annotates_a_service_account_is_told_what_is_wrong
    ),
    promise!(
        Together,
        AuditLog,
        "audited",
        what_became_of_a_pod_is_in_the_audit_log
    ),
    promise!(
        Together,
        AuditLog,
        "advice-audited",
        what_was_said_of_a_service_account_is_in_the_audit_log
    ),
    promise!(
        Together,
        AuditLog,
        "streamed",
        each_replica_is_streamed_all_service_accounts_and_lists_none
    ),
];

/// Annotations of a new ServiceAccount, and what kubectl then shows.
const ADVICE: [(&str, &str); 4] = [
    (
        "amazonaws.com/role-arn=arn:aws:iam::1:role/reader",
        "amazonaws.com/role-arn \"arn:aws:ia",
    ),
    (
        "amazonaws.com/role-arn=arn:aws:iam::123456789012:role/reader",
        "the ServiceAccount has no iam.gke.io/gcp-service-account: GKE may give the pod no token",
    ),
    (
        "amazonaws.com/regoin=eu-west-1",
        "amazonaws.com/regoin is not read: amazonaws.com/region?",
    ),
    (
        "amazonaws.com/region=eu-west-1",
        "amazonaws.com/role-arn is missing: without it the other annotations have no effect",
    ),
];

/// ServiceAccounts, labels, and what becomes of such pods, with the entry of the configuration that they come under.
const AUDITED: [(&str, &str, &str, &str); 3] = [
    ("app", "app: web", "optional", "injected"),
    ("default", "app: web", "optional", "no-role"),
    (
        "app",
        "amazonaws.com/inject: \"true\"",
        "required",
        "injected",
    ),
];

const GATED: &str = include_str!("../../manifests/gated.yaml");

fn whoever_annotates_a_service_account_is_told_what_is_wrong(
    tenant: &Tenant<'_>,
) -> anyhow::Result<()> {
    for (annotation, warning) in ADVICE {
        tenant.kubectl(&["create", "serviceaccount", "reader"])?;
        let said = tenant.feed(&["annotate", "serviceaccount", "reader", annotation], "")?;
        said.warns(warning)?;
        tenant.kubectl(&["delete", "serviceaccount", "reader"])?;
    }
    let well = "amazonaws.com/region=eu-west-1";
    let said = tenant.feed(&["annotate", "serviceaccount", "app", well], "")?;
    ensure!(
        said.errors.is_empty(),
        "it warns of {well}: {}",
        said.errors
    );
    Ok(())
}

fn what_became_of_a_pod_is_in_the_audit_log(tenant: &Tenant<'_>) -> anyhow::Result<()> {
    for (account, label, entry, outcome) in AUDITED {
        let pod = format!("{entry}-{outcome}");
        let manifest = GATED
            .replace(
                "name: gated",
                &format!("name: {pod}\n  labels: {{{label}}}"),
            )
            .replace(
                "serviceAccountName: app",
                &format!("serviceAccountName: {account}"),
            );
        tenant.apply(&manifest)?;
        is_audited(
            tenant,
            "pods",
            &pod,
            &format!("{entry}.pods.gtoken/outcome"),
            outcome,
        )?;
    }
    Ok(())
}

fn what_was_said_of_a_service_account_is_in_the_audit_log(
    tenant: &Tenant<'_>,
) -> anyhow::Result<()> {
    let key = "warn.serviceaccounts.gtoken/outcome";
    // As it was created, with all that it needs.
    is_audited(tenant, "serviceaccounts", "app", key, "nothing-to-advise")?;
    tenant.kubectl(&["create", "serviceaccount", "reader"])?;
    let nonsense = "amazonaws.com/role-arn=reader";
    tenant.kubectl(&["annotate", "serviceaccount", "reader", nonsense])?;
    is_audited(tenant, "serviceaccounts", "reader", key, "advised")
}

/// Waits until a request for the object is in the audit log with this annotation.
fn is_audited(
    tenant: &Tenant<'_>,
    resource: &str,
    name: &str,
    key: &str,
    outcome: &str,
) -> anyhow::Result<()> {
    let told = tenant.until("the request in the audit log", || {
        let events = tenant.audited(resource, name)?;
        let mut told = events
            .into_iter()
            .map(|mut event| event["annotations"][key].take());
        Ok(told.find(|told| !told.is_null()))
    })?;
    ensure!(
        told == outcome,
        "{key} of {name} is {told} and not {outcome}"
    );
    Ok(())
}

/// A list of a large cluster costs the API server memory for all of it at once, a stream does not
/// (<https://kubernetes.io/docs/reference/using-api/api-concepts/#streaming-lists>).
fn each_replica_is_streamed_all_service_accounts_and_lists_none(
    tenant: &Tenant<'_>,
) -> anyhow::Result<()> {
    let replicas = ["pods", "--namespace", NAMESPACE, SELECTOR];
    let replicas = items(tenant.world().kubectl.get(&replicas)?)?;
    ensure!(!replicas.is_empty(), "there is no replica");
    let events = tenant.world().audit_events()?;
    for replica in &replicas {
        let replica = name(replica)?;
        let asked: BTreeSet<_> = events
            .iter()
            .filter_map(|event| asked_by(event, replica))
            .collect();
        let is_streamed = |asked: &(&str, bool, u64)| *asked == ("watch", true, 200);
        ensure!(
            asked.iter().any(is_streamed) && asked.iter().all(|(verb, ..)| *verb != "list"),
            "{replica} asked for ServiceAccounts by (verb, whether all of them, status of the answer) {asked:?}"
        );
    }
    Ok(())
}

/// If the event is of a request of this pod for ServiceAccounts: its verb, whether it is for all of them by a stream, and
/// the status of the answer.
fn asked_by<'a>(event: &'a Value, pod: &str) -> Option<(&'a str, bool, u64)> {
    let of = &event["user"]["extra"]["authentication.kubernetes.io/pod-name"][0];
    if of != pod || event["objectRef"]["resource"] != "serviceaccounts" {
        return None;
    }
    let is_stream = event["requestURI"]
        .as_str()?
        .contains("sendInitialEvents=true");
    Some((
        event["verb"].as_str()?,
        is_stream,
        event["responseStatus"]["code"].as_u64()?,
    ))
}

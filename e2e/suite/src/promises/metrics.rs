//! What operators see of the webhook, by the code with which Prometheus reads it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::install::{NAMESPACE, SELECTOR};
use crate::pods::{items, succeeded};
use crate::promise::{Promise, promise};
use crate::tenant::Tenant;

pub(super) const PROMISES: &[Promise] = &[promise!(
    Alone,
    Cloud,
    "metrics",
    metrics_tell_what_became_of_each_review_and_how_the_webhook_is
)];

/// Reviews by outcome and answer, as this test causes them. Of each injected pod there are two: Kubernetes mounts its own
/// token into the containers that were added, and then asks again.
const CAUSED: [(&str, &str, f64); 6] = [
    ("advised", "allowed", 1.0),
    ("already-injected", "allowed", 3.0),
    ("host-network", "allowed", 1.0),
    ("injected", "allowed", 3.0),
    ("no-role", "allowed", 2.0),
    ("no-role", "denied", 1.0),
];

/// After so long without a word from the API server the webhook doubts what it knows, in seconds.
const DOUBT: f64 = 90.0;

/// How long the webhook's certificate lives, in seconds; it is renewed at two thirds of that.
const LEAF_LIFE: f64 = 7.0 * 86_400.0;
/// The same of the authority that has signed it.
const AUTHORITY_LIFE: f64 = 365.0 * 86_400.0;

const GATED: &str = include_str!("../../manifests/gated.yaml");

fn metrics_tell_what_became_of_each_review_and_how_the_webhook_is(
    tenant: &Tenant<'_>,
) -> anyhow::Result<()> {
    let replicas = at_rest(tenant)?;
    let before = scraped(tenant, "before", &replicas)?;
    cause_reviews(tenant)?;
    let after = scraped(tenant, "after", &replicas)?;
    let sum =
        |of: &[Metrics], series: &str| of.iter().filter_map(|it| it.value(series)).sum::<f64>();
    let rise = |series: &str| sum(&after, series) - sum(&before, series);
    let mut all = 0.0;
    for (outcome, answer, times) in CAUSED {
        let series = format!(
            r#"{{__name__="gtoken_webhook_reviews_total", answer="{answer}", outcome="{outcome}"}}"#
        );
        ensure!(
            is(rise(&series), times),
            "{series} rose by {} and not by {times}",
            rise(&series)
        );
        all += times;
    }
    let timed = rise(r#"{__name__="gtoken_webhook_review_duration_seconds_count"}"#);
    ensure!(
        is(timed, all),
        "the duration of {timed} reviews and not of {all} was told"
    );
    let (bound, invalid) = service_accounts(tenant)?;
    let now = SystemTime::UNIX_EPOCH.elapsed()?.as_secs_f64();
    for replica in &after {
        for (what, longest) in [("certificate", LEAF_LIFE), ("authority", AUTHORITY_LIFE)] {
            let name = format!(r#"{{__name__="gtoken_webhook_{what}_expiry_timestamp_seconds"}}"#);
            let left = replica.value(&name).map(|end| end - now);
            ensure!(
                left.is_some_and(|left| left > longest / 3.0 && left <= longest),
                "{name} is {left:?} seconds from now"
            );
        }
        let state = |state: &str| {
            format!(r#"{{__name__="gtoken_webhook_service_accounts", state="{state}"}}"#)
        };
        replica.has(&state("bound"), bound)?;
        replica.has(&state("invalid"), invalid)?;
        let silence = replica.value(r#"{__name__="gtoken_webhook_watch_silence_seconds"}"#);
        ensure!(
            silence.is_some_and(|age| (0.0..DOUBT).contains(&age)),
            "what it knows is {silence:?} seconds old"
        );
    }
    Ok(())
}

/// Three pods are injected, two have no role, one is on the node's network and one is refused; and somebody annotates a
/// ServiceAccount with nonsense.
fn cause_reviews(tenant: &Tenant<'_>) -> anyhow::Result<()> {
    let pod = |name: &str| GATED.replace("name: gated", &format!("name: {name}"));
    let without_role =
        |name: &str| pod(name).replace("serviceAccountName: app", "serviceAccountName: default");
    for name in ["one", "two", "three"] {
        tenant.apply(&pod(name))?;
    }
    for name in ["four", "five"] {
        tenant.apply(&without_role(name))?;
    }
    tenant.apply(&pod("six").replace("spec:", "spec:\n  hostNetwork: true"))?;
    let demanding = without_role("seven\n  labels: {amazonaws.com/inject: \"true\"}");
    ensure!(
        tenant.apply(&demanding).is_err(),
        "the demanding pod was admitted"
    );
    tenant.kubectl(&["create", "serviceaccount", "nonsense"])?;
    let nonsense = "amazonaws.com/role-arn=reader";
    tenant
        .kubectl(&["annotate", "serviceaccount", "nonsense", nonsense])
        .map(drop)
}

/// Waits until nobody but us would cause a review, and gives the addresses of the replicas.
fn at_rest(tenant: &Tenant<'_>) -> anyhow::Result<Vec<String>> {
    let kubectl = &tenant.world().kubectl;
    tenant.until("a cluster at rest", || {
        let namespaces = items(kubectl.get(&["namespaces"])?)?;
        let replicas = ["pods", "--namespace", NAMESPACE, SELECTOR];
        let replicas = items(kubectl.get(&replicas)?)?;
        let mut all = namespaces.iter().chain(&replicas);
        if all.any(|it| it["metadata"]["deletionTimestamp"].is_string()) {
            return Ok(None);
        }
        let address = |pod: &Value| pod["status"]["podIP"].as_str().map(str::to_owned);
        Ok(replicas.iter().map(address).collect())
    })
}

/// What each replica shows to a pod that asks as Prometheus does; no review is caused by that.
fn scraped(tenant: &Tenant<'_>, word: &str, replicas: &[String]) -> anyhow::Result<Vec<Metrics>> {
    let mut shown = Vec::new();
    for (number, address) in replicas.iter().enumerate() {
        let (pod, url) = (
            format!("{word}-{number}"),
            format!("http://{address}:8080/metrics"),
        );
        tenant.kubectl(&[
            "run",
            &pod,
            "--image=e2e.local/scrape:1",
            "--labels=amazonaws.com/inject=false",
            "--restart=Never",
            "--",
            &url,
        ])?;
        succeeded(tenant, &pod)?;
        let log = tenant.kubectl(&["logs", &pod])?;
        shown.push(serde_json::from_str(&log).with_context(|| format!("{url} shows {log}"))?);
    }
    ensure!(!shown.is_empty(), "there is no replica");
    Ok(shown)
}

/// How many ServiceAccounts have a role, and how many have nonsense in its place.
fn service_accounts(tenant: &Tenant<'_>) -> anyhow::Result<(usize, usize)> {
    let all = items(
        tenant
            .world()
            .kubectl
            .get(&["serviceaccounts", "--all-namespaces"])?,
    )?;
    let (mut bound, mut invalid) = (0, 0);
    for account in all {
        let annotations = &account["metadata"]["annotations"];
        let roles = ["amazonaws.com/role-arn", "eks.amazonaws.com/role-arn"];
        let role = roles.iter().find_map(|role| annotations[role].as_str());
        match role {
            Some(role) if role.starts_with("arn:aws:iam::") => bound += 1,
            Some(_) => invalid += 1,
            None => {}
        }
    }
    Ok((bound, invalid))
}

/// Each series with its value, as the scrape's program writes them.
#[derive(Debug, serde::Deserialize)]
struct Metrics(BTreeMap<String, String>);

impl Metrics {
    fn value(&self, series: &str) -> Option<f64> {
        self.0.get(series)?.parse().ok()
    }

    fn has(&self, series: &str, wanted: impl fmt::Display) -> anyhow::Result<()> {
        let found = self.0.get(series).map(String::as_str);
        ensure!(
            found == Some(wanted.to_string().as_str()),
            "{series} is {found:?} and not {wanted}"
        );
        Ok(())
    }
}

/// Whether two counts are the same.
fn is(one: f64, other: f64) -> bool {
    (one - other).abs() < 0.5
}

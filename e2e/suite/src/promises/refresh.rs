//! Credentials that last: tokens and sessions end while an application goes on calling AWS.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::pods::{never_restarted, succeeded_after};
use crate::promise::{Promise, promise};
use crate::tenant::Tenant;

pub(super) const PROMISES: &[Promise] = &[
    promise!(
        First,
        Cloud,
        "steady",
        a_running_application_never_sees_its_credentials_lapse
    ),
    promise!(
        First,
        Cloud,
        "watched",
        a_token_is_replaced_whole_and_in_time
    ),
];

/// The fewest calls of five minutes at one a second, on a machine that does other things too.
const CALLS: u64 = 240;

/// How long the manifest has applications call AWS.
const STEADY: Duration = Duration::from_mins(5);

/// How long the manifest has the token file watched.
const WATCHED: Duration = Duration::from_secs(45);

/// How many tokens of a minute there have to be in five.
const TOKENS: usize = 4;

fn a_running_application_never_sees_its_credentials_lapse(
    tenant: &Tenant<'_>,
) -> anyhow::Result<()> {
    tenant.cloud()?.put_lifetimes(&tenant.account(), 60, 60)?;
    create_watch(tenant)?;
    tenant.apply(include_str!("../../manifests/steady.yaml"))?;
    let pod = succeeded_after(tenant, "steady", STEADY)?;
    for container in ["rust", "go"] {
        let summary = last_line(tenant, "steady", container)?;
        let number = |name: &str| summary[name].as_u64().unwrap_or_default();
        ensure!(
            number("calls") >= CALLS && number("failures") == 0,
            "{container}: {summary}"
        );
        ensure!(
            number("credentials") >= TOKENS as u64,
            "{container}: {summary}"
        );
    }
    let calls = tenant.cloud()?.calls(tenant.namespace())?;
    let refused = calls.iter().find(|call| call["outcome"] != "Success");
    ensure!(refused.is_none(), "STS refused: {refused:?}");
    let tokens: BTreeSet<_> = calls
        .iter()
        .filter_map(|call| call["tokenHash"].as_str())
        .collect();
    ensure!(
        tokens.len() >= TOKENS,
        "STS saw {} different tokens",
        tokens.len()
    );
    never_restarted(&pod)
}

fn a_token_is_replaced_whole_and_in_time(tenant: &Tenant<'_>) -> anyhow::Result<()> {
    tenant.cloud()?.put_lifetimes(&tenant.account(), 20, 900)?;
    create_watch(tenant)?;
    tenant.apply(include_str!("../../manifests/watched.yaml"))?;
    let pod = succeeded_after(tenant, "watched", WATCHED)?;
    let summary = last_line(tenant, "watched", "watch")?;
    ensure!(
        summary["reads"].as_u64() > Some(1000),
        "it hardly looked: {summary}"
    );
    never_restarted(&pod)
}

fn create_watch(tenant: &Tenant<'_>) -> anyhow::Result<()> {
    let script = format!(
        "--from-literal=watch.py={}",
        include_str!("../../manifests/watch.py")
    );
    tenant
        .kubectl(&["create", "configmap", "watch", &script])
        .map(drop)
}

/// What a container said last, in JSON.
fn last_line(tenant: &Tenant<'_>, pod: &str, container: &str) -> anyhow::Result<Value> {
    let log = tenant.kubectl(&["logs", pod, "--container", container])?;
    let line = log.lines().last().unwrap_or_default();
    serde_json::from_str(line).with_context(|| format!("{container} ended with no summary: {line}"))
}

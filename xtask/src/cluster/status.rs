//! How each component is, and why one is not well.

use std::fs;
use std::process::{Command, ExitCode};
use std::time::Duration;

use serde_json::Value;
use ureq::tls::TlsConfig;

use super::bed::Bed;
use super::components::{self, Component, Health};
use super::down;
use crate::process;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// One component, and what is wrong with it if something is.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) name: &'static str,
    pub(super) trouble: Option<String>,
}

/// Prints a line for each component; fails where one is not well.
pub(super) fn run(bed: &Bed) -> anyhow::Result<ExitCode> {
    if bed.init().is_none() {
        println!(
            "{}; `cargo xtask cluster up` starts it",
            if down::is_there(bed) {
                "the cluster was killed, or its start failed"
            } else {
                "no cluster runs here"
            }
        );
        return Ok(ExitCode::FAILURE);
    }
    let recipe = bed.recipe()?;
    println!("Kubernetes {} from {}", recipe.kubernetes, recipe.hash);
    let reports = examine(bed)?;
    for Report { name, trouble } in &reports {
        println!("{name:<24} {}", trouble.as_deref().unwrap_or("well"));
    }
    let is_well = reports.iter().all(|report| report.trouble.is_none());
    Ok(ExitCode::from(u8::from(!is_well)))
}

/// Asks all components, and the node that they make together.
pub(super) fn examine(bed: &Bed) -> anyhow::Result<Vec<Report>> {
    let recipe = bed.recipe()?;
    let components = components::stages(bed, &recipe)
        .into_iter()
        .flat_map(|(_, components)| components);
    let mut reports: Vec<_> = components
        .map(|component| Report {
            name: component.name,
            trouble: trouble(bed, &component),
        })
        .collect();
    reports.push(Report {
        name: "node",
        trouble: node(bed).err().map(|error| format!("{error:#}")),
    });
    Ok(reports)
}

fn trouble(bed: &Bed, component: &Component) -> Option<String> {
    let log = bed.log(component.name);
    let why = match fs::read_to_string(bed.end(component.name)) {
        Ok(ending) => format!("it {ending}"),
        Err(_) if !log.exists() => return Some("is not started yet".to_owned()),
        Err(_) => ask(bed, &component.health).err()?,
    };
    let said = fs::read_to_string(&log).unwrap_or_default();
    let last = said.trim_end().lines().last().unwrap_or("nothing");
    Some(format!(
        "{why}; it said last: {last} (log: {})",
        log.display()
    ))
}

fn ask(bed: &Bed, health: &Health) -> Result<(), String> {
    match health {
        Health::Answers(url) => match get(url)? {
            200 => Ok(()),
            status => Err(format!("{url} answers {status}")),
        },
        Health::Listens(url) => get(url).map(drop),
        Health::Containerd => {
            let asked = bed
                .enter("ctr")
                .and_then(|mut ctr| process::output(ctr.arg("version")));
            asked.map(drop).map_err(|error| format!("{error:#}"))
        }
    }
}

/// The status of an answer; whom the certificate is of does not matter to the health of a component.
fn get(url: &str) -> Result<u16, String> {
    let tls = TlsConfig::builder().disable_verification(true).build();
    let agent = ureq::Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .proxy(None)
        .build()
        .new_agent();
    let answer = agent.get(url).call();
    answer
        .map(|answer| answer.status().as_u16())
        .map_err(|error| format!("{url}: {error}"))
}

/// The kubelet's own judgement, which the API server passes on.
fn node(bed: &Bed) -> anyhow::Result<()> {
    let mut kubectl = Command::new(bed.kubectl()?);
    kubectl
        .args([
            "get",
            "node",
            "bed",
            "--output=json",
            "--request-timeout=5s",
        ])
        .env("KUBECONFIG", bed.kubeconfig());
    let node: Value = serde_json::from_str(&process::output(&mut kubectl)?)?;
    let conditions = node["status"]["conditions"].as_array();
    let ready = conditions
        .into_iter()
        .flatten()
        .find(|condition| condition["type"] == "Ready");
    match ready {
        Some(ready) if ready["status"] == "True" => Ok(()),
        Some(ready) => anyhow::bail!("is not ready: {}", ready["message"]),
        None => anyhow::bail!("says nothing of itself yet"),
    }
}

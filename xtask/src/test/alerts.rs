//! The chart's alerts, as Prometheus itself reads them: each fires of what it is about, and none of a webhook that is well.

use std::fs;
use std::process::Command;

use super::{Outcome, installed};
use crate::process;
use crate::workspace::Workspace;

const NEEDED: [(&str, &str); 1] = [("promtool", "prometheus")];

const RULES: &str = "deploy/chart/files/alerts.yaml";

/// What is tried; it names the rules by their place on this machine.
const TRIED: &str = include_str!("alerts.yaml");

/// Has promtool try all alerts.
pub(super) fn check(workspace: &Workspace) -> anyhow::Result<Outcome> {
    if let Some(skipped) = installed(&NEEDED)? {
        return Ok(skipped);
    }
    let folder = tempfile::tempdir()?;
    let tried = folder.path().join("tried.yaml");
    let rules = workspace.root.join(RULES);
    fs::write(&tried, TRIED.replace("RULES", &rules.to_string_lossy()))?;
    let mut promtool = Command::new("promtool");
    promtool.args(["test", "rules"]).arg(tried);
    Ok(if process::shown(&mut promtool)? {
        Outcome::Passed
    } else {
        Outcome::Failed("see above which alert fires, or does not".to_owned())
    })
}

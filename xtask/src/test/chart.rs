//! The chart, as Helm itself sees it: what it renders and what it refuses; and whether an API server would take it.

mod api;
mod migration;
mod schema;
mod values;

use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use serde_json::Value;

use api::Api;
use values::{REFUSED, RENDERED};

use super::Outcome;
use crate::codegen;
use crate::helm;
use crate::process;
use crate::workspace::Workspace;

/// Compares every generated file with what its source makes.
pub(super) fn generated(workspace: &Workspace) -> anyhow::Result<Outcome> {
    let (stale, _) = codegen::stale(workspace)?;
    Ok(Outcome::of(&stale))
}

/// Lints the chart, and gives it values that it must take or refuse.
pub(super) fn chart(workspace: &Workspace) -> anyhow::Result<Outcome> {
    if !process::shown(helm::helm(workspace)?.args(["lint", "--strict", helm::CHART]))? {
        return Ok(Outcome::Failed("mend what helm says above".to_owned()));
    }
    let mut problems = Vec::new();
    for (argument, reason) in REFUSED {
        problems.extend(refused(template(workspace)?.arg(argument), reason)?);
    }
    let apis = api::all(workspace)?;
    for (argument, text) in RENDERED {
        problems.extend(rendered(template(workspace)?.arg(argument), text, &apis)?);
    }
    let mut from_go = template(workspace)?;
    problems.extend(migration::problems(
        from_go.arg("--set=migration.fromGo=true"),
    )?);
    println!(
        "{} sets of values refused, {} rendered, each checked against {}",
        REFUSED.len(),
        RENDERED.len(),
        apis.iter().map(Api::name).collect::<Vec<_>>().join(", ")
    );
    Ok(Outcome::of(&problems))
}

fn template(workspace: &Workspace) -> anyhow::Result<Command> {
    helm::template(workspace, Path::new(helm::CHART))
}

/// What is wrong, if the command is not refused with this reason.
fn refused(command: &mut Command, reason: &str) -> anyhow::Result<Option<String>> {
    let output = process::captured(command)?;
    let said = String::from_utf8_lossy(&output.stderr);
    let is_refused = !output.status.success() && said.contains(reason);
    Ok((!is_refused).then(|| {
        format!(
            "`{}` is not refused for {reason:?}, it says: {}",
            process::describe(command),
            said.trim()
        )
    }))
}

/// What is wrong, if the command does not render this text, or something that an API server would not take.
fn rendered(command: &mut Command, text: &str, apis: &[Api]) -> anyhow::Result<Vec<String>> {
    let rendered = process::output(command)?;
    let command = process::describe(command);
    let objects: Vec<Value> = serde_saphyr::from_multiple(&rendered)
        .with_context(|| format!("`{command}` renders no YAML"))?;
    let mut problems: Vec<_> = apis
        .iter()
        .flat_map(|api| objects.iter().flat_map(|object| api.problems(object)))
        .map(|problem| format!("`{command}`: {problem}"))
        .collect();
    if !rendered.contains(text) {
        problems.push(format!("`{command}` renders no {text:?}"));
    }
    Ok(problems)
}

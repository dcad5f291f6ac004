//! Programs of this checkout, built to run on this machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::process;
use crate::workspace::Workspace;

/// Where the built programs are.
pub(crate) struct Programs(BTreeMap<String, PathBuf>);

/// Builds the programs of these packages, each called as its package, with cargo's own progress shown.
pub(crate) fn build(workspace: &Workspace, packages: &[&str]) -> anyhow::Result<Programs> {
    let chosen = packages.iter().flat_map(|package| ["--package", package]);
    build_as(workspace, packages, &chosen.collect::<Vec<_>>())
}

/// Builds an example of a package, for this machine and with cargo's own progress shown.
pub(crate) fn build_example(
    workspace: &Workspace,
    package: &str,
    example: &str,
) -> anyhow::Result<Programs> {
    let chosen = ["--package", package, "--example", example];
    build_as(workspace, &[example], &chosen)
}

fn build_as(workspace: &Workspace, names: &[&str], chosen: &[&str]) -> anyhow::Result<Programs> {
    eprintln!(
        "Building {}; the first time this takes minutes.",
        names.join(", ")
    );
    let mut cargo = workspace.cargo();
    cargo.args([
        "build",
        "--locked",
        "--message-format=json-render-diagnostics",
    ]);
    cargo.args(chosen);
    let built = process::captured_output(&mut cargo)?;
    if !built.status.success() {
        bail!("the build failed; cargo says above why");
    }
    let messages = String::from_utf8(built.stdout).context("cargo writes JSON")?;
    Ok(Programs(executables(&messages)))
}

impl Programs {
    /// The path of one that was built.
    pub(crate) fn path(&self, name: &str) -> anyhow::Result<&Path> {
        self.0
            .get(name)
            .map(PathBuf::as_path)
            .with_context(|| format!("cargo built no program {name}"))
    }
}

/// The programs that cargo's messages name, by the name of their target.
fn executables(messages: &str) -> BTreeMap<String, PathBuf> {
    let executable = |line: &str| {
        let message: Value = serde_json::from_str(line).ok()?;
        let path = message["executable"].as_str()?;
        Some((
            message["target"]["name"].as_str()?.to_owned(),
            PathBuf::from(path),
        ))
    };
    messages.lines().filter_map(executable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_programs_that_cargo_names() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"bytes"},"executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"gtoken"},"executable":"/t/gtoken"}"#,
            "\nno json\n",
        );
        let found = executables(messages);
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            [("gtoken".into(), PathBuf::from("/t/gtoken"))]
        );
    }
}

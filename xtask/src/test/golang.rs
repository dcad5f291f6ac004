//! What is written in Go here: programs for tests, and the cluster's components.

use super::Outcome;
use crate::workspace::Workspace;
use crate::{go, process};

/// The modules with tests.
const TESTED: [&str; 2] = ["e2e/caller-identity-go", "e2e/scrape"];

/// Tests what has tests, and wants all of it formatted, the cluster's components too: building those is their test.
pub(super) fn check(workspace: &Workspace) -> anyhow::Result<Outcome> {
    for module in TESTED.into_iter().chain([go::MODULE]) {
        let mut format = go::command(&workspace.root.join(module))?;
        let unformatted = process::output(format.args(["run", "cmd/gofmt", "-l", "."]))?;
        if !unformatted.trim().is_empty() {
            let files = unformatted
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(", ");
            return Ok(Outcome::Failed(format!(
                "run `gofmt -w` in {module}: {files}"
            )));
        }
    }
    for module in TESTED {
        let mut test = go::command(&workspace.root.join(module))?;
        if !process::shown(test.args(["test", "-vet=all", "./..."]))? {
            return Ok(Outcome::Failed("mend what go test says above".to_owned()));
        }
    }
    Ok(Outcome::Passed)
}

//! What is written in Go here: a program for tests, and the cluster's components.

use super::Outcome;
use crate::workspace::Workspace;
use crate::{go, process};

/// The modules; the second is most of Kubernetes, and building it is its test.
const MODULES: [&str; 2] = ["e2e/caller-identity-go", go::MODULE];

/// Tests what has tests, and wants all of it formatted.
pub(super) fn check(workspace: &Workspace) -> anyhow::Result<Outcome> {
    for module in MODULES {
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
    let mut test = go::command(&workspace.root.join(MODULES[0]))?;
    super::judged(
        test.args(["test", "-vet=all", "./..."]),
        "mend what go test says above",
    )
}

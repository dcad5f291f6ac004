//! The workflows, as their own linter sees them.

use crate::go;
use crate::process;
use crate::test::{Outcome, installed};
use crate::workspace::Workspace;

const LINTER: &str = "github.com/rhysd/actionlint";

/// Its version, and what it is by `go.sum`'s measure.
const VERSION: &str = "v1.7.12";
const SUM: &str = "h1:vQ4GeJN86C0QH+gTUQcs8McmK62OLT3kmakPMtEWYnY=";

/// What reads the shell in a workflow.
const NEEDED: [(&str, &str); 1] = [("shellcheck", "shellcheck")];

/// Lints every workflow, the shell in them too.
pub(crate) fn check(workspace: &Workspace) -> anyhow::Result<Outcome> {
    if let Some(skipped) = installed(&NEEDED)? {
        return Ok(skipped);
    }
    let module = format!("{LINTER}@{VERSION}");
    go::downloaded(workspace, &module, SUM)?;
    let mut lint = go::command(&workspace.root)?;
    lint.args(["run", &format!("{LINTER}/cmd/actionlint@{VERSION}")]);
    Ok(if process::shown(&mut lint)? {
        Outcome::Passed
    } else {
        Outcome::Failed("mend what actionlint says above".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use gtoken_contract::{AGENT_IMAGE, WEBHOOK_IMAGE};

    use crate::release::IMAGE_END;

    const RELEASE: &str = include_str!("../../../.github/workflows/release.yaml");

    #[test]
    fn the_workflow_pushes_the_images_that_pods_ask_for() {
        let pushed = RELEASE
            .matches("for image in gtoken gtoken-webhook; do")
            .count();
        assert_eq!(pushed, 2, "images are pushed, then signed");
        let name = "doitintl/$image:$GITHUB_REF_NAME";
        assert!(RELEASE.contains(name));
        let version = concat!("v", env!("CARGO_PKG_VERSION"));
        for (image, wanted) in [("gtoken", AGENT_IMAGE), ("gtoken-webhook", WEBHOOK_IMAGE)] {
            let name = name.replace("$image", image);
            assert_eq!(name.replace("$GITHUB_REF_NAME", version), wanted);
        }
        let archive = format!("made/$image-${{GITHUB_REF_NAME#v}}-linux-$architecture{IMAGE_END}");
        assert!(RELEASE.contains(&archive), "{archive}");
    }
}

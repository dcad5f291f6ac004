//! `cargo xtask demo`: the whole path on one machine, from an annotated ServiceAccount to AWS credentials.
//!
//! Nothing here is simulated by the demo itself: the sandbox is Google, AWS and the Kubernetes API; webhook, agent and
//! AWS SDK are the programs that run in a cluster, and they get what the patched pod says and nothing else.
//! What a node would add to that is printed as the demo's own addition.

mod diff;
mod pod;
mod story;
mod webhook;

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;

use crate::workspace::Workspace;
use crate::{process, programs};

/// The packages whose programs take part.
const PACKAGES: [&str; 4] = [
    "gtoken",
    "gtoken-webhook",
    "gtoken-sandbox",
    "caller-identity",
];

/// What the demo can be told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Leave everything running until Ctrl-C, to play with
    #[arg(long)]
    keep: bool,
}

/// Tells the story from the build to the refusal; whatever was started and written is gone when it returns.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let programs = programs::build(workspace, &PACKAGES)?;
    let folder = tempfile::Builder::new()
        .prefix("gtoken-demo-")
        .tempdir()
        .context("could not make a folder for the demo's files")?;
    let story = story::tell(&programs, folder.path())?;
    if arguments.keep {
        story.invite();
        while !process::interrupted() {
            thread::sleep(Duration::from_millis(100));
        }
    }
    Ok(ExitCode::SUCCESS)
}

//! `cargo xtask e2e`: the end-to-end suite, on a cluster of this machine or on one of yours.
//!
//! The cluster is started for it and ended after it, unless it ran before or is to be kept.

mod sabotage;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::cluster::Session;
use crate::test::{Outcome, of_last_line};
use crate::workspace::Workspace;
use crate::{image, process, programs};

#[derive(clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(crate) struct Arguments {
    /// Use the cluster that KUBECONFIG names; what needs the Google and the AWS of the test cluster is skipped
    #[arg(long)]
    existing: bool,
    /// What is installed in that cluster, as `deploy/install.yaml`, with images that it can pull
    #[arg(long, value_name = "FILE", requires = "existing")]
    manifest: Option<PathBuf>,
    /// Run only the tests with this in their name; may be repeated
    #[arg(long, value_name = "TEXT")]
    filter: Vec<String>,
    /// Leave the cluster, gtoken in it and the namespaces of the tests as they are
    #[arg(long)]
    keep: bool,
    /// Break the product in one way after the other, and fail unless the tests notice; a filter is for their names
    #[arg(long, conflicts_with_all = ["existing", "keep", "list"])]
    sabotage: bool,
    /// Say what there is to run, and run nothing
    #[arg(long)]
    list: bool,
}

/// Runs what the arguments ask for; 1 says that a test failed.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if arguments.sabotage {
        return sabotage::run(workspace, &arguments.filter);
    }
    let mut suite = suite(workspace)?;
    suite.args(arguments.filter.iter().flat_map(|text| ["--filter", text]));
    if arguments.list {
        suite.arg("--list");
        return Ok(code(process::shown(&mut suite)?));
    }
    if arguments.keep {
        suite.arg("--keep");
    }
    if arguments.existing {
        let usual = workspace.root.join(MANIFEST);
        suite
            .arg("--manifest")
            .arg(arguments.manifest.as_ref().unwrap_or(&usual));
        return Ok(code(process::shown(&mut suite)?));
    }
    let mut session = session(workspace)?;
    if arguments.keep {
        session.keep();
    }
    suite.args(cluster_flags(&session, &workspace.root.join(MANIFEST))?);
    Ok(code(process::shown(&mut suite)?))
}

/// All of it, as a step of the continuous integration.
pub(crate) fn check(workspace: &Workspace) -> anyhow::Result<Outcome> {
    let mut suite = suite(workspace)?;
    let session = session(workspace)?;
    suite.args(cluster_flags(&session, &workspace.root.join(MANIFEST))?);
    let mut last = None;
    let succeeded = process::streamed(&mut suite, |line| last = of_last_line(line).or(last))?;
    Ok(match last {
        Some(tally) if succeeded || tally.failed > 0 => Outcome::Counted(tally),
        _ => Outcome::Failed("the suite did not come to its end; it says above why".to_owned()),
    })
}

/// What is installed, from the root of the checkout.
const MANIFEST: &str = "deploy/install.yaml";

fn suite(workspace: &Workspace) -> anyhow::Result<Command> {
    suite_program(workspace).map(Command::new)
}

fn suite_program(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let built = programs::build(workspace, &["suite"])?;
    Ok(built.path("suite")?.to_owned())
}

/// The cluster of this machine, with the images that we ship and those that ask AWS who they are.
fn session(workspace: &Workspace) -> anyhow::Result<Session> {
    Session::check()?;
    let products = image::product_archives(workspace)?;
    let session = session_for_others(workspace)?;
    products
        .iter()
        .try_for_each(|archive| session.import(archive))?;
    Ok(session)
}

/// The same without ours.
fn session_for_others(workspace: &Workspace) -> anyhow::Result<Session> {
    Session::check()?;
    let archives = image::test_archives(workspace)?;
    let session = Session::open(workspace)?;
    archives
        .iter()
        .try_for_each(|archive| session.import(archive))?;
    Ok(session)
}

/// What the suite has to know of the cluster of this machine.
fn cluster_flags(session: &Session, manifest: &Path) -> anyhow::Result<Vec<OsString>> {
    Ok(vec![
        "--kubectl".into(),
        session.kubectl()?.into(),
        "--kubeconfig".into(),
        session.kubeconfig().into(),
        "--control".into(),
        Session::control().into(),
        "--sts-ca".into(),
        session.sts_authority().into(),
        "--audit-log".into(),
        session.audit_log().into(),
        "--manifest".into(),
        manifest.into(),
        // It is our own cluster: what a killed run left in it is nobody's.
        "--replace".into(),
    ])
}

fn code(succeeded: bool) -> ExitCode {
    ExitCode::from(u8::from(!succeeded))
}

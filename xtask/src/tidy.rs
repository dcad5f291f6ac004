//! `cargo xtask tidy`: what neither compiler nor clippy can see about the shape of this repository.
//!
//! Each check is a pure function over texts and names; this file reads them and prints what was found.

mod cases;
mod invariants;
mod lessons;
mod manifests;
mod modules;
mod proofs;
mod purity;
mod sizes;
mod source;
mod walls;
mod wording;

use std::fmt;
use std::process::ExitCode;

use modules::Root;
use source::Tree;

use crate::workspace::Workspace;

/// One thing that is not as it should be, with where and what to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    line: usize,
    problem: String,
    remedy: String,
}

impl Finding {
    fn new(path: &str, line: usize, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            line,
            problem,
            remedy,
        } = self;
        write!(f, "{path}:{line}: {problem}; {remedy}")
    }
}

/// Prints one line for each finding and a count; succeeds when there is none.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<ExitCode> {
    let tree = source::read(workspace)?;
    let (packages, trees) = (walls::packages(workspace), walls::trees(workspace)?);
    let mut findings = check(&tree, &roots(workspace), &folders(workspace));
    findings.extend(walls::check(&packages, &trees));
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    println!(
        "tidy: {} files read, {} found",
        tree.texts.len(),
        findings.len()
    );
    Ok(ExitCode::from(u8::from(!findings.is_empty())))
}

/// Everything that can be said from the files alone.
fn check(tree: &Tree, roots: &[Root], packages: &[String]) -> Vec<Finding> {
    let reach = modules::reach(roots, &tree.sources);
    let proofs = proofs::collect(&tree.sources, &tree.texts, packages);
    [
        tree.unreadable(),
        modules::orphans(&reach, &tree.sources, packages),
        sizes::check(tree, &reach),
        purity::check(&tree.sources),
        wording::check(tree),
        cases::check(&tree.texts),
        manifests::check(&tree.texts, packages),
        invariants::check(&tree.texts, &proofs),
        lessons::check(&tree.texts, &proofs),
    ]
    .concat()
}

/// The source file that each target of the workspace begins with.
fn roots(workspace: &Workspace) -> Vec<Root> {
    let targets = workspace
        .packages
        .iter()
        .flat_map(|package| &package.targets);
    targets
        .map(|target| Root {
            path: workspace.relative(&target.src_path),
            test: target
                .kind
                .iter()
                .any(|kind| kind == "test" || kind == "bench"),
        })
        .collect()
}

/// The folder of each package, as `crates/gtoken`.
fn folders(workspace: &Workspace) -> Vec<String> {
    let packages = workspace.packages.iter();
    packages
        .map(|package| workspace.relative(package.folder()))
        .collect()
}

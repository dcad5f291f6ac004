//! `cargo xtask test`: every check there is, all of them even if one fails, and one line that says how it went.

mod alerts;
mod chart;
mod deny;
mod golang;
mod manual;
mod tally;
mod terminal;

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

pub(crate) use tally::{Tally, of_last_line};

use crate::dist::{self, Site};
use crate::workspace::Workspace;
use crate::{e2e, packages, process, release, tidy};

/// What became of one step.
pub(crate) enum Outcome {
    Passed,
    /// It broke something, in its own words.
    Failed(String),
    /// It could not be done here, and why.
    Skipped(String),
    /// It counted for itself.
    Counted(Tally),
}

impl Outcome {
    /// Passed, if nothing is wrong.
    fn of(problems: &[impl ToString]) -> Self {
        if problems.is_empty() {
            return Self::Passed;
        }
        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        Self::Failed(problems.join("\n          "))
    }
}

type Step = (&'static str, fn(&Workspace) -> anyhow::Result<Outcome>);

const STEPS: &[Step] = &[
    ("formatting", formatting),
    ("lints", lints),
    ("licences, bans and sources", deny::rules),
    ("advisories", deny::advisories),
    ("tests", tests),
    ("Go", golang::check),
    ("generated files", chart::generated),
    ("chart", chart::chart),
    ("alerts", alerts::check),
    ("completions and manual pages", terminal::check),
    ("step by step", manual::check),
    ("workflows", release::check),
    ("tidy", tidy),
    ("demo", demo),
    ("weight", weight),
];

/// What the continuous integration does after these.
const LAST: Step = ("end to end", e2e::check);

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run only the steps with this in their name
    #[arg(long, value_name = "TEXT", default_value = "")]
    filter: String,
}

/// Runs every step that needs no root, then says what each of them did.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let wanted = |(name, _): &&Step| name.contains(&arguments.filter);
    let steps: Vec<_> = STEPS.iter().filter(wanted).copied().collect();
    anyhow::ensure!(
        !steps.is_empty(),
        "no step has `{}` in its name; they are: {}",
        arguments.filter,
        STEPS
            .iter()
            .map(|(name, _)| *name)
            .collect::<Vec<_>>()
            .join(", ")
    );
    run_steps(workspace, &steps)
}

/// Runs these, then the end-to-end suite.
pub(crate) fn ci(workspace: &Workspace) -> anyhow::Result<ExitCode> {
    run_steps(workspace, &[STEPS, &[LAST]].concat())
}

fn run_steps(workspace: &Workspace, steps: &[Step]) -> anyhow::Result<ExitCode> {
    let (mut total, mut report) = (Tally::default(), Vec::new());
    for (name, step) in steps {
        println!("\n=== {name}");
        let begun = Instant::now();
        let outcome = step(workspace).unwrap_or_else(|error| Outcome::Failed(format!("{error:#}")));
        anyhow::ensure!(!process::interrupted(), "interrupted in the step `{name}`");
        total += tally(&outcome);
        report.push(line(name, &outcome, begun.elapsed()));
    }
    println!("\n{}\n\n{total}", report.join("\n"));
    Ok(ExitCode::from(u8::from(total.failed > 0)))
}

/// A step counts as one, unless it counted for itself.
fn tally(outcome: &Outcome) -> Tally {
    match outcome {
        Outcome::Passed => Tally {
            passed: 1,
            ..Tally::default()
        },
        Outcome::Failed(_) => Tally {
            failed: 1,
            ..Tally::default()
        },
        Outcome::Skipped(_) => Tally {
            skipped: 1,
            ..Tally::default()
        },
        Outcome::Counted(tally) => *tally,
    }
}

fn line(name: &str, outcome: &Outcome, took: Duration) -> String {
    let what = match outcome {
        Outcome::Passed => "passed".to_owned(),
        Outcome::Failed(why) => format!("FAILED: {why}"),
        Outcome::Skipped(why) => format!("skipped: {why}"),
        Outcome::Counted(tally) => tally.to_string(),
    };
    format!("{:>6.1} s  {name}: {what}", took.as_secs_f64())
}

fn formatting(workspace: &Workspace) -> anyhow::Result<Outcome> {
    judged(
        workspace.cargo().args(["fmt", "--all", "--check"]),
        "run `cargo fmt --all` (rustfmt is missing? `rustup component add rustfmt`)",
    )
}

fn lints(workspace: &Workspace) -> anyhow::Result<Outcome> {
    judged(
        workspace.cargo().args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--locked",
            "--",
            "--deny",
            "warnings",
        ]),
        "mend what clippy says above (clippy is missing? `rustup component add clippy`)",
    )
}

/// The agent's tests that start it start the one that is shipped.
fn tests(workspace: &Workspace) -> anyhow::Result<Outcome> {
    let mut tally = Tally::default();
    let (_bytes, agent) = dist::place(workspace, &Site::here(workspace)?, dist::AGENT)?;
    let succeeded = process::streamed(
        workspace
            .cargo()
            .args(["test", "--workspace", "--locked", "--no-fail-fast"])
            .env("GTOKEN_BINARY", agent),
        |line| tally += tally::of_line(line).unwrap_or_default(),
    )?;
    // What does not compile, or ends without its last line, leaves no count behind.
    if !succeeded && tally.failed == 0 {
        tally.failed = 1;
    }
    Ok(Outcome::Counted(tally))
}

fn tidy(workspace: &Workspace) -> anyhow::Result<Outcome> {
    let clean = tidy::run(workspace)? == ExitCode::SUCCESS;
    Ok(if clean {
        Outcome::Passed
    } else {
        Outcome::Failed("see the lines above".to_owned())
    })
}

fn demo(workspace: &Workspace) -> anyhow::Result<Outcome> {
    typed(
        workspace,
        &["demo"],
        "see what `cargo xtask demo` said last",
    )
}

fn weight(workspace: &Workspace) -> anyhow::Result<Outcome> {
    typed(
        workspace,
        &["bench", "agent"],
        "see which row of `cargo xtask bench agent` does not hold",
    )
}

/// One of our commands in a process of its own, as it is typed: what it leaves behind would be seen.
fn typed(workspace: &Workspace, arguments: &[&str], remedy: &str) -> anyhow::Result<Outcome> {
    let xtask = ["run", "--quiet", "--locked", "--package", "xtask", "--"];
    judged(workspace.cargo().args(xtask).args(arguments), remedy)
}

/// Installs what is missing of these programs, each with Debian's package of it, or says why it cannot be done.
pub(crate) fn installed(needed: &[(&str, &'static str)]) -> anyhow::Result<Option<Outcome>> {
    let missing = needed
        .iter()
        .filter(|(program, _)| packages::find(program).is_none());
    let missing: Vec<_> = missing.map(|(_, package)| *package).collect();
    if !missing.is_empty() && !rustix::process::geteuid().is_root() {
        let missing = missing.join(", ");
        return Ok(Some(Outcome::Skipped(format!(
            "only root can install {missing}"
        ))));
    }
    packages::install(missing)?;
    Ok(None)
}

/// Runs a command whose exit code says it all.
fn judged(command: &mut Command, remedy: &str) -> anyhow::Result<Outcome> {
    Ok(if process::shown(command)? {
        Outcome::Passed
    } else {
        Outcome::Failed(remedy.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_counts_once_unless_it_counted_itself() {
        let counted = Tally {
            passed: 40,
            failed: 1,
            skipped: 2,
        };
        let outcomes = [
            Outcome::Passed,
            Outcome::Failed("a".to_owned()),
            Outcome::Skipped("b".to_owned()),
            Outcome::Counted(counted),
        ];
        let total: Tally = outcomes.iter().map(tally).sum();
        assert_eq!(total.to_string(), "41 passed, 2 failed, 3 skipped");
    }

    #[test]
    fn a_step_says_why_it_failed_and_how_long_it_took() {
        let line = line(
            "tidy",
            &Outcome::Failed("too long".to_owned()),
            Duration::from_millis(1250),
        );
        assert_eq!(line, "   1.2 s  tidy: FAILED: too long");
    }
}

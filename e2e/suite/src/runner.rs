//! Running the tests: what can be side by side, then the rest one by one, with one line for each.

use std::collections::VecDeque;
use std::fmt;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::diagnosis;
use crate::kubectl::Kubectl;
use crate::promise::{Needs, Promise, Turn};
use crate::tenant::{LABEL, Tenant};
use crate::world::World;

/// How long the namespaces of tests may take to go.
const PATIENCE: &str = "--timeout=180s";

/// How many tests ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u32,
    failed: u32,
    skipped: u32,
}

/// How one ended.
enum Outcome {
    Passed,
    Failed(anyhow::Error),
    Skipped(&'static str),
}

/// Installs gtoken, runs the tests, removes what is left unless it is to be kept, and says how it went.
pub(crate) fn run(
    world: &World,
    promises: &[Promise],
    jobs: usize,
    keep: bool,
) -> anyhow::Result<ExitCode> {
    let installed = world.installation.install();
    let tally = installed.map(|()| run_all(world, promises, jobs, keep));
    let tally = tally.map_err(|error| {
        let report = diagnosis::of_webhook(&world.kubectl);
        error.context(format!("gtoken could not be installed\n{report}"))
    });
    if keep {
        println!("kept: gtoken, and the namespaces with the label {LABEL}");
    } else {
        clean(world)?;
    }
    let tally = tally?;
    println!("\n{tally}");
    Ok(ExitCode::from(u8::from(tally.failed > 0)))
}

fn run_all(world: &World, promises: &[Promise], jobs: usize, keep: bool) -> Tally {
    let is_together = |promise: &&Promise| promise.turn <= Turn::Together;
    let (together, alone): (Vec<_>, Vec<_>) = promises.iter().partition(is_together);
    let queue = Mutex::new(VecDeque::from(together));
    let tally = Mutex::new(Tally::default());
    let next = || {
        let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.pop_front().filter(|_| !world.interrupt.is_set())
    };
    let run = |promise: &Promise| {
        let outcome = run_one(world, promise, keep);
        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.count(&outcome);
    };
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(promise) = next() {
                    run(promise);
                }
            });
        }
    });
    for promise in alone {
        if !world.interrupt.is_set() {
            run(promise);
        }
    }
    tally.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn run_one(world: &World, promise: &Promise, keep: bool) -> Outcome {
    if let Some(missing) = missing(world, promise.needs) {
        let outcome = Outcome::Skipped(missing);
        println!("{}", line(promise, &outcome, Duration::ZERO));
        return outcome;
    }
    let begun = Instant::now();
    let tenant = Tenant::new(world, promise.tenant);
    let kept = tenant
        .create()
        .context("could not set the test up")
        .and_then(|()| (promise.keep)(&tenant));
    let outcome = kept.map_or_else(Outcome::Failed, |()| Outcome::Passed);
    let mut report = line(promise, &outcome, begun.elapsed());
    if matches!(outcome, Outcome::Failed(_)) && !world.interrupt.is_set() {
        let since = format!("{}s", begun.elapsed().as_secs() + 1);
        let diagnosis = diagnosis::of(&tenant, &since);
        report = format!("{report}\n{diagnosis}--- end of {}", promise.name);
    }
    println!("{report}");
    if !keep && let Err(error) = tenant.delete() {
        eprintln!("could not delete what {} made: {error:#}", promise.name);
    }
    outcome
}

/// What a test needs that the cluster has not.
fn missing(world: &World, needs: Needs) -> Option<&'static str> {
    match needs {
        Needs::Cloud if world.cloud.is_none() => {
            Some("it needs the sandbox as Google and AWS of the cluster")
        }
        Needs::AuditLog if world.audit_log.is_none() => {
            Some("it needs the audit log of the API server")
        }
        Needs::Admission | Needs::AuditLog | Needs::Cloud => None,
    }
}

fn line(promise: &Promise, outcome: &Outcome, took: Duration) -> String {
    let (word, why) = match outcome {
        Outcome::Passed => ("ok", String::new()),
        Outcome::Failed(error) => ("FAILED", format!(": {error:#}")),
        Outcome::Skipped(reason) => ("skipped", format!(": {reason}")),
    };
    format!(
        "{word:<7} {:>6.1} s  {}{why}",
        took.as_secs_f64(),
        promise.name
    )
}

/// Removes gtoken and the namespaces of all tests, and waits until they are gone.
fn clean(world: &World) -> anyhow::Result<()> {
    delete_tenants(&world.kubectl)?;
    world
        .installation
        .remove()
        .context("could not remove gtoken again")
}

/// Those of this run, or of one that was killed.
pub(crate) fn delete_tenants(kubectl: &Kubectl) -> anyhow::Result<()> {
    let selector = format!("--selector={LABEL}");
    kubectl
        .run(["delete", "namespaces", &selector, PATIENCE])
        .map(drop)
        .context("could not delete the namespaces of tests")
}

impl Tally {
    fn count(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Passed => self.passed += 1,
            Outcome::Failed(_) => self.failed += 1,
            Outcome::Skipped(_) => self.skipped += 1,
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;
    use crate::promise::promise;

    fn it_holds(tenant: &Tenant<'_>) -> anyhow::Result<()> {
        tenant.world().interrupt.check()
    }

    #[test]
    fn one_line_says_how_a_test_ended_and_why() {
        let promise = promise!(Together, Admission, "holds", it_holds);
        let took = Duration::from_millis(1250);
        let line = |outcome| line(&promise, &outcome, took);
        assert_eq!(line(Outcome::Passed), "ok         1.2 s  it_holds");
        let error = anyhow!("no pod").context("not ready");
        assert_eq!(
            line(Outcome::Failed(error)),
            "FAILED     1.2 s  it_holds: not ready: no pod"
        );
        assert_eq!(
            line(Outcome::Skipped("no cloud")),
            "skipped    1.2 s  it_holds: no cloud"
        );
    }

    #[test]
    fn the_last_line_counts_them_all() {
        let mut tally = Tally::default();
        for outcome in [
            Outcome::Passed,
            Outcome::Failed(anyhow!("")),
            Outcome::Skipped(""),
            Outcome::Passed,
        ] {
            tally.count(&outcome);
        }
        assert_eq!(tally.to_string(), "2 passed, 1 failed, 1 skipped");
    }
}

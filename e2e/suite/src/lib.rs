//! The end-to-end suite: what gtoken promises, seen on a real Kubernetes with the images that are shipped and AWS SDKs
//! that others wrote.
//!
//! It knows gtoken as its users do, by its manifest and by what is documented, and shares no code with it.

mod arguments;
mod cloud;
mod diagnosis;
mod install;
mod interrupt;
mod kubectl;
mod pods;
mod promise;
mod promises;
mod runner;
mod template;
mod tenant;
mod world;

use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use arguments::Arguments;
use clap::Parser as _;
use cloud::Cloud;
use install::Installation;
use interrupt::Interrupt;
use kubectl::Kubectl;
use promise::Promise;
use world::World;

/// What the shell gives a program that Ctrl-C ended (128 + SIGINT).
const INTERRUPTED: u8 = 130;

/// Runs what the process was started for; 1 says that something failed, 2 that it was not understood.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let interrupt = match Interrupt::listen() {
        Ok(interrupt) => interrupt,
        Err(error) => return failed(&error),
    };
    let code = run(&arguments, &interrupt).unwrap_or_else(|error| failed(&error));
    if interrupt.is_set() {
        return ExitCode::from(INTERRUPTED);
    }
    code
}

fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}

fn run(arguments: &Arguments, interrupt: &Interrupt) -> anyhow::Result<ExitCode> {
    let promises = chosen(arguments)?;
    if arguments.list {
        for promise in promises {
            println!("{}", promise.name);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let kubectl = Kubectl::new(arguments.kubectl.clone(), arguments.kubeconfig.clone());
    kubectl
        .run(["get", "--raw=/readyz", "--request-timeout=10s"])
        .context("the cluster cannot be reached")?;
    let cloud = match (&arguments.control, &arguments.sts_ca) {
        (Some(control), Some(authority)) => Some(Cloud::connect(control, authority)?),
        _ => None,
    };
    let installation = Installation::new(kubectl.clone(), arguments.manifest.clone());
    installation.make_room(arguments.replace)?;
    runner::delete_tenants(&kubectl)?;
    let world = World {
        installation,
        before: install::inventory(&kubectl)?,
        kubectl,
        cloud,
        audit_log: arguments.audit_log.clone(),
        run: word_of(SystemTime::now()),
        patience: Duration::from_secs(arguments.patience),
        interrupt: interrupt.clone(),
    };
    runner::run(&world, &promises, arguments.jobs.get(), arguments.keep)
}

/// Four characters that come again after eighteen hours at the earliest.
fn word_of(now: SystemTime) -> String {
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    format!("{:04x}", seconds & 0xffff)
}

/// The promises that are meant, in the order of their turns.
fn chosen(arguments: &Arguments) -> anyhow::Result<Vec<Promise>> {
    let all = promises::all();
    for name in arguments.choice.exact() {
        ensure!(
            all.iter().any(|promise| promise.name == name),
            "there is no test {name}; `--list` names them all"
        );
    }
    let mut chosen: Vec<_> = all
        .into_iter()
        .filter(|promise| arguments.choice.takes(promise.name))
        .collect();
    ensure!(
        !chosen.is_empty(),
        "no test is meant by this filter; `--list` names them all"
    );
    chosen.sort_by_key(|promise| promise.turn);
    Ok(chosen)
}

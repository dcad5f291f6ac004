//! `cargo xtask bench`: how light the programs are, and how fast, measured beside others in the same run.
//!
//! Machines differ and drift, so everything is measured in turns, and a time is judged by nobody. Sizes, counts and memory
//! are the same wherever they are taken, and so nearly is what one program costs as a share of another: those that are
//! not what they must be fail the run.

mod agent;
mod candidate;
mod contender;
mod figures;
mod herd;
mod load;
mod review;
mod site;
mod start;
mod table;
mod turns;
mod webhook;

use std::process::ExitCode;

use clap::Subcommand;

use crate::workspace::Workspace;

/// What there is to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The agent: its size, its memory, its wake-ups and its start
    Agent(agent::Arguments),
    /// The webhook: how many reviews a second of CPU answers, its memory and its slowest answer
    Webhook(webhook::Arguments),
}

/// Measures what the arguments name; 1 where it is heavier or slower than it must be.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        Command::Agent(arguments) => agent::run(workspace, arguments),
        Command::Webhook(arguments) => webhook::run(workspace, arguments),
    }
}

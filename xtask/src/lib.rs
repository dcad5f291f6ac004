//! All automation of this repository, in Rust: `cargo xtask COMMAND`, one module for each command.

mod bench;
mod cache;
mod cloud;
mod cluster;
mod codegen;
mod demo;
mod dist;
mod e2e;
mod go;
mod hash;
mod helm;
mod http;
mod image;
mod packages;
mod process;
mod programs;
mod release;
mod server;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use workspace::Workspace;

/// What the shell gives a program that Ctrl-C ended (128 + SIGINT).
const INTERRUPTED: u8 = 130;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The automation of this repository")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure the agent as it is shipped, alone or beside others, against what it may weigh
    Bench(bench::Arguments),
    /// A real Kubernetes on this machine, for the end-to-end suite and to play with
    Cluster(cluster::Arguments),
    /// Write the files that are made from others; `--check` says which are stale
    Codegen(codegen::Arguments),
    /// Show the whole path on this machine, from an annotated ServiceAccount to AWS credentials
    Demo(demo::Arguments),
    /// Build the programs as they are shipped: static, stripped, the same bytes everywhere
    Dist(dist::Arguments),
    /// Run the end-to-end suite on a real Kubernetes; ends with the line `N passed, N failed, N skipped`
    E2e(e2e::Arguments),
    /// Make the OCI images that are shipped, or those for tests, without a container engine
    Image(image::Arguments),
    /// Make what a release is made of, as far as this machine can
    Release(release::Arguments),
    /// Run every check there is, the end-to-end suite included: what the continuous integration runs
    Ci,
    /// Run every check that needs no root; ends with the line `N passed, N failed, N skipped`
    Test(test::Arguments),
    /// Check budgets, module trees, dependency walls, manifests and the table of invariants
    Tidy,
}

/// Runs the command that the process was started with; 1 says that it failed, 2 that it was not understood.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match process::forward_signals().and_then(|()| run(arguments.command)) {
        _ if process::interrupted() => ExitCode::from(INTERRUPTED),
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    let workspace = Workspace::find;
    match command {
        Command::Bench(arguments) => bench::run(&workspace()?, &arguments),
        // Its first process runs where no cargo can be asked.
        Command::Cluster(arguments) => cluster::run(&arguments),
        Command::Ci => test::ci(&workspace()?),
        Command::Codegen(arguments) => codegen::run(&workspace()?, &arguments),
        Command::Demo(arguments) => demo::run(&workspace()?, &arguments),
        Command::Dist(arguments) => dist::run(&workspace()?, &arguments),
        Command::E2e(arguments) => e2e::run(&workspace()?, &arguments),
        Command::Image(arguments) => image::run(&workspace()?, &arguments),
        Command::Release(arguments) => release::run(&workspace()?, &arguments),
        Command::Test(arguments) => test::run(&workspace()?, &arguments),
        Command::Tidy => tidy::run(&workspace()?),
    }
}

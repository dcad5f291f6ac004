//! `cargo xtask cluster`: a real Kubernetes on this machine, for the end-to-end suite and for whoever wants to play.
//!
//! One node, with everything on it in namespaces of its own below one process: killing that one ends all of it.
//! The machine outside gets one network device with three routes, and what else the kernel shares is put back.

mod bed;
mod binary;
mod components;
mod configuration;
mod down;
mod init;
mod leftovers;
mod lock;
mod machine;
mod network;
mod pki;
mod session;
mod status;
mod up;

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use clap::Subcommand;

use bed::Bed;
use lock::Lock;
pub(crate) use session::Session;

use crate::workspace::Workspace;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start it, or say that it runs already
    Up,
    /// End it, and put back what it changed on this machine
    Down,
    /// Say how each of its components is, and why one is not well; exits 1 then
    Status,
    /// Run a command inside, as `exec -- kubectl get pods -A`
    Exec {
        /// The command and its arguments
        #[arg(last = true, required = true, value_name = "CMD")]
        command: Vec<OsString>,
    },
    /// Be the first process inside; not for people
    #[command(hide = true)]
    Init {
        /// The folder of the bed
        state: PathBuf,
    },
}

/// Does what was asked of the one bed of this machine.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let bed = Bed::of_this_machine();
    match &arguments.command {
        Command::Up => {
            machine::check()?;
            let _lock = Lock::acquire()?;
            up::up(&Workspace::find()?, &bed)?;
            println!("{}", bed.introduction());
        }
        Command::Down => {
            machine::check()?;
            let _lock = Lock::acquire()?;
            println!("{}", down::down(&bed)?);
        }
        Command::Status => return status::run(&bed),
        Command::Exec { command } => return Err(exec(&bed, command)),
        Command::Init { state } => return init::run(state),
    }
    Ok(ExitCode::SUCCESS)
}

/// Becomes the command, inside; comes back only with the reason why it could not.
fn exec(bed: &Bed, command: &[OsString]) -> anyhow::Error {
    let inside = || {
        machine::check()?;
        let (program, arguments) = command.split_first().context("there is no command")?;
        ensure!(
            bed.is_ready(),
            "no cluster runs here; start it by `cargo xtask cluster up`"
        );
        let mut inside = bed.enter(program)?;
        inside.args(arguments);
        anyhow::Ok(inside)
    };
    match inside() {
        Ok(mut inside) => anyhow::Error::new(inside.exec()).context("could not start nsenter"),
        Err(error) => error,
    }
}

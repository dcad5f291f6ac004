//! The three programs, as they tell of themselves: by `--help`, so that nothing is told which they do not have.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};

use super::help::{self, Entry};
use crate::process;
use crate::programs;
use crate::workspace::Workspace;

/// A program, or a command of one.
#[derive(Debug)]
pub(super) struct Told {
    /// The program's path, and the command where it is one.
    pub(super) call: Vec<String>,
    /// What it is called by; a command without its program.
    pub(super) name: String,
    /// What it is or does, in a sentence without a full stop.
    pub(super) about: String,
    /// All that it says; empty for a command of the agent, which is told of with the agent itself.
    pub(super) help: String,
    pub(super) flags: Vec<Entry>,
    pub(super) commands: Vec<Told>,
}

impl Told {
    /// Whether it takes an argument; `--help`, which ends what follows it, is not reached where it does not.
    pub(super) fn takes(&self, argument: &str) -> anyhow::Result<bool> {
        let mut asked = Command::new(&self.call[0]);
        asked.args(&self.call[1..]).args([argument, "--help"]);
        Ok(process::captured(&mut asked)?.status.success())
    }
}

/// Builds the agent, the webhook and the sandbox and asks them, in this order.
pub(super) fn programs(workspace: &Workspace) -> anyhow::Result<[Told; 3]> {
    let names = ["gtoken", "gtoken-webhook", "gtoken-sandbox"];
    let built = programs::build(workspace, &names)?;
    let [agent, webhook, sandbox] = names;
    Ok([
        by_hand(built.path(agent)?, agent)?,
        by_clap(built.path(webhook)?, webhook)?,
        by_clap(built.path(sandbox)?, sandbox)?,
    ])
}

/// The agent, whose help is written by hand, with all of its commands.
fn by_hand(program: &Path, name: &str) -> anyhow::Result<Told> {
    let help = ask(program, &[])?;
    let commands = help::by_hand(&help, "Commands");
    let commands = commands.into_iter().map(|command| Told {
        flags: help::by_hand(&help, &format!("Flags of {}", command.name)),
        call: vec![path(program), command.name.clone()],
        name: command.name,
        about: command.text,
        help: String::new(),
        commands: Vec::new(),
    });
    Ok(Told {
        call: vec![path(program)],
        name: name.to_owned(),
        about: about(&help, name),
        flags: help::by_hand(&help, "Flags"),
        commands: commands.collect(),
        help,
    })
}

/// A program whose command line is clap's.
fn by_clap(program: &Path, name: &str) -> anyhow::Result<Told> {
    let help = ask(program, &[])?;
    let mut commands = help::by_hand(&help, "Commands");
    commands.retain(|command| command.name != "help");
    let commands = commands.into_iter().map(|command| {
        let help = ask(program, &[&command.name])?;
        let flags = help::by_clap(&help);
        anyhow::Ok(Told {
            call: vec![path(program), command.name.clone()],
            name: command.name,
            about: command.text,
            help,
            flags,
            commands: Vec::new(),
        })
    });
    Ok(Told {
        call: vec![path(program)],
        name: name.to_owned(),
        about: about(&help, name),
        flags: help::by_clap(&help),
        commands: commands.collect::<Result<_, _>>()?,
        help,
    })
}

/// The first paragraph, without the name that it may begin with.
fn about(help: &str, name: &str) -> String {
    let paragraph = help.split("\n\n").next().unwrap_or_default();
    let text = paragraph.replace('\n', " ");
    let text = text.trim_start_matches(name).trim();
    text.trim_end_matches('.').to_owned()
}

fn path(program: &Path) -> String {
    program.display().to_string()
}

fn ask(program: &Path, command: &[&str]) -> anyhow::Result<String> {
    let mut asked = Command::new(program);
    // Variables would be told as if they were defaults, and lines are for the reader to break.
    asked.args(command).arg("--help");
    asked.env_clear().env("COLUMNS", "10000");
    let output = process::captured_output(&mut asked)?;
    ensure!(
        output.status.success(),
        "`{}` failed",
        process::describe(&asked)
    );
    String::from_utf8(output.stdout).context("--help is no text")
}

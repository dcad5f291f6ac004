//! What shells complete, made from what the programs tell of themselves: in `deploy/completions`.
//!
//! `clap_complete` would want the command lines as clap's, which the agent's is not; and where a program's name has a dash, or a
//! value stands behind an equals sign, what it makes for bash completes nothing.

mod bash;
mod fish;
mod zsh;

use anyhow::ensure;

use super::File;
use super::help::Entry;
use super::told::Told;

/// Flags that take one of a few words, each of which is tried before it is written down.
const CHOICES: &[(&str, &[&str])] = &[
    (
        "--log-level",
        &[
            "trace", "debug", "info", "warning", "error", "fatal", "panic",
        ],
    ),
    ("--on-unknown", &["retry", "admit"]),
    ("--pull-policy", &["Always", "IfNotPresent", "Never"]),
    ("--sidecar-mode", &["auto", "classic", "native"]),
    (
        "--source",
        &[
            "auto",
            "metadata",
            "iam-credentials",
            "service-account-key",
            "impersonation",
            "external-account",
        ],
    ),
    ("--tls-min-version", &["1.2", "1.3"]),
    ("--tls-mode", &["files", "self", "off"]),
    ("--token-source", &["google", "cluster"]),
];

/// What stands above each file, behind the sign that makes it a comment.
const HEAD: &str =
    "Made by `cargo xtask codegen` from what the program tells of itself; edit nothing here.";

/// What a flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    /// Nothing.
    None,
    /// True or false, by an equals sign or not at all.
    Truth,
    /// One of these.
    Words(&'static [&'static str]),
    /// A path.
    File,
    /// A folder's path.
    Folder,
    /// What nobody can guess.
    Any,
}

const TRUTHS: &[&str] = &["true", "false"];

impl Value {
    /// What a flag takes, by its name and by what its value is called.
    fn of(flag: &str, value: &str) -> Self {
        let words = CHOICES.iter().find(|(name, _)| *name == flag);
        match (value, words) {
            ("", _) => Self::None,
            (_, Some((_, words))) => Self::Words(words),
            ("<FILE>" | "=PATH", _) => Self::File,
            ("<FOLDER>", _) => Self::Folder,
            _ if value.starts_with('[') => Self::Truth,
            _ => Self::Any,
        }
    }

    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Truth => TRUTHS,
            Self::Words(words) => words,
            _ => &[],
        }
    }
}

/// For each program a file for bash, for zsh and for fish, under the names by which those shells find them.
pub(super) fn files(programs: &[Told; 3]) -> anyhow::Result<Vec<File>> {
    for program in programs {
        try_choices(program)?;
        program.commands.iter().try_for_each(try_choices)?;
    }
    let files = programs.iter().flat_map(|program| {
        let name = &program.name;
        [
            (format!("{name}.bash"), bash::script(program)),
            (format!("_{name}"), zsh::script(program)),
            (format!("{name}.fish"), fish::script(program)),
        ]
    });
    Ok(files
        .map(|(name, text)| File::new(format!("deploy/completions/{name}"), text))
        .collect())
}

/// Fails where a program takes one of its choices for none, or takes what is none.
fn try_choices(told: &Told) -> anyhow::Result<()> {
    for Entry { name, value, .. } in &told.flags {
        let Value::Words(words) = Value::of(name, value) else {
            continue;
        };
        for word in words {
            let argument = format!("{name}={word}");
            ensure!(
                told.takes(&argument)?,
                "{} does not take {argument}, which xtask/src/codegen/completions.rs would complete",
                told.name
            );
        }
        ensure!(
            !told.takes(&format!("{name}=no-such-word"))?,
            "{} takes any word for {name}; it has no place in xtask/src/codegen/completions.rs",
            told.name
        );
    }
    Ok(())
}

/// A flag's value.
fn value(flag: &Entry) -> Value {
    Value::of(&flag.name, &flag.value)
}

/// The first part of what a flag says, which is all that a menu has room for.
fn short(text: &str) -> &str {
    let end = text.find([';', '(']).unwrap_or(text.len());
    text[..end].trim_end()
}

/// The name as shells take it for a function's.
fn function(program: &Told) -> String {
    format!("_{}", program.name.replace('-', "_"))
}

/// A text between single quotes, as every shell reads it: what would end them stands for itself nowhere in our help.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "’"))
}

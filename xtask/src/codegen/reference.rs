//! The table of every annotation, label, flag and variable, from what the programs themselves read and tell.

mod rows;
#[cfg(test)]
mod shown;

use std::fmt::Write as _;

use anyhow::{Context as _, bail};
use gtoken_inject::annotation::{GOOGLE_SERVICE_ACCOUNT, INJECT_LABEL, INJECTED, Name, PREFIX};

use super::File;
use super::help::{self, Entry};
use super::told::Told;
use rows::{AGENT, ANNOTATIONS, Row, VARIABLES, WEBHOOK};

/// `docs/reference.md`.
pub(super) fn table([agent, webhook, _]: &[Told; 3]) -> anyhow::Result<File> {
    let [server] = &webhook.commands[..] else {
        bail!("gtoken-webhook has other commands than `server`; say which flags belong here");
    };
    let mut text = String::from(HEAD);
    annotations(&mut text, &server.flags)?;
    for (title, flags, rows) in [
        ("Flags of `gtoken-webhook server`", &server.flags, WEBHOOK),
        ("Flags of `gtoken`", &agent.flags, AGENT),
    ] {
        let flags = flags.iter().filter(|flag| !flag.is_about_the_program());
        section(&mut text, title, &flags.collect::<Vec<_>>(), rows)?;
    }
    let variables = help::by_hand(&agent.help, "Environment");
    section(
        &mut text,
        "Variables that `gtoken` reads",
        &variables.iter().collect::<Vec<_>>(),
        VARIABLES,
    )?;
    Ok(File::new("docs/reference.md", text))
}

const HEAD: &str = "# Reference

Made by `cargo xtask codegen` from what the programs read and tell; edit nothing here.
The last column names the test or the case folder of `crates/gtoken-inject/tests/cases` where a setting takes effect, and the one where it is wrong.
";

/// Annotations and the label. An annotation's default is the flag of its name, which also says what it does.
fn annotations(text: &mut String, flags: &[Entry]) -> anyhow::Result<()> {
    text.push_str("\n## Annotations and the label\n\n");
    text.push_str("Each annotation is read under every prefix of `--annotation-prefixes`; shown is the first. ");
    text.push_str("A pod's word goes before its ServiceAccount's, and that before the flag.\n\n");
    text.push_str(
        "| name | on | what it says | default | example | shown by |\n|---|---|---|---|---|---|\n",
    );
    for row in ANNOTATIONS {
        let option = Name::ALL.into_iter().find(|name| name.as_str() == row.name);
        let flag = format!("--{}", row.name);
        let flag = flags.iter().find(|entry| entry.name == flag);
        let (name, on, says, default) = match (option, row.name) {
            (Some(Name::RoleArn), _) => (
                format!("{PREFIX}/{}", row.name),
                "ServiceAccount",
                "The role that its pods assume, by its ARN or, with `--aws-account-id`, by its name.",
                "",
            ),
            (Some(_), _) => {
                let flag = flag.with_context(|| format!("no flag is named --{}", row.name))?;
                let name = format!("{PREFIX}/{}", row.name);
                (name, "ServiceAccount, pod", &*flag.text, "the flag")
            }
            (None, name) if name == INJECT_LABEL => (
                name.to_owned(),
                "pod (label)",
                "`true`: must not start without credentials; `false`: leave it alone.",
                "inject where it can be done",
            ),
            (None, name) if name == GOOGLE_SERVICE_ACCOUNT => (
                name.to_owned(),
                "ServiceAccount",
                "GKE's own link to a Google service account; only its tokens are published.",
                "",
            ),
            (None, name) if name == INJECTED => (
                name.to_owned(),
                "pod, by the webhook",
                "What was added, so that a pod which is restored or copied is brought up to date.",
                "",
            ),
            (None, name) => bail!("{name} is read by nobody"),
        };
        let (right, wrong, example) = (row.right, row.wrong, row.example);
        writeln!(
            text,
            "| `{name}` | {on} | {says} | {default} | `{example}` | `{right}`, `{wrong}` |"
        )?;
    }
    for name in Name::ALL.map(Name::as_str) {
        if !ANNOTATIONS.iter().any(|row| row.name == name) {
            bail!("the annotation {name} has no row in xtask/src/codegen/reference/rows.rs");
        }
    }
    Ok(())
}

/// What a program tells, beside what is known of it here.
fn section(text: &mut String, title: &str, entries: &[&Entry], rows: &[Row]) -> anyhow::Result<()> {
    write!(
        text,
        "\n## {title}\n\n| name | what it says | default | variable | example | shown by |\n|---|---|---|---|---|---|\n"
    )?;
    for entry in entries {
        let name = &entry.name;
        let row = rows.iter().find(|row| row.name == name);
        let Some(Row {
            example,
            right,
            wrong,
            ..
        }) = row
        else {
            bail!(
                "{name} has no row in xtask/src/codegen/reference/rows.rs; say by which tests it is held"
            );
        };
        let says = entry.text.replace('|', "\\|");
        let code = |text: &str| {
            if text.is_empty() {
                String::new()
            } else {
                format!("`{text}`")
            }
        };
        let (default, variable) = (code(&entry.default), code(&entry.variable));
        let signature = format!("{name}{}", separated(&entry.value)).replace('|', "\\|");
        writeln!(
            text,
            "| `{signature}` | {says} | {default} | {variable} | {} | `{right}`, `{wrong}` |",
            code(example)
        )?;
    }
    let is_gone = |row: &&Row| !entries.iter().any(|entry| entry.name == row.name);
    if let Some(row) = rows.iter().find(is_gone) {
        bail!(
            "{} is in xtask/src/codegen/reference/rows.rs, but no program tells of it",
            row.name
        );
    }
    Ok(())
}

/// A value behind its flag.
fn separated(value: &str) -> String {
    if value.starts_with('<') {
        format!(" {value}")
    } else {
        value.to_owned()
    }
}

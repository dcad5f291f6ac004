//! `cargo xtask codegen`: the files that are made from others, each kept in the repository and in step with its source.

mod help;
mod irsa;
mod manifests;
mod reference;

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use crate::workspace::Workspace;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Write nothing; fail and name each file that is not what its source makes
    #[arg(long)]
    check: bool,
}

/// A generated file, by its path from the root, and what makes its text.
type Generated = (
    &'static str,
    fn(&Workspace, Option<&str>) -> anyhow::Result<String>,
);

/// In this order, since some are made from others.
const FILES: &[Generated] = &[
    ("deploy/chart/Chart.yaml", manifests::chart),
    ("deploy/install.yaml", manifests::install),
    ("docs/reference.md", reference::table),
    ("e2e/suite/manifests/external-dns.yaml", irsa::external_dns),
];

/// A file that is not what its source makes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stale {
    path: String,
    /// The first line that differs; none where the file is missing.
    line: Option<usize>,
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line } = self;
        match line {
            Some(line) => write!(f, "{path}:{line}: differs from what its source makes")?,
            None => write!(f, "{path}: is missing")?,
        }
        f.write_str("; run `cargo xtask codegen`")
    }
}

/// Writes what is stale, or says so and fails.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if arguments.check {
        let stale = stale(workspace)?;
        for file in &stale {
            println!("{file}");
        }
        println!(
            "codegen: {} files compared, {} stale",
            FILES.len(),
            stale.len()
        );
        return Ok(ExitCode::from(u8::from(!stale.is_empty())));
    }
    for file in FILES {
        if update(workspace, file)? {
            println!("wrote {}", file.0);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Every file that is not what its source makes.
pub(crate) fn stale(workspace: &Workspace) -> anyhow::Result<Vec<Stale>> {
    let found = FILES.iter().map(|file| compare(workspace, file));
    found.filter_map(Result::transpose).collect()
}

fn compare(workspace: &Workspace, (path, make): &Generated) -> anyhow::Result<Option<Stale>> {
    let present = read(&workspace.root.join(path))?;
    let wanted = make(workspace, present.as_deref())?;
    Ok(difference(path, present.as_deref(), &wanted))
}

/// Writes the file if it is stale, and says whether it was.
fn update(workspace: &Workspace, (path, make): &Generated) -> anyhow::Result<bool> {
    let file = workspace.root.join(path);
    let present = read(&file)?;
    let wanted = make(workspace, present.as_deref())?;
    let is_stale = difference(path, present.as_deref(), &wanted).is_some();
    if is_stale {
        fs::write(&file, wanted).with_context(|| format!("could not write {}", file.display()))?;
    }
    Ok(is_stale)
}

fn difference(path: &str, present: Option<&str>, wanted: &str) -> Option<Stale> {
    let line = present.map(|present| {
        let equal = present.split('\n').zip(wanted.split('\n'));
        1 + equal.take_while(|(a, b)| a == b).count()
    });
    (present != Some(wanted)).then(|| Stale {
        path: path.to_owned(),
        line,
    })
}

fn read(file: &Path) -> anyhow::Result<Option<String>> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => bail!("could not read {}: {error}", file.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: Generated = ("made.txt", |_, _| Ok("one\ntwo\n".to_owned()));

    /// A checkout with nothing in it but the generated file, where it has a text.
    fn checkout(text: Option<&str>) -> (tempfile::TempDir, Workspace) {
        let root = tempfile::tempdir().unwrap();
        if let Some(text) = text {
            fs::write(root.path().join(FILE.0), text).unwrap();
        }
        let workspace = Workspace {
            root: root.path().to_owned(),
            target: root.path().join("target"),
            packages: Vec::new(),
        };
        (root, workspace)
    }

    #[test]
    fn a_generated_file_that_is_stale_is_found_and_named() {
        for (text, said) in [
            (None, "made.txt: is missing"),
            (Some("one\n2\n"), "made.txt:2: differs"),
            (Some("one\ntwo"), "made.txt:3: differs"),
            (Some("one\ntwo\nthree\n"), "made.txt:3: differs"),
        ] {
            let (_root, workspace) = checkout(text);
            let stale = compare(&workspace, &FILE).unwrap().unwrap().to_string();
            assert!(stale.starts_with(said), "{stale}");
            assert!(stale.ends_with("run `cargo xtask codegen`"), "{stale}");
        }
        let (_root, workspace) = checkout(Some("one\ntwo\n"));
        assert_eq!(compare(&workspace, &FILE).unwrap(), None);
    }

    #[test]
    fn what_was_stale_is_in_step_once_it_is_written() {
        let (_root, workspace) = checkout(Some("old"));
        assert!(update(&workspace, &FILE).unwrap());
        assert_eq!(compare(&workspace, &FILE).unwrap(), None);
        assert!(!update(&workspace, &FILE).unwrap(), "it was written again");
    }
}

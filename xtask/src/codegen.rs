//! `cargo xtask codegen`: the files that are made from others, each kept in the repository and in step with its source.

mod completions;
mod help;
mod irsa;
mod man;
mod manifests;
mod manual;
mod reference;
mod told;
mod values;

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use crate::workspace::Workspace;
pub(crate) use manifests::install_manifest;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Write nothing; fail and name each file that is not what its source makes
    #[arg(long)]
    check: bool,
}

/// A file that is made, by its path from the root.
#[derive(Debug)]
struct File {
    path: String,
    text: String,
}

impl File {
    fn new(path: impl Into<String>, text: String) -> Self {
        Self {
            path: path.into(),
            text,
        }
    }
}

/// What makes files.
type Source = fn(&Workspace) -> anyhow::Result<Vec<File>>;

/// In this order, since some read what others write.
const SOURCES: &[Source] = &[
    manifests::chart,
    manifests::install,
    manual::files,
    values::table,
    told,
    irsa::external_dns,
];

/// What is made of what the programs tell of themselves, for which they are built and asked once.
fn told(workspace: &Workspace) -> anyhow::Result<Vec<File>> {
    let programs = told::programs(workspace)?;
    let mut files = vec![reference::table(&programs)?];
    files.extend(completions::files(&programs)?);
    files.extend(man::files(&programs));
    Ok(files)
}

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
        let (stale, compared) = stale(workspace)?;
        for file in &stale {
            println!("{file}");
        }
        println!("codegen: {compared} files compared, {} stale", stale.len());
        return Ok(ExitCode::from(u8::from(!stale.is_empty())));
    }
    for source in SOURCES {
        for file in source(workspace)? {
            if update(workspace, &file)? {
                println!("wrote {}", file.path);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Every file that is not what its source makes, and how many were compared.
pub(crate) fn stale(workspace: &Workspace) -> anyhow::Result<(Vec<Stale>, usize)> {
    let mut found = (Vec::new(), 0);
    for source in SOURCES {
        let files = source(workspace)?;
        found.1 += files.len();
        for file in &files {
            found.0.extend(compare(workspace, file)?);
        }
    }
    Ok(found)
}

fn compare(workspace: &Workspace, File { path, text }: &File) -> anyhow::Result<Option<Stale>> {
    let present = read(&workspace.root.join(path))?;
    Ok(difference(path, present.as_deref(), text))
}

/// Writes the file if it is stale, and says whether it was.
fn update(workspace: &Workspace, file: &File) -> anyhow::Result<bool> {
    let is_stale = compare(workspace, file)?.is_some();
    if is_stale {
        let path = workspace.root.join(&file.path);
        path.parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&path, &file.text))
            .with_context(|| format!("could not write {}", path.display()))?;
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

    fn file() -> File {
        File::new("some/made.txt", "one\ntwo\n".to_owned())
    }

    /// A checkout with nothing in it but the generated file, where it has a text.
    fn checkout(text: Option<&str>) -> (tempfile::TempDir, Workspace) {
        let root = tempfile::tempdir().unwrap();
        if let Some(text) = text {
            fs::create_dir(root.path().join("some")).unwrap();
            fs::write(root.path().join(file().path), text).unwrap();
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
            (None, "some/made.txt: is missing"),
            (Some("one\n2\n"), "some/made.txt:2: differs"),
            (Some("one\ntwo"), "some/made.txt:3: differs"),
            (Some("one\ntwo\nthree\n"), "some/made.txt:3: differs"),
        ] {
            let (_root, workspace) = checkout(text);
            let stale = compare(&workspace, &file()).unwrap().unwrap().to_string();
            assert!(stale.starts_with(said), "{stale}");
            assert!(stale.ends_with("run `cargo xtask codegen`"), "{stale}");
        }
        let (_root, workspace) = checkout(Some("one\ntwo\n"));
        assert_eq!(compare(&workspace, &file()).unwrap(), None);
    }

    #[test]
    fn what_was_stale_or_missing_is_in_step_once_it_is_written() {
        for text in [Some("old"), None] {
            let (_root, workspace) = checkout(text);
            assert!(update(&workspace, &file()).unwrap());
            assert_eq!(compare(&workspace, &file()).unwrap(), None);
            assert!(
                !update(&workspace, &file()).unwrap(),
                "it was written again"
            );
        }
    }
}

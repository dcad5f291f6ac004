//! `cargo xtask dist`: the programs as they are shipped, in `target/dist`.
//!
//! Static, so that they run in an empty image; stripped; and free of every path of the machine that built them, so
//! that anybody gets the same bytes from the same commit and toolchain and can see that a release is what it says.

mod elf;
mod flags;
mod site;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
pub(crate) use site::Site;

use crate::hash::sha256;
use crate::process;
use crate::workspace::Workspace;

/// A program's name, which is its package's, with the profile it is built by; both are in a manifest.
pub(crate) type Program = (&'static str, &'static str);

/// The agent.
pub(crate) const AGENT: Program = ("gtoken", "agent");
/// The webhook.
pub(crate) const WEBHOOK: Program = ("gtoken-webhook", "release");

/// Every program that is shipped.
pub(crate) const PROGRAMS: [Program; 3] = [AGENT, WEBHOOK, ("gtoken-sandbox", "release")];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Build twice, from two clean clones of HEAD at different paths, and compare the bytes
    #[arg(long)]
    check: bool,
    /// Build this program only; may be repeated
    #[arg(long, value_name = "NAME", value_parser = PROGRAMS.map(|(name, _)| name))]
    package: Vec<String>,
}

/// Builds what the arguments ask for, in the checkout or in clones of it.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let wanted =
        |name: &str| arguments.package.is_empty() || arguments.package.iter().any(|it| it == name);
    let programs: Vec<_> = PROGRAMS
        .into_iter()
        .filter(|(name, _)| wanted(name))
        .collect();
    if arguments.check {
        return compare(workspace, &programs);
    }
    let site = Site::here(workspace)?;
    for program in programs {
        ship(workspace, &site, program)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds one program, puts it in `target/dist`, says so and gives its bytes.
pub(crate) fn ship(
    workspace: &Workspace,
    site: &Site,
    program: Program,
) -> anyhow::Result<Vec<u8>> {
    let (bytes, path) = place(workspace, site, program)?;
    println!(
        "{}  {:>9} bytes  {}",
        sha256(&bytes),
        bytes.len(),
        path.display()
    );
    Ok(bytes)
}

/// Builds one program, puts it in `target/dist` and gives its bytes and its path there.
pub(crate) fn place(
    workspace: &Workspace,
    site: &Site,
    program: Program,
) -> anyhow::Result<(Vec<u8>, PathBuf)> {
    let folder = workspace.target.join("dist");
    fs::create_dir_all(&folder)
        .with_context(|| format!("could not create {}", folder.display()))?;
    let bytes = site.build(program)?;
    let path = folder.join(program.0);
    replace(&site.built(program), &path)?;
    Ok((bytes, path))
}

/// Builds in two clones, one of them deeper, and says whether the bytes are the same.
fn compare(workspace: &Workspace, programs: &[Program]) -> anyhow::Result<ExitCode> {
    let folder = tempfile::tempdir()?;
    let [one, other] = clones(workspace, folder.path())?;
    let mut differ = Vec::new();
    for &program in programs {
        let (first, second) = (one.build(program)?, other.build(program)?);
        let same = first == second;
        println!("{}  {}", sha256(&first), program.0);
        println!(
            "{}  {}: {}",
            sha256(&second),
            program.0,
            if same { "the same bytes" } else { "DIFFERENT" }
        );
        if !same {
            differ.push(program.0);
        }
    }
    ensure!(
        differ.is_empty(),
        "two clean clones do not give the same {}",
        differ.join(", ")
    );
    Ok(ExitCode::SUCCESS)
}

/// Two clean clones of HEAD below a folder, whose paths differ in length and depth.
pub(crate) fn clones(workspace: &Workspace, folder: &Path) -> anyhow::Result<[Site; 2]> {
    Ok([
        clone(workspace, &folder.join("a"))?,
        clone(workspace, &folder.join("another/checkout/that/lies/deeper"))?,
    ])
}

fn clone(workspace: &Workspace, path: &Path) -> anyhow::Result<Site> {
    let mut git = workspace.git();
    git.args(["clone", "--quiet", "--no-hardlinks"])
        .arg(&workspace.root)
        .arg(path);
    process::output(&mut git)?;
    Site::new(path.to_owned(), path.join("target"))
}

/// Puts a copy in place by a rename: a running older one keeps its file.
fn replace(from: &Path, to: &Path) -> anyhow::Result<()> {
    let part = to.with_extension("part");
    fs::copy(from, &part)
        .and_then(|_| fs::rename(&part, to))
        .with_context(|| format!("could not write {}", to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_in_use_is_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("new"), folder.path().join("program"));
        fs::write(&from, "new").unwrap();
        fs::write(&to, "old, and longer").unwrap();
        let mut open = fs::File::open(&to).unwrap();
        replace(&from, &to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"new");
        assert_eq!(
            std::io::read_to_string(&mut open).unwrap(),
            "old, and longer"
        );
    }
}

//! `cargo xtask release`: what a release is made of, in `target/release-VERSION`, as far as one machine can make it.
//!
//! Publishing is the workflow's: it runs this on a machine of each architecture, joins the images, signs and uploads.

mod archive;
mod bill;
mod chart;
mod notes;
mod workflow;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};

use crate::dist::{self, Site};
use crate::hash::sha256;
use crate::image;
use crate::process;
use crate::workspace::Workspace;
pub(crate) use workflow::check;

/// The version of every part of this workspace, which stands in the root manifest alone.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What the name of an image's archive ends in.
const IMAGE_END: &str = ".oci.tar";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Make everything of the checkout as it is, though it is no release
    #[arg(long)]
    dry_run: bool,
    /// The tag that is released, which must be `v` and the version of the workspace
    #[arg(long, value_name = "TAG", required_unless_present = "dry_run")]
    tag: Option<String>,
    /// Make only the chart and `install.yaml`, with the images by these digests; for the webhook's and the agent's image
    #[arg(long, value_name = "NAME=DIGEST")]
    image_digest: Vec<chart::Pin>,
}

/// Makes the files and says what they are.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if let Some(tag) = arguments.tag.as_deref().filter(|_| !arguments.dry_run) {
        releasable(workspace, tag)?;
    }
    let changelog = fs::read_to_string(workspace.root.join("CHANGELOG.md"))
        .context("could not read CHANGELOG.md")?;
    let notes = notes::of(&changelog, VERSION, arguments.dry_run)?;
    let folder = workspace.target.join(format!("release-{VERSION}"));
    // What an earlier run left must not get into the sums.
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)
        .with_context(|| format!("could not create {}", folder.display()))?;
    if arguments.image_digest.is_empty() {
        programs(workspace, &folder)?;
    }
    chart::write(workspace, &arguments.image_digest, &folder)?;
    fs::write(folder.join("notes.md"), notes)?;
    let sums = sums(&folder)?;
    fs::write(folder.join("SHA256SUMS"), &sums)?;
    print!("{sums}");
    println!("{} holds all of it", folder.display());
    Ok(ExitCode::SUCCESS)
}

/// Fails where the checkout is not what the tag says.
fn releasable(workspace: &Workspace, tag: &str) -> anyhow::Result<()> {
    ensure!(
        tag == format!("v{VERSION}"),
        "the tag is {tag}, and Cargo.toml has the version {VERSION}; change one of them"
    );
    let changed = process::output(workspace.git().args(["status", "--porcelain"]))?;
    ensure!(
        changed.is_empty(),
        "the checkout is not what was committed; look at `git status`"
    );
    Ok(())
}

/// The programs for this architecture: an archive of all, and an image and a bill of materials of each.
fn programs(workspace: &Workspace, folder: &Path) -> anyhow::Result<()> {
    let site = Site::here(workspace)?;
    let architecture = image::architecture(&site)?;
    for archive in image::product_archives(workspace)? {
        let name = archive.file_stem().unwrap_or_default().to_string_lossy();
        let to = folder.join(format!("{name}-{VERSION}-linux-{architecture}{IMAGE_END}"));
        fs::copy(&archive, &to).with_context(|| format!("could not write {}", to.display()))?;
    }
    let mut built = Vec::new();
    for program in dist::PROGRAMS {
        let (name, _) = program;
        built.push((name, dist::ship(workspace, &site, program)?));
        let bill = bill::of(workspace, name)?;
        let file = format!("{name}-{VERSION}-linux-{architecture}.cdx.json");
        fs::write(folder.join(file), bill)?;
    }
    let name = format!("gtoken-{VERSION}-linux-{architecture}");
    let archive = archive::of(&workspace.root, &name, &built)?;
    fs::write(folder.join(format!("{name}.tar.gz")), archive)?;
    Ok(())
}

/// The sum of each file, as `sha256sum --check` reads it.
fn sums(folder: &Path) -> anyhow::Result<String> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.sort();
    let mut text = String::new();
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        writeln!(text, "{}  {name}", sha256(&fs::read(&file)?))?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_as_the_tool_reads_them() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("b"), "").unwrap();
        fs::write(folder.path().join("a"), "a").unwrap();
        assert_eq!(
            sums(folder.path()).unwrap(),
            "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb  a\n\
             e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  b\n"
        );
    }
}

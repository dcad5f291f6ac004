//! `cargo xtask image`: the images that are shipped, in `target/image`, each as an OCI image layout and as the tar
//! archive of it that `ctr images import` takes.
//!
//! No container engine is needed: an image is a tar archive and three JSON files. Its digest comes from the program's
//! bytes and from the commit alone, so that anybody gets the same one and can see that an image is what it says.
//!
//! Images for tests are made in the same way, and kept outside of the checkout.

mod aws_cli;
mod debian;
#[cfg(test)]
mod dockerfile;
mod identity;
mod kept;
mod oci;
mod pause;
mod product;
mod rootfs;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use oci::{Image, Layout, Platform};
pub(crate) use pause::pause;
use product::{Facts, RECIPES, Recipe};

use crate::dist::{self, Site};
use crate::workspace::Workspace;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Make the images twice, from two clean clones of HEAD at different paths, and compare their digests
    #[arg(long)]
    check: bool,
    /// Make the images of the end-to-end suite instead, as those that ask AWS who they are; needs root on Debian, and Go
    #[arg(long, conflicts_with = "check")]
    test_images: bool,
}

/// Makes what the arguments ask for, of the checkout or of clones of it.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if arguments.check {
        compare(workspace)?;
    } else if arguments.test_images {
        for archive in test_archives(workspace)? {
            let bytes = fs::metadata(&archive)?.len();
            println!("{bytes:>9} bytes  {}", archive.display());
        }
    } else {
        product_archives(workspace)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds the programs, makes an image of each in `target/image`, and gives the archives.
pub(crate) fn product_archives(workspace: &Workspace) -> anyhow::Result<Vec<PathBuf>> {
    let site = Site::here(workspace)?;
    let folder = workspace.target.join("image");
    RECIPES
        .iter()
        .map(|recipe| {
            let program = dist::ship(workspace, &site, recipe.program)?;
            let layout = layout(&site, recipe, program)?;
            let (path, archive) = (
                folder.join(recipe.program.0),
                folder.join(format!("{}.tar", recipe.program.0)),
            );
            layout.write(&path)?;
            fs::write(&archive, layout.archive()?)
                .with_context(|| format!("could not write {}", archive.display()))?;
            println!("{}", line(&layout, recipe, &path.to_string_lossy()));
            Ok(archive)
        })
        .collect()
}

/// Builds the programs at another site, fast rather than small, and gives for each image its usual name, its name with
/// this tag, and the archive of it in a folder.
pub(crate) fn altered_archives(
    site: &Site,
    folder: &Path,
    tag: &str,
) -> anyhow::Result<Vec<(&'static str, String, PathBuf)>> {
    RECIPES
        .iter()
        .map(|recipe| {
            let (program, _) = recipe.program;
            let mut image = image(site, recipe, site.build((program, "e2e"))?)?;
            image.name = format!("e2e.local/{program}:{tag}");
            let archive = folder.join(format!("{program}.tar"));
            fs::write(&archive, image.layout()?.archive()?)
                .with_context(|| format!("could not write {}", archive.display()))?;
            Ok((recipe.name, image.name, archive))
        })
        .collect()
}

/// The archives of what runs in the pods of the end-to-end suite, made if they are not there yet.
pub(crate) fn test_archives(workspace: &Workspace) -> anyhow::Result<Vec<PathBuf>> {
    let images = [
        identity::rust,
        identity::golang,
        identity::scrape,
        aws_cli::aws_cli,
    ];
    images.into_iter().map(|image| image(workspace)).collect()
}

/// What images of this site run on, in the words of Go.
pub(crate) fn architecture(site: &Site) -> anyhow::Result<&'static str> {
    Ok(Platform::of(site.triple())?.architecture())
}

fn layout(site: &Site, recipe: &Recipe, program: Vec<u8>) -> anyhow::Result<Layout> {
    image(site, recipe, program)?.layout()
}

fn image(site: &Site, recipe: &Recipe, program: Vec<u8>) -> anyhow::Result<Image> {
    let (platform, facts) = (Platform::of(site.triple())?, Facts::ask(site.checkout())?);
    Ok(recipe.image(program, platform, &facts))
}

fn line(layout: &Layout, recipe: &Recipe, end: &str) -> String {
    format!(
        "{}  {:>9} bytes  {}  {end}",
        layout.digest(),
        layout.size(),
        recipe.name
    )
}

/// Makes the images of two clones and says whether their digests are the same.
fn compare(workspace: &Workspace) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let sites = dist::clones(workspace, folder.path())?;
    let mut differ = Vec::new();
    for recipe in &RECIPES {
        let [one, other] = sites
            .each_ref()
            .map(|site| layout(site, recipe, site.build(recipe.program)?));
        let (one, other) = (one?, other?);
        let same = one.digest() == other.digest();
        println!("{}", line(&one, recipe, ""));
        println!(
            "{}",
            line(&other, recipe, if same { "the same" } else { "DIFFERENT" })
        );
        if !same {
            differ.push(recipe.name);
        }
    }
    ensure!(
        differ.is_empty(),
        "two clean clones do not give the same image {}",
        differ.join(", ")
    );
    Ok(())
}

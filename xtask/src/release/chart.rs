//! The chart as it is uploaded, and the manifests made from it, with images by their digests.

use std::fs;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context as _, ensure};

use crate::codegen;
use crate::helm;
use crate::process;
use crate::workspace::Workspace;

/// The images, in the order of their digests in `values.yaml`.
const IMAGES: [&str; 2] = ["gtoken-webhook", "gtoken"];

/// The line of a digest that is open.
const OPEN: &str = "digest: \"\"";

/// An image by its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pin {
    name: &'static str,
    digest: String,
}

impl FromStr for Pin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, digest) = text.split_once('=').ok_or("it is NAME=sha256:…")?;
        let known = IMAGES.into_iter().find(|image| *image == name);
        let is_digest = digest.strip_prefix("sha256:").is_some_and(|hex| {
            hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        });
        match known {
            Some(name) if is_digest => Ok(Self {
                name,
                digest: digest.to_owned(),
            }),
            Some(_) => Err("its digest is sha256: and 64 hexadecimal digits".to_owned()),
            None => Err(format!("its name is one of {}", IMAGES.join(", "))),
        }
    }
}

/// Packages the chart and renders `install.yaml`, with every image by its digest, if any is.
pub(super) fn write(workspace: &Workspace, pins: &[Pin], folder: &Path) -> anyhow::Result<()> {
    let copy = tempfile::tempdir()?;
    let chart = copy.path().join("gtoken-webhook");
    copied(&workspace.root.join(helm::CHART), &chart)?;
    if !pins.is_empty() {
        let values = chart.join("values.yaml");
        fs::write(&values, pinned(&fs::read_to_string(&values)?, pins)?)?;
    }
    let mut package = helm::helm(workspace)?;
    package
        .arg("package")
        .arg(&chart)
        .arg("--destination")
        .arg(folder);
    process::output(&mut package)?;
    let install = codegen::install_manifest(workspace, &chart)?;
    fs::write(folder.join("install.yaml"), install)?;
    Ok(())
}

fn pinned(values: &str, pins: &[Pin]) -> anyhow::Result<String> {
    let mut parts = values.split(OPEN);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for name in IMAGES {
        let pin = pins.iter().find(|pin| pin.name == name);
        let pin = pin.with_context(|| format!("no --image-digest says that of {name}"))?;
        let rest = parts
            .next()
            .context("values.yaml has an image without a digest")?;
        text.extend(["digest: ", &pin.digest, rest]);
    }
    ensure!(
        parts.next().is_none(),
        "values.yaml has more images than we make"
    );
    Ok(text)
}

fn copied(from: &Path, to: &Path) -> anyhow::Result<()> {
    if !from.is_dir() {
        fs::copy(from, to).with_context(|| format!("could not copy {}", from.display()))?;
        return Ok(());
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let name = entry?.file_name();
        copied(&from.join(&name), &to.join(&name))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(name: &str, digit: &str) -> Pin {
        format!("{name}=sha256:{}", digit.repeat(64))
            .parse()
            .unwrap()
    }

    #[test]
    fn both_images_are_named_by_their_digests() {
        let values = include_str!("../../../deploy/chart/values.yaml");
        let pins = [pin("gtoken", "a"), pin("gtoken-webhook", "b")];
        let values: serde_json::Value =
            serde_saphyr::from_str(&pinned(values, &pins).unwrap()).unwrap();
        let digest = |digit: &str| format!("sha256:{}", digit.repeat(64));
        assert_eq!(values["image"]["digest"], digest("b"));
        assert_eq!(values["agent"]["image"]["digest"], digest("a"));
    }

    #[test]
    fn a_release_without_a_digest_is_none() {
        let values = include_str!("../../../deploy/chart/values.yaml");
        let error = pinned(values, &[pin("gtoken", "a")])
            .unwrap_err()
            .to_string();
        assert!(error.contains("that of gtoken-webhook"), "{error}");
        for wrong in ["gtoken", "gtoken=sha256:12", "other=sha256:12"] {
            assert!(wrong.parse::<Pin>().is_err(), "{wrong}");
        }
    }
}

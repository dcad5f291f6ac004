//! Archives of images that are made once for this user, for what they are made from.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::oci::Image;
use crate::cache;
use crate::hash::Hasher;

/// When such an image was made, by RFC 3339: it has no date, as nothing in it has one.
pub(super) const CREATED: &str = "1970-01-01T00:00:00Z";

/// The archive of this name for what was hashed, made if it is not there yet.
pub(super) fn archive(
    name: &str,
    made_from: &Hasher,
    make: impl FnOnce() -> anyhow::Result<Image>,
) -> anyhow::Result<PathBuf> {
    in_folder(&cache::folder("images")?, name, made_from, make)
}

fn in_folder(
    images: &Path,
    name: &str,
    made_from: &Hasher,
    make: impl FnOnce() -> anyhow::Result<Image>,
) -> anyhow::Result<PathBuf> {
    let folder = images.join(made_from.short());
    let archive = folder.join(format!("{name}.tar"));
    if archive.exists() {
        return Ok(archive);
    }
    let bytes = make()?.layout()?.archive()?;
    fs::create_dir_all(&folder)
        .with_context(|| format!("could not create {}", folder.display()))?;
    // By a rename, so that no half of an archive is ever taken for one.
    let part = folder.join(format!("{name}.part"));
    fs::write(&part, bytes)
        .and_then(|()| fs::rename(&part, &archive))
        .with_context(|| format!("could not write {}", archive.display()))?;
    Ok(archive)
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;
    use crate::image::oci::{Config, Platform};
    use crate::image::rootfs::Rootfs;

    fn image() -> anyhow::Result<Image> {
        Ok(Image {
            name: "e2e.local/a:1".to_owned(),
            platform: Platform::of("x86_64-unknown-linux-gnu")?,
            created: CREATED.to_owned(),
            config: Config::default(),
            rootfs: Rootfs::default(),
        })
    }

    fn hasher(text: &str) -> Hasher {
        let mut hasher = Hasher::default();
        hasher.text(text);
        hasher
    }

    #[test]
    fn an_archive_is_made_once_for_the_same_sources() {
        let folder = tempfile::tempdir().unwrap();
        let first = in_folder(folder.path(), "a", &hasher("1"), image).unwrap();
        let again = in_folder(folder.path(), "a", &hasher("1"), || bail!("made again"));
        assert_eq!(again.unwrap(), first);
        let other = in_folder(folder.path(), "a", &hasher("2"), image).unwrap();
        assert_ne!(other, first);
    }

    #[test]
    fn what_could_not_be_made_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let failed = in_folder(folder.path(), "a", &hasher("1"), || bail!("no compiler"));
        assert_eq!(failed.unwrap_err().to_string(), "no compiler");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

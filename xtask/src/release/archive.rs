//! The archive of the programs with what belongs beside them: the same bytes wherever it is made.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use flate2::{Compression, GzBuilder};

/// What is in it besides the programs.
const BESIDE: [&str; 5] = [
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "deploy/completions",
    "docs/man",
];

/// The archive, with everything below a folder of this name.
pub(super) fn of(root: &Path, name: &str, programs: &[(&str, Vec<u8>)]) -> anyhow::Result<Vec<u8>> {
    // No name and no time of this machine.
    let gzip = GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), Compression::best());
    let mut archive = tar::Builder::new(gzip);
    for (program, bytes) in programs {
        append(&mut archive, &format!("{name}/{program}"), 0o755, bytes)?;
    }
    for path in BESIDE {
        let place = Path::new(path).file_name().unwrap_or_default();
        add(&mut archive, &root.join(path), &Path::new(name).join(place))?;
    }
    Ok(archive.into_inner()?.finish()?)
}

/// A file, or a folder with all of its files.
fn add<W: std::io::Write>(
    archive: &mut tar::Builder<W>,
    from: &Path,
    place: &Path,
) -> anyhow::Result<()> {
    let reading = || format!("could not read {}", from.display());
    if from.is_dir() {
        let mut names: Vec<_> = fs::read_dir(from)
            .with_context(reading)?
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<Result<_, _>>()?;
        names.sort();
        let mut names = names.iter();
        return names.try_for_each(|name| add(archive, &from.join(name), &place.join(name)));
    }
    let bytes = fs::read(from).with_context(reading)?;
    append(archive, &place.to_string_lossy(), 0o644, &bytes)
}

fn append<W: std::io::Write>(
    archive: &mut tar::Builder<W>,
    place: &str,
    mode: u32,
    bytes: &[u8],
) -> anyhow::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_size(bytes.len() as u64);
    header.set_mode(mode);
    header.set_mtime(0);
    archive
        .append_data(&mut header, place, bytes)
        .with_context(|| format!("could not archive {place}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn programs_come_with_manual_pages_and_completions() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let make = || of(&root, "gtoken-1", &[("gtoken", b"program".to_vec())]).unwrap();
        let bytes = make();
        assert_eq!(bytes, make(), "two archives of the same differ");
        let mut archive = tar::Archive::new(GzDecoder::new(&bytes[..]));
        let entries = archive.entries().unwrap().map(|entry| {
            let entry = entry.unwrap();
            let path = entry.path().unwrap().to_string_lossy().into_owned();
            (path, entry.header().mode().unwrap())
        });
        let modes: BTreeMap<_, _> = entries.collect();
        assert_eq!(modes["gtoken-1/gtoken"], 0o755);
        for path in [
            "LICENSE",
            "completions/_gtoken",
            "completions/gtoken-webhook.bash",
            "completions/gtoken-sandbox.fish",
            "man/gtoken.1",
        ] {
            assert_eq!(modes[&format!("gtoken-1/{path}")], 0o644, "{path}");
        }
    }
}

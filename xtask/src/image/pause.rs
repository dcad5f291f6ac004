//! The image whose one process holds a pod's namespaces open; every pod of the test cluster has a container of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::kept;
use super::oci::{Config, Image, Platform};
use super::rootfs::Rootfs;
use crate::dist::Site;
use crate::hash::Hasher;
use crate::process;
use crate::workspace::Workspace;

/// What it is called in containerd's configuration.
const NAME: &str = "e2e.local/pause:1";

/// The program, in C: of all languages here, its binaries are the smallest.
const SOURCE: &str = "e2e/cluster/pause.c";

/// The archive that `ctr images import` takes, made if it is not there yet.
pub(crate) fn pause(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let source = workspace.root.join(SOURCE);
    let mut made_from = Hasher::default();
    made_from.file(&workspace.root, &source)?;
    kept::archive("pause", &made_from, || {
        Ok(Image {
            name: NAME.to_owned(),
            platform: Platform::of(Site::here(workspace)?.triple())?,
            created: kept::CREATED.to_owned(),
            config: Config {
                user: "65535:65535".to_owned(),
                entrypoint: vec!["/pause".to_owned()],
                ..Config::default()
            },
            rootfs: Rootfs::default().program("/pause", compile(&source)?),
        })
    })
}

fn compile(source: &Path) -> anyhow::Result<Vec<u8>> {
    let folder = tempfile::tempdir()?;
    let program = folder.path().join("pause");
    let mut cc = Command::new("cc");
    cc.args(["-Os", "-static", "-s", "-Wall", "-Werror", "-o"]);
    cc.arg(&program).arg(source);
    process::output(&mut cc)?;
    Ok(fs::read(program)?)
}

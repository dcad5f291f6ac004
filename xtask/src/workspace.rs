//! Where the checkout is, and what cargo says about the packages in it.

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use serde::Deserialize;

use crate::process;

/// The checkout with its packages, as `cargo metadata --no-deps` describes it.
#[derive(Debug, Deserialize)]
pub(crate) struct Workspace {
    /// The root of the checkout.
    #[serde(rename = "workspace_root")]
    pub(crate) root: PathBuf,
    /// Where cargo builds; outside the checkout if the environment says so.
    #[serde(rename = "target_directory")]
    pub(crate) target: PathBuf,
    /// The members.
    pub(crate) packages: Vec<Package>,
}

/// One member of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    /// Name of the package, which is also that of its folder.
    pub(crate) name: String,
    /// Absolute path of its `Cargo.toml`.
    pub(crate) manifest_path: PathBuf,
    /// What it asks for directly.
    pub(crate) dependencies: Vec<Dependency>,
    /// What cargo builds from it.
    pub(crate) targets: Vec<Target>,
}

/// A dependency as the manifest declares it.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    /// Name of the other package.
    pub(crate) name: String,
    /// `None` for a normal one, else `dev` or `build`.
    pub(crate) kind: Option<String>,
}

/// A library, program, test or build script.
#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    /// `lib`, `bin`, `test`, `bench`, `custom-build`, …
    pub(crate) kind: Vec<String>,
    /// Absolute path of its root source file.
    pub(crate) src_path: PathBuf,
}

impl Workspace {
    /// Asks cargo about the workspace that this program belongs to.
    pub(crate) fn find() -> anyhow::Result<Self> {
        // Compiled in; only `cargo xtask` runs this program, and it builds it in the checkout first.
        let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
        let metadata = process::output(cargo(xtask).args([
            "metadata",
            "--no-deps",
            "--locked",
            "--format-version",
            "1",
        ]))?;
        serde_json::from_str(&metadata).context("could not read what cargo metadata says")
    }

    /// A cargo command in the root of the checkout.
    pub(crate) fn cargo(&self) -> Command {
        cargo(&self.root)
    }

    /// A git command in the root of the checkout.
    pub(crate) fn git(&self) -> Command {
        git(&self.root)
    }

    /// What gets into a package's library or programs, each as `name v1.2.3`, with the features that this package alone
    /// asks for, as it is shipped.
    pub(crate) fn normal_dependencies(&self, package: &str) -> anyhow::Result<BTreeSet<String>> {
        let mut cargo = self.cargo();
        cargo
            .args(["tree", "--locked", "--edges", "normal", "--prefix", "none"])
            .args(["--format", "{p}", "--package", package]);
        let listed = process::output(&mut cargo)?;
        // A crate that is listed again has a star after it; the first line is the package itself.
        let crates = listed.lines().map(|line| line.trim_end_matches(" (*)"));
        Ok(crates.skip(1).map(str::to_owned).collect())
    }

    /// The path as seen from the root, with `/` between its parts.
    pub(crate) fn relative(&self, path: &Path) -> String {
        path.strip_prefix(&self.root)
            .unwrap_or(path)
            .to_string_lossy()
            .into_owned()
    }
}

impl Package {
    /// The folder of the package.
    pub(crate) fn folder(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(&self.manifest_path)
    }
}

/// A git command in a checkout, whoever owns it: containers often check out as another user.
pub(crate) fn git(checkout: &Path) -> Command {
    let mut git = Command::new("git");
    git.args(["-c", "safe.directory=*"]).current_dir(checkout);
    git
}

/// Cargo as it was started, without what `cargo run` put in the environment for this program alone: a build that sees
/// those variables change would be repeated for nothing.
pub(crate) fn cargo(folder: &Path) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(folder);
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    cargo
}

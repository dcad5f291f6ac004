//! `cargo xtask dist`: the programs as they are shipped, in `target/dist`.
//!
//! Static, so that they run in an empty image; stripped; and free of every path of the machine that built them, so
//! that anybody gets the same bytes from the same commit and toolchain and can see that a release is what it says.

mod elf;
mod flags;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

use anyhow::{Context as _, bail, ensure};
use flags::Places;
use sha2::{Digest as _, Sha256};

use crate::process;
use crate::workspace::{self, Workspace};

/// Each program with the profile it is built by; both are in the root manifest.
const PROGRAMS: [(&str, &str); 3] = [
    ("gtoken", "agent"),
    ("gtoken-webhook", "release"),
    ("gtoken-sandbox", "release"),
];

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
    let folder = workspace.target.join("dist");
    fs::create_dir_all(&folder)
        .with_context(|| format!("could not create {}", folder.display()))?;
    let site = Site::new(workspace.root.clone(), workspace.target.clone())?;
    for program in programs {
        let bytes = site.build(program)?;
        let path = folder.join(program.0);
        replace(&site.built(program), &path)?;
        println!(
            "{}  {:>9} bytes  {}",
            hash(&bytes),
            bytes.len(),
            path.display()
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Where a build happens and what has to be known about it.
struct Site {
    places: Places,
    triple: String,
    date: String,
}

impl Site {
    fn new(checkout: PathBuf, target: PathBuf) -> anyhow::Result<Self> {
        let compiler = Compiler::ask(&checkout)?;
        let date = process::output(workspace::git(&checkout).args(["log", "-1", "--format=%ct"]))?;
        let places = Places {
            sources: compiler.sources,
            commit: compiler.commit,
            cargo_home: cargo_home()?,
            checkout,
            target,
        };
        Ok(Self {
            places,
            triple: compiler.triple,
            date: date.trim().to_owned(),
        })
    }

    /// Where cargo leaves a program.
    fn built(&self, (name, profile): (&str, &str)) -> PathBuf {
        self.places
            .target
            .join(&self.triple)
            .join(profile)
            .join(name)
    }

    /// Builds one program, makes sure that it is what we promise, and gives its bytes.
    fn build(&self, program: (&str, &str)) -> anyhow::Result<Vec<u8>> {
        let (name, profile) = program;
        println!(
            "building {name} ({profile}) in {}",
            self.places.checkout.display()
        );
        let mut cargo = workspace::cargo(&self.places.checkout);
        cargo
            // A target of its own keeps the flags away from build scripts, which need not be static.
            .args(["build", "--locked", "--package", name, "--bin", name])
            .args(["--profile", profile, "--target", &self.triple])
            .env("CARGO_TARGET_DIR", &self.places.target)
            .env("CARGO_INCREMENTAL", "0")
            .env("SOURCE_DATE_EPOCH", &self.date)
            .env("CARGO_ENCODED_RUSTFLAGS", self.places.rust())
            .env(
                format!("CFLAGS_{}", self.triple.replace('-', "_")),
                self.places.c(),
            );
        for name in ["CFLAGS", "TARGET_CFLAGS", "RUSTFLAGS"] {
            cargo.env_remove(name);
        }
        ensure!(process::shown(&mut cargo)?, "{name} could not be built");
        let path = self.built(program);
        let bytes =
            fs::read(&path).with_context(|| format!("could not read {}", path.display()))?;
        self.judge(&bytes)
            .with_context(|| format!("{} is not fit to ship", path.display()))?;
        Ok(bytes)
    }

    fn judge(&self, bytes: &[u8]) -> anyhow::Result<()> {
        if let Some(interpreter) = elf::interpreter(bytes)? {
            bail!("it is not static, it asks for {interpreter}");
        }
        for path in [
            &self.places.checkout,
            &self.places.cargo_home,
            &self.places.target,
        ] {
            ensure!(
                !contains(bytes, path),
                "it holds the path {} of this machine",
                path.display()
            );
        }
        Ok(())
    }
}

/// What rustc says about itself.
struct Compiler {
    triple: String,
    commit: String,
    /// Where the sources of the standard library are, if they are installed.
    sources: PathBuf,
}

impl Compiler {
    /// Asks in the checkout, where the toolchain is pinned.
    fn ask(checkout: &Path) -> anyhow::Result<Self> {
        let rustc = |arguments: &[&str]| {
            process::output(Command::new("rustc").args(arguments).current_dir(checkout))
        };
        let version = rustc(&["--version", "--verbose"])?;
        let triple = field(&version, "host")?;
        ensure!(
            triple.ends_with("-linux-gnu"),
            "the programs are built on Linux with glibc, and this is {triple}"
        );
        Ok(Self {
            triple: triple.to_owned(),
            commit: field(&version, "commit-hash")?.to_owned(),
            sources: PathBuf::from(rustc(&["--print", "sysroot"])?.trim())
                .join("lib/rustlib/src/rust"),
        })
    }
}

/// The value of a line `name: value`.
fn field<'a>(text: &'a str, name: &str) -> anyhow::Result<&'a str> {
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    value.with_context(|| format!("rustc --version does not say its {name}"))
}

/// Builds in two clones, one of them deeper, and says whether the bytes are the same.
fn compare(
    workspace: &Workspace,
    programs: &[(&'static str, &'static str)],
) -> anyhow::Result<ExitCode> {
    let folder = tempfile::tempdir()?;
    let sites = ["a", "another/checkout/that/lies/deeper"]
        .map(|name| clone(workspace, &folder.path().join(name)));
    let [one, other] = sites;
    let (one, other) = (one?, other?);
    let mut differ = Vec::new();
    for &program in programs {
        let (first, second) = (one.build(program)?, other.build(program)?);
        let same = first == second;
        println!("{}  {}", hash(&first), program.0);
        println!(
            "{}  {}: {}",
            hash(&second),
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

fn cargo_home() -> anyhow::Result<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    home.or_else(|| Some(env::home_dir()?.join(".cargo")))
        .context("neither CARGO_HOME nor HOME says where cargo keeps its sources")
}

fn hash(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().fold(String::new(), |mut text, byte| {
        let _never_fails = write!(text, "{byte:02x}");
        text
    })
}

fn contains(bytes: &[u8], path: &Path) -> bool {
    let wanted = path.as_os_str().as_encoded_bytes();
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_found_anywhere_in_a_program() {
        assert!(contains(
            b"\0\0/root/.cargo/registry",
            Path::new("/root/.cargo")
        ));
        assert!(!contains(b"\0\0/cargo/registry", Path::new("/root/.cargo")));
    }

    #[test]
    fn hashes_are_written_as_sha256sum_does() {
        assert_eq!(
            hash(b""),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

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

//! The image with the AWS CLI: Amazon's own program, on Debian's Python and with a shell, as many pods have them.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use super::oci::{Config, Image, Platform};
use super::product::USER;
use super::rootfs::Rootfs;
use super::{debian, kept};
use crate::dist::Site;
use crate::hash::Hasher;
use crate::workspace::Workspace;
use crate::{packages, process};

/// What we give to it.
const FOLDER: &str = "e2e/aws-cli";

/// What pip installs, each in one version.
const REQUIREMENTS: &str = "requirements.txt";

/// What starts the CLI.
const PROGRAM: &str = "aws.py";

/// How the image is made; what changes it makes another one.
const RECIPE: [&str; 2] = [include_str!("aws_cli.rs"), include_str!("debian.rs")];

/// What Debian has to give.
const PACKAGES: [&str; 2] = ["python3", "busybox-static"];

/// Where Debian's Python looks for modules that are not its own, whatever its version.
const MODULES: &str = "usr/lib/python3/dist-packages";

/// The models of all services, more than a hundred megabytes.
const MODELS: &str = "usr/lib/python3/dist-packages/awscli/botocore/data";

/// What is there for people or for the packages' own scripts.
const FOLDERS_NOT_NEEDED: [&str; 5] = [
    "usr/lib/python3/dist-packages/awscli/examples",
    "usr/lib/python3/dist-packages/bin",
    "usr/libexec",
    "usr/share",
    "var",
];

/// The archive of the image.
pub(super) fn aws_cli(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let ours = workspace.root.join(FOLDER);
    let mut made_from = Hasher::default();
    made_from.folder(&workspace.root, &ours)?;
    for text in RECIPE {
        made_from.text(text);
    }
    kept::archive("aws-cli", &made_from, || {
        let platform = Platform::of(Site::here(workspace)?.triple())?;
        let folder = tempfile::tempdir()?;
        let root = folder.path().join("root");
        fill(&root, &ours)?;
        Ok(Image {
            name: "e2e.local/aws-cli:1".to_owned(),
            platform,
            created: kept::CREATED.to_owned(),
            config: Config {
                user: USER.to_owned(),
                // The CLI keeps sessions in its home, and fails where that cannot be written.
                env: ["PATH=/usr/bin:/bin", "HOME=/tmp"]
                    .map(str::to_owned)
                    .into(),
                ..Config::default()
            },
            rootfs: Rootfs::default().tree(&root)?,
        })
    })
}

/// Puts everything below `root`, and has the result show that it runs.
fn fill(root: &Path, ours: &Path) -> anyhow::Result<()> {
    ensure!(
        rustix::process::geteuid().is_root(),
        "the image with the AWS CLI is made in a chroot, and only root has one; run this as root, on Debian"
    );
    println!("making the image with the AWS CLI, of packages of Debian and of Python");
    fs::create_dir(root)?;
    debian::unpack(&PACKAGES, root)?;
    install(root, &ours.join(REQUIREMENTS))?;
    prune(root)?;
    shell(root)?;
    let program = root.join("usr/bin/aws");
    fs::copy(ours.join(PROGRAM), &program)?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    let shared = root.join("tmp");
    fs::create_dir(&shared)?;
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o1777))?;
    compile(root)?;
    process::output(&mut debian::inside(
        root,
        USER,
        &["/usr/bin/aws", "--version"],
    ))
    .context("the AWS CLI does not run in its image; does its list of requirements lack one?")?;
    Ok(())
}

/// Has the machine's pip put modules where the Python of the image looks for them.
fn install(root: &Path, requirements: &Path) -> anyhow::Result<()> {
    if packages::find("pip3").is_none() {
        packages::install(vec!["python3-pip"])?;
    }
    let mut pip = Command::new("pip3");
    pip.args(["install", "--quiet", "--no-deps", "--no-compile"])
        .args(["--disable-pip-version-check", "--root-user-action=ignore"])
        .args(["--only-binary=:all:", "--python-version", &version(root)?])
        .arg("--target")
        .arg(root.join(MODULES))
        .arg("--requirement")
        .arg(requirements);
    process::output(&mut pip)?;
    Ok(())
}

/// The version of the Python in the image, as `3.13`: its link leads to a name that ends with it.
fn version(root: &Path) -> anyhow::Result<String> {
    let link = root.join("usr/bin/python3");
    let target = fs::read_link(&link)
        .with_context(|| format!("could not read where {} leads", link.display()))?;
    let name = target.file_name().and_then(|name| name.to_str());
    let version = name.and_then(|name| name.strip_prefix("python"));
    let version = version.with_context(|| {
        format!(
            "{} leads to no python3.X but to {}",
            link.display(),
            target.display()
        )
    })?;
    Ok(version.to_owned())
}

/// Removes what no program reads.
fn prune(root: &Path) -> anyhow::Result<()> {
    for folder in FOLDERS_NOT_NEEDED {
        remove(&root.join(folder))?;
    }
    for folder in entries(&root.join("usr/lib"))? {
        // The conversions of the C library, which Python has by itself.
        remove(&folder.join("gconv"))?;
    }
    for folder in ["usr/bin", "usr/sbin"] {
        for program in entries(&root.join(folder))? {
            let name = program.file_name().unwrap_or_default().to_string_lossy();
            if name != "busybox" && !name.starts_with("python3") {
                remove(&program)?;
            }
        }
    }
    empty_models(&root.join(MODELS))
}

/// Leaves of every service but STS no more than that it exists: the CLI has commands that extend others by name.
fn empty_models(models: &Path) -> anyhow::Result<()> {
    let mut services = entries(models)?;
    services.retain(|path| path.is_dir() && !path.ends_with("sts"));
    for service in services {
        for version in entries(&service)? {
            for file in entries(&version)? {
                if file.ends_with("service-2.json") {
                    fs::write(file, "{}")?;
                } else {
                    remove(&file)?;
                }
            }
        }
    }
    Ok(())
}

/// Gives the shell, and everything else that busybox is, their usual names.
fn shell(root: &Path) -> anyhow::Result<()> {
    let list = ["/usr/bin/busybox", "--list"];
    for name in process::output(&mut debian::inside(root, USER, &list))?.lines() {
        let link = root.join("usr/bin").join(name);
        if !link.exists() {
            symlink("busybox", link)?;
        }
    }
    Ok(())
}

/// Compiles all modules, because no pod may write where Python would keep the result; by their contents, because files
/// of an image have no date to go by.
fn compile(root: &Path) -> anyhow::Result<()> {
    let python = ["/usr/bin/python3", "-I", "-m", "compileall", "-q"];
    let arguments = ["--invalidation-mode", "unchecked-hash", "/usr/lib"];
    process::output(&mut debian::inside(
        root,
        "0:0",
        &[&python[..], &arguments].concat(),
    ))?;
    Ok(())
}

fn entries(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let tried = || format!("could not read {}", folder.display());
    let entries = fs::read_dir(folder).with_context(tried)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    paths.collect::<Result<_, _>>().with_context(tried)
}

/// Removes a file or folder; that there is none is as good.
fn remove(path: &Path) -> anyhow::Result<()> {
    let removed = if path.is_symlink() || path.is_file() {
        fs::remove_file(path)
    } else if path.exists() {
        fs::remove_dir_all(path)
    } else {
        Ok(())
    };
    removed.with_context(|| format!("could not remove {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str, content: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    #[test]
    fn the_version_of_python_is_that_of_the_image() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("usr/bin")).unwrap();
        assert!(version(root.path()).is_err());
        symlink("python3.13", root.path().join("usr/bin/python3")).unwrap();
        assert_eq!(version(root.path()).unwrap(), "3.13");
    }

    #[test]
    fn every_requirement_is_pinned() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("..")
            .join(FOLDER)
            .join(REQUIREMENTS);
        let text = fs::read_to_string(file).unwrap();
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        assert!(lines.all(|line| line.contains("==")), "{text}");
    }

    #[test]
    fn of_other_services_than_sts_only_the_name_is_left() {
        let models = tempfile::tempdir().unwrap();
        let files = [
            "endpoints.json",
            "sts/1/service-2.json",
            "sts/1/endpoint-rule-set-1.json",
            "s3/1/service-2.json",
            "s3/1/paginators-1.json",
        ];
        for file in files {
            write(models.path(), file, "model");
        }
        empty_models(models.path()).unwrap();
        let left = |file: &str| fs::read_to_string(models.path().join(file)).unwrap_or_default();
        assert_eq!(files.map(left), ["model", "model", "model", "{}", ""]);
    }

    #[test]
    fn what_only_people_read_is_removed() {
        let root = tempfile::tempdir().unwrap();
        let files = [
            "usr/bin/python3.13",
            "usr/bin/busybox",
            "usr/lib/x/libc.so.6",
            "usr/bin/dpkg",
            "usr/lib/x/gconv/UTF-7.so",
            "usr/share/man/python3.1",
            "usr/lib/python3/dist-packages/awscli/examples/sts/a.rst",
        ];
        for file in files {
            write(root.path(), file, "");
        }
        fs::create_dir_all(root.path().join("usr/sbin")).unwrap();
        fs::create_dir_all(root.path().join(MODELS)).unwrap();
        prune(root.path()).unwrap();
        let is_left = files.map(|file| root.path().join(file).exists());
        assert_eq!(is_left, [true, true, true, false, false, false, false]);
    }
}

//! Starting the bed: build what it is made of, start the first process inside, and wait until every component is well.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use rustix::process::Pid;

use super::bed::{Bed, KUBERNETES, Recipe};
use super::{binary, configuration, down, leftovers, machine, network, pki, status};
use crate::hash::Hasher;
use crate::image;
use crate::workspace::Workspace;
use crate::{process, programs};

/// How long the components may take until all are well, on a machine that does other things too.
const PATIENCE: Duration = Duration::from_mins(3);

/// What of this program decides how a bed is made.
const OWN_SOURCES: [&str; 3] = ["e2e/cluster", "xtask/src/cluster.rs", "xtask/src/cluster"];

/// Starts it unless it runs; says whether it had to. What fails leaves nothing running, and its logs where they are.
pub(super) fn up(workspace: &Workspace, bed: &Bed) -> anyhow::Result<bool> {
    machine::install_packages()?;
    let programs = programs::build(workspace, &["gtoken-sandbox"])?;
    let sandbox = programs.path("gtoken-sandbox")?;
    let hash = hash(workspace, sandbox)?;
    if bed.is_ready() {
        let running = bed.recipe()?;
        ensure!(
            running.hash == hash,
            "a cluster with Kubernetes {} from {} runs here, and this checkout makes {KUBERNETES} from {hash}; \
             end it by `cargo xtask cluster down`",
            running.kubernetes,
            running.hash
        );
        return Ok(false);
    }
    if down::is_there(bed) {
        println!("removing what a killed or failed run left of a cluster");
        down::down(bed)?;
    }
    let recipe = Recipe {
        kubernetes: KUBERNETES.to_owned(),
        hash,
        components: binary::build(workspace)?,
        sandbox: bed.file("gtoken-sandbox"),
    };
    let pause = image::pause(workspace)?;
    network::check()?;
    let begun = Instant::now();
    println!("starting Kubernetes {KUBERNETES}");
    let started = write(bed, &recipe, sandbox).and_then(|()| start(bed, &pause));
    if let Err(error) = started {
        down::end(bed)?;
        return Err(error.context(format!(
            "the cluster did not start, and nothing of it runs; its logs are in {}",
            bed.file("logs").display()
        )));
    }
    File::create(bed.file("ready"))?;
    println!("it was well after {:.1} s", begun.elapsed().as_secs_f64());
    Ok(true)
}

/// A name for what the checkout makes.
fn hash(workspace: &Workspace, sandbox: &Path) -> anyhow::Result<String> {
    let mut hasher = Hasher::default();
    for source in OWN_SOURCES.map(|source| workspace.root.join(source)) {
        if source.is_dir() {
            hasher.folder(&workspace.root, &source)?;
        } else {
            hasher.file(&workspace.root, &source)?;
        }
    }
    let sandbox =
        fs::read(sandbox).with_context(|| format!("could not read {}", sandbox.display()))?;
    Ok(hasher.bytes(&sandbox).short())
}

fn write(bed: &Bed, recipe: &Recipe, sandbox: &Path) -> anyhow::Result<()> {
    let state = bed.state();
    DirBuilder::new()
        .mode(0o755)
        .recursive(true)
        .create(state)
        .with_context(|| format!("could not create {}", state.display()))?;
    for folder in ["ended", "logs"] {
        fs::create_dir_all(bed.file(folder))?;
    }
    fs::write(bed.file("recipe.json"), serde_json::to_vec(recipe)?)?;
    fs::copy(sandbox, &recipe.sandbox)?;
    pki::write(&bed.file("pki"))?;
    configuration::write(bed)?;
    leftovers::prepare(bed)
}

fn start(bed: &Bed, pause: &Path) -> anyhow::Result<()> {
    let init = enter_namespaces(bed)?;
    network::link(init)?;
    File::create(bed.file("linked"))?;
    let containerd = || {
        bed.enter("ctr")
            .and_then(|mut ctr| process::output(ctr.arg("version")))
    };
    until(bed, "containerd does not answer", || containerd().is_ok())?;
    import(bed, pause)?;
    until_well(bed)
}

/// Starts the first process in namespaces of its own; it goes on when this process ends.
fn enter_namespaces(bed: &Bed) -> anyhow::Result<Pid> {
    let log = File::create(bed.log("init"))?;
    let this = std::env::current_exe().context("could not tell where this program is")?;
    let mut unshare = Command::new("setsid");
    unshare
        .args([
            "unshare",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child=KILL",
            "--net",
            "--uts",
            "--ipc",
        ])
        .args(["--mount-proc", "--propagation", "private"])
        .arg(this)
        .args(["cluster", "init"])
        .arg(bed.state())
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    let mut child = unshare
        .spawn()
        .context("could not start setsid and unshare")?;
    let mut init = None;
    until(bed, "unshare does not start the first process", || {
        // A zombie of ours would be taken for a process of the bed that does not end.
        let _ = child.try_wait();
        init = bed.init();
        init.is_some()
    })?;
    init.context("the first process has ended")
}

/// Puts an image from an archive onto the node.
pub(super) fn import(bed: &Bed, archive: &Path) -> anyhow::Result<()> {
    let mut ctr = bed.enter("ctr")?;
    ctr.args(["--namespace=k8s.io", "images", "import"])
        .arg(archive);
    process::output(&mut ctr).map(drop)
}

fn until_well(bed: &Bed) -> anyhow::Result<()> {
    let mut trouble = String::new();
    let well = until(bed, "not all components are well", || {
        let Ok(reports) = status::examine(bed) else {
            return false;
        };
        let bad = reports
            .into_iter()
            .find_map(|report| Some((report.name, report.trouble?)));
        trouble = bad.map_or_else(String::new, |(name, trouble)| format!("{name}: {trouble}"));
        trouble.is_empty()
    });
    well.with_context(|| trouble)
}

/// Waits for a condition; the first process may not end meanwhile.
fn until(bed: &Bed, otherwise: &str, mut condition: impl FnMut() -> bool) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        ensure!(!process::interrupted(), "interrupted");
        if Instant::now() > deadline {
            bail!("{otherwise}, after {} s", PATIENCE.as_secs());
        }
        let said = fs::read_to_string(bed.log("init")).unwrap_or_default();
        ensure!(said.is_empty(), "{}", said.trim());
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

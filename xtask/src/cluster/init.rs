//! The first process inside: it makes the mounts and addresses, starts the components, and buries the dead.
//!
//! When it ends, the kernel ends everything in its namespaces with it.

use std::fs::{self, File};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rustix::process::{Pid, WaitOptions, WaitStatus, wait};

use super::bed::{Bed, DNS, LINK, METADATA, NODE, Recipe, SERVICES, STS};
use super::components::{self, Component};
use super::{leftovers, machine};

/// How often a condition outside this process is looked at.
const TICK: Duration = Duration::from_millis(20);

/// Runs until somebody kills it.
pub(super) fn run(state: &Path) -> anyhow::Result<ExitCode> {
    ensure!(
        std::process::id() == 1,
        "this is for the first process of a new namespace; say `cargo xtask cluster up`"
    );
    let bed = Bed::in_folder(state);
    let recipe = bed.recipe()?;
    mounts()?;
    files(&bed, &recipe)?;
    until(|| bed.file("linked").exists());
    network()?;
    let mut running = Vec::new();
    for (needs, components) in components::stages(&bed, &recipe) {
        until(|| needs.is_none_or(|address| TcpStream::connect(address).is_ok()));
        for component in components {
            running.push((start(&bed, &component)?, component.name));
        }
    }
    bury(&bed, &running)
}

/// What is written inside stays inside, in memory.
fn mounts() -> anyhow::Result<()> {
    command("hostname", &["bed"])?;
    command("mount", &["--make-rshared", "/"])?;
    for folder in leftovers::MOUNT_POINTS.into_iter().chain(["/run"]) {
        command("mount", &["-t", "tmpfs", "tmpfs", folder])?;
    }
    fs::create_dir_all("/run/bed/kubelet")?;
    // Volumes that the kubelet mounts have to be seen where containerd runs containers.
    command("mount", &["--make-rshared", "/run"])
}

fn files(bed: &Bed, recipe: &Recipe) -> anyhow::Result<()> {
    let plugins = PathBuf::from("/run/bed/cni-plugins");
    for folder in ["/run/bed/cni", "/run/lock", "/run/netns"] {
        fs::create_dir_all(folder)?;
    }
    fs::create_dir_all(&plugins)?;
    for plugin in ["bridge", "host-local", "loopback", "portmap"] {
        symlink(
            Path::new(machine::CNI_PLUGINS).join(plugin),
            plugins.join(plugin),
        )?;
    }
    symlink(&recipe.sandbox, plugins.join("gtoken-sandbox-cni"))?;
    fs::copy(
        bed.file("config/cni.conflist"),
        "/run/bed/cni/10-bed.conflist",
    )?;
    // No name server of the machine is within reach from inside.
    fs::write("/run/bed/resolv.conf", "")?;
    Ok(())
}

fn network() -> anyhow::Result<()> {
    let ip = |arguments: &str| {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        command("ip", &arguments)
    };
    ip("link set lo up")?;
    for address in [DNS, METADATA, STS] {
        ip(&format!("address add {address}/32 dev lo"))?;
    }
    let prefix = LINK.split_once('/').map_or("32", |(_, length)| length);
    ip(&format!("address add {NODE}/{prefix} dev eth0"))?;
    ip("link set eth0 up")?;
    // A connection to a Service's address needs a route before kube-proxy turns it to a pod's.
    ip(&format!("route add {SERVICES} dev eth0"))?;
    fs::write("/proc/sys/net/ipv4/ip_forward", "1").context("could not turn forwarding on")
}

fn start(bed: &Bed, component: &Component) -> anyhow::Result<Pid> {
    let log = File::create(bed.log(component.name))?;
    let child = Command::new(&component.program)
        .args(&component.arguments)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .with_context(|| format!("could not start {}", component.name))?;
    Ok(Pid::from_child(&child))
}

/// Waits for every process that ends, ours or orphaned, and writes down how a component did.
fn bury(bed: &Bed, running: &[(Pid, &str)]) -> anyhow::Result<ExitCode> {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) => {
                if let Some((_, name)) = running.iter().find(|(of, _)| *of == pid) {
                    fs::write(bed.end(name), ending(status))?;
                }
            }
            Ok(None) => {}
            // Without any child there is nothing left to do but to hold the namespaces.
            Err(_) => thread::sleep(Duration::from_secs(1)),
        }
    }
}

fn ending(status: WaitStatus) -> String {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (_, Some(signal)) => format!("was ended by signal {signal}"),
        _ => "ended".to_owned(),
    }
}

fn command(program: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let status = Command::new(program)
        .args(arguments)
        .status()
        .with_context(|| format!("could not start {program}"))?;
    ensure!(
        status.success(),
        "`{program} {}` failed: {status}",
        arguments.join(" ")
    );
    Ok(())
}

fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        thread::sleep(TICK);
    }
}

//! The machine's end of the network: one device, and the routes that make pods and Services reachable from here.

use std::net::Ipv4Addr;
use std::process::Command;

use anyhow::{Context as _, ensure};
use rustix::process::Pid;
use serde::Deserialize;

use super::bed::{LINK, MACHINE, NODE, PODS, SERVICES};
use crate::process;

/// The device; its other end is `eth0` inside.
const DEVICE: &str = "gtoken-bed0";

/// A line of `ip -json route show`.
#[derive(Deserialize)]
struct Route {
    dst: String,
    #[serde(default)]
    dev: String,
}

/// Makes sure that nobody else on this machine uses the cluster's addresses.
pub(super) fn check() -> anyhow::Result<()> {
    let routes = ip("-json -4 route show table main")?;
    let routes: Vec<Route> =
        serde_json::from_str(&routes).context("could not read what `ip -json route` says")?;
    let taken = routes.iter().find_map(|route| Some((route, taken(route)?)));
    if let Some((route, range)) = taken {
        anyhow::bail!(
            "the cluster's addresses {range} are in use on this machine: {} is reached by {}; take that away first",
            route.dst,
            route.dev
        );
    }
    Ok(())
}

/// The range of ours that the route takes a part of.
fn taken(route: &Route) -> Option<&'static str> {
    let (other, _) = range(&route.dst)?;
    let ours = [LINK, PODS, SERVICES].into_iter();
    let is_in = |ours: &&str| range(ours).is_some_and(|(at, mask)| other & mask == at);
    ours.filter(|_| route.dev != DEVICE).find(is_in)
}

/// The address and mask of `ADDRESS[/LENGTH]`; the default route is none.
fn range(text: &str) -> Option<(u32, u32)> {
    let (address, length) = text.split_once('/').unwrap_or((text, "32"));
    let address = address.parse::<Ipv4Addr>().ok()?.to_bits();
    let mask = u32::MAX.checked_shl(32 - length.parse::<u32>().ok()?)?;
    Some((address, mask))
}

/// Links the machine with the namespaces of this process.
pub(super) fn link(init: Pid) -> anyhow::Result<()> {
    ip(&format!(
        "link add {DEVICE} type veth peer name eth0 netns {}",
        init.as_raw_nonzero()
    ))?;
    let prefix = LINK.split_once('/').map_or("32", |(_, length)| length);
    ip(&format!("address add {MACHINE}/{prefix} dev {DEVICE}"))?;
    ip(&format!("link set {DEVICE} up"))?;
    for range in [PODS, SERVICES] {
        ip(&format!("route add {range} via {NODE} dev {DEVICE}"))?;
    }
    Ok(())
}

/// Takes the device away, and the routes with it. The kernel does so too, a moment after the namespaces are gone.
pub(super) fn unlink() -> anyhow::Result<()> {
    // Without it there is nothing to do, and a failure that leaves it there is seen right after.
    let _ = ip(&format!("link delete {DEVICE}"));
    let left = process::captured(Command::new("ip").args(["link", "show", "dev", DEVICE]))?;
    ensure!(
        !left.status.success(),
        "the network device {DEVICE} cannot be removed"
    );
    Ok(())
}

fn ip(arguments: &str) -> anyhow::Result<String> {
    process::output(Command::new("ip").args(arguments.split(' ')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(dst: &str, dev: &str) -> Route {
        Route {
            dst: dst.to_owned(),
            dev: dev.to_owned(),
        }
    }

    #[test]
    fn a_route_into_our_ranges_is_found() {
        assert_eq!(taken(&route("10.244.3.0/24", "flannel.1")), Some(PODS));
        assert_eq!(taken(&route("10.96.0.10", "other")), Some(SERVICES));
        assert_eq!(taken(&route("10.89.0.0/30", "other")), Some(LINK));
    }

    #[test]
    fn other_routes_and_our_own_are_nobodys_business() {
        for (dst, dev) in [
            ("default", "eth0"),
            ("192.168.0.0/16", "eth0"),
            ("10.0.0.0/8", "vpn0"),
            ("10.244.0.0/20", DEVICE),
        ] {
            assert_eq!(taken(&route(dst, dev)), None, "{dst}");
        }
    }
}

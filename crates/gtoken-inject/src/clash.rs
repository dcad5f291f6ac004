//! What of a pod stands in the way of an injection: the API server or the kubelet would refuse the result.

use crate::annotation::{GENERATE_CONTAINER, UPDATE_CONTAINER};
use crate::block::{are, filled};
use crate::options::{Layers, TokenSource};
use crate::pod::{Container, Pod, Volume};
use crate::reason::{Clash, cut};
use crate::settings::Settings;

/// Looks for the first thing that makes an injection impossible.
pub(crate) fn clash(pod: &Pod<'_>, settings: &Settings, layers: &Layers<'_>) -> Option<Clash> {
    let has_agent = layers.source() == TokenSource::Google;
    let volumes = || pod.spec.volumes.iter().flatten();
    let is_other = |volume: &Volume<'_>| match layers.source() {
        TokenSource::Cluster => volume.projected.is_none(),
        TokenSource::Google => volume.empty_dir.is_none(),
    };
    if volumes().any(|volume| *volume.name == settings.volume_name && is_other(volume)) {
        return Some(Clash::VolumeName);
    }
    // A token of the cluster is mounted read-only, also where the volume for it is not there yet.
    let ours = (!has_agent).then_some(settings.volume_name.as_str());
    let read_only: Vec<&str> = volumes()
        .filter(|volume| volume.is_read_only())
        .map(|volume| &*volume.name)
        .chain(ours)
        .collect();
    let inits = pod.spec.init_containers.iter().flatten();
    let others = pod.spec.containers.iter().flatten();
    let mut all = inits
        .map(|container| (container, true))
        .chain(others.map(|container| (container, false)));
    all.find_map(|(container, is_init)| {
        if is_application(container, layers) {
            return is_covered(container, &read_only, settings).then(|| Clash::MountPath {
                container: cut(&container.name),
            });
        }
        let name = agent_name(container).filter(|_| has_agent)?;
        (!is_agent(container, name, is_init, settings)).then_some(Clash::ContainerName(name))
    })
}

/// Whether a container gets credentials.
pub(crate) fn is_application(container: &Container<'_>, layers: &Layers<'_>) -> bool {
    let is_agent = layers.source() == TokenSource::Google && agent_name(container).is_some();
    !is_agent && layers.takes(&container.name)
}

/// Our name for a container, if it has one of ours.
fn agent_name(container: &Container<'_>) -> Option<&'static str> {
    [GENERATE_CONTAINER, UPDATE_CONTAINER]
        .into_iter()
        .find(|name| *container.name == **name)
}

/// Whether the container's mount is the token's folder, as every injected container has it.
pub(crate) fn shows_token(container: &Container<'_>, settings: &Settings) -> bool {
    container.mounts().any(|mount| {
        *mount.name == settings.volume_name
            && mount.is_whole()
            && parts(&mount.mount_path) == parts(&settings.volume_path)
    })
}

/// A container of one of our names is ours where it stands where ours would and writes where the token goes.
fn is_agent(container: &Container<'_>, name: &str, is_init: bool, settings: &Settings) -> bool {
    let writes = container
        .mounts()
        .any(|mount| *mount.name == settings.volume_name && !mount.read_only);
    (is_init || name == UPDATE_CONTAINER) && writes && shows_token(container, settings)
}

/// Whether another mount hides the token's folder, would be hidden by it, or leaves no place for it.
fn is_covered(container: &Container<'_>, read_only: &[&str], settings: &Settings) -> bool {
    let path = &settings.volume_path;
    let is_ours_plain = is_plain(path);
    container.mounts().any(|mount| {
        let theirs = &mount.mount_path;
        if is_ours_plain && lie_apart(theirs, path) && is_plain(theirs) {
            return false;
        }
        let ours = parts(path);
        let theirs = parts(theirs);
        if theirs == ours {
            return *mount.name != settings.volume_name || !mount.is_whole();
        }
        // The runtime makes the folder to mount at, and cannot where the mount around it is read-only.
        let is_below = theirs.starts_with(&ours);
        let is_above = ours.starts_with(&theirs);
        is_below || is_above && (mount.read_only || read_only.contains(&&*mount.name))
    })
}

/// Whether two plain paths begin differently, so that neither is around the other.
fn lie_apart(path: &str, other: &str) -> bool {
    let mut bytes = path.bytes().zip(other.bytes());
    bytes.any(|(byte, other)| byte != other)
}

/// Whether that is all that there is to see at a glance: a path from the root on, short, without dots or empty parts.
fn is_plain(path: &str) -> bool {
    let Some(bytes) = filled(path.as_bytes()) else {
        return false;
    };
    let (slashes, dots) = (are(bytes, b'/'), are(bytes, b'.'));
    path.starts_with('/') && slashes << 1 & (slashes | dots) == 0
}

/// A path by its parts, as the kernel reads it.
fn parts(path: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_compared_as_the_kernel_reads_them() {
        for path in ["/a/b", "/a/b/", "//a/./b", "/a/c/../b", "/../a/b"] {
            assert_eq!(parts(path), ["a", "b"], "{path}");
        }
        assert_eq!(parts("/"), [""; 0]);
    }

    #[test]
    fn only_plain_paths_of_which_none_is_around_the_other_lie_apart() {
        for (path, apart) in [
            ("/a/c", true),
            ("/b", true),
            ("b", false),
            ("/a/bc", false),
            ("/", false),
            ("/a", false),
            ("//a/b/", false),
            ("/a/b/c", false),
            ("/c/../a", false),
            ("/c/.d", false),
        ] {
            let is_apart = lie_apart(path, "/a/b") && is_plain(path);
            assert_eq!(is_apart, apart, "{path}");
        }
    }
}

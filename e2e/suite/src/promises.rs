//! What is promised, by what it is about.

mod admission;
mod certificates;
mod cloud;
mod cluster_source;
mod install;
mod irsa;
mod metrics;
mod outages;
mod refresh;
mod story;
mod surroundings;
mod told;
mod uninstall;
mod untouched;
mod weight;
mod workloads;

use crate::promise::Promise;

/// All of it.
pub(crate) fn all() -> Vec<Promise> {
    [
        refresh::PROMISES,
        outages::PROMISES,
        workloads::PROMISES,
        story::PROMISES,
        cluster_source::PROMISES,
        irsa::PROMISES,
        surroundings::PROMISES,
        admission::PROMISES,
        told::PROMISES,
        cloud::PROMISES,
        weight::PROMISES,
        metrics::PROMISES,
        certificates::PROMISES,
        install::PROMISES,
        untouched::PROMISES,
        uninstall::PROMISES,
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_promise_has_a_name_and_a_tenant_of_its_own() {
        let all = all();
        let names: BTreeSet<_> = all.iter().map(|promise| promise.name).collect();
        let tenants: BTreeSet<_> = all.iter().map(|promise| promise.tenant).collect();
        assert_eq!((names.len(), tenants.len()), (all.len(), all.len()));
    }

    /// A namespace is a label of at most 63 characters, and with `@` and a pod's name a session of at most 64.
    #[test]
    fn a_tenant_leaves_room_for_its_pods() {
        for promise in all() {
            let word = promise.tenant;
            assert!(
                word.len() <= 20 && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'),
                "{word}"
            );
        }
    }
}

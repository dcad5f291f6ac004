//! A Secret, a webhook configuration and some replicas, of which any may look, act, rest, or be killed at any moment.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime};

use super::{epoch, policy, strangers};
use crate::certs::authority::LeafPair;
use crate::certs::ca_bundle::CaBundle;
use crate::certs::certificate::Certificate;
use crate::certs::plan::{Entries, Policy, Seen, Step, View, plan};
use crate::certs::secret::{Data, Stored};

/// What happens next in the world.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// A replica reads the configuration.
    ReadConfiguration(usize),
    /// A replica reads the Secret.
    ReadSecret(usize),
    /// A replica takes the step that what it read last asks for.
    Act(usize),
    /// A replica reads both, as it should, and takes a step.
    Look(usize),
    /// A replica is killed, and another begins in its place.
    Kill(usize),
    /// Time passes.
    Advance(Duration),
    /// Somebody else changes something.
    Meddle(Meddling),
}

/// What somebody else does.
#[derive(Clone, Debug)]
pub(super) enum Meddling {
    Damage(usize, &'static str),
    DeleteConfiguration,
    DeleteSecret,
    EmptySecret,
    Overwrite(usize, &'static [u8]),
    AddStranger(usize),
    RestoreSecret,
    ToggleEntry,
}

pub(super) const KEYS: [&str; 7] = [
    "ca.crt",
    "ca.key",
    "next-ca.crt",
    "next-ca.key",
    "tls.crt",
    "tls.key",
    "state.json",
];

const ENTRIES: [&str; 3] = ["optional", "required", "warn"];

#[derive(Default)]
struct Replica {
    /// How far its clock is off, in seconds.
    offset: i64,
    seen: Seen,
    held: Option<LeafPair>,
    configuration: Option<(u64, Entries, Instant)>,
    secret: Option<(u64, Stored)>,
    /// The step that it took last, and what came of it.
    pub(super) last: Option<(Step, bool)>,
}

pub(super) struct World {
    policy: Policy,
    began: Instant,
    passed: Duration,
    revision: u64,
    secret: Option<(u64, Data)>,
    backup: Data,
    configuration: Option<(u64, BTreeMap<String, Vec<u8>>)>,
    /// Since when certificates truly are in every `caBundle`.
    published: Seen,
    meddled: Option<Duration>,
    replicas: Vec<Replica>,
}

impl World {
    /// A cluster just after the chart was installed; these clocks are off by so many seconds.
    pub(super) fn new(offsets: &[i64]) -> Self {
        let replicas = offsets.iter().map(|&offset| Replica {
            offset,
            ..Replica::default()
        });
        Self {
            policy: policy(),
            began: Instant::now(),
            passed: Duration::ZERO,
            revision: 2,
            secret: Some((1, Data::new())),
            backup: Data::new(),
            configuration: Some((2, empty_configuration())),
            published: Seen::default(),
            meddled: None,
            replicas: replicas.collect(),
        }
    }

    pub(super) fn happen(&mut self, event: &Event) {
        let count = self.replicas.len();
        match event {
            Event::ReadConfiguration(index) => self.read_configuration(index % count),
            Event::ReadSecret(index) => self.read_secret(index % count),
            Event::Act(index) => self.act(index % count),
            Event::Look(index) => self.look(index % count),
            Event::Kill(index) => {
                let killed = &mut self.replicas[index % count];
                *killed = Replica {
                    offset: killed.offset,
                    ..Replica::default()
                };
            }
            Event::Advance(time) => self.passed += *time,
            Event::Meddle(meddling) => self.meddle(meddling),
        }
    }

    fn look(&mut self, index: usize) {
        self.read_configuration(index);
        self.read_secret(index);
        self.act(index);
    }

    fn instant(&self) -> Instant {
        self.began + self.passed
    }

    fn truth(&self) -> SystemTime {
        epoch() + self.passed
    }

    fn clock(&self, index: usize) -> SystemTime {
        let offset = self.replicas[index].offset;
        let by = Duration::from_secs(offset.unsigned_abs());
        if offset < 0 {
            self.truth() - by
        } else {
            self.truth() + by
        }
    }

    fn read_configuration(&mut self, index: usize) {
        let instant = self.instant();
        let replica = &mut self.replicas[index];
        replica.configuration = self.configuration.as_ref().map(|(revision, entries)| {
            let entries = parsed(entries);
            replica
                .seen
                .look(&entries, instant, self.policy.propagation);
            (*revision, entries, instant)
        });
    }

    fn read_secret(&mut self, index: usize) {
        let secret = self.secret.as_ref();
        self.replicas[index].secret =
            secret.map(|(revision, data)| (*revision, Stored::read(data)));
    }

    fn act(&mut self, index: usize) {
        let now = self.clock(index);
        let replica = &self.replicas[index];
        let (Some((configured, entries, instant)), Some((kept, stored))) =
            (replica.configuration.clone(), replica.secret.clone())
        else {
            return;
        };
        let view = View {
            policy: &self.policy.clone(),
            now,
            instant,
            stored: &stored,
            entries: &entries,
            seen: &replica.seen.clone(),
        };
        let held = replica.held.as_ref().map(|held| held.certificate().clone());
        if view.is_to_be_served(held.as_ref()) {
            self.serve(index, stored.leaf.clone().unwrap());
        }
        let step = plan(&view, &BTreeSet::new());
        let is_done = match &step {
            Step::Keep(change) => {
                let changed = change.apply(&view).unwrap();
                self.keep(kept, &changed)
            }
            Step::Publish(bundles) => self.publish(configured, bundles),
            Step::Rest => true,
        };
        self.replicas[index].last = Some((step, is_done));
    }

    /// Compare-and-swap, through the very bytes that the Secret has.
    fn keep(&mut self, seen: u64, stored: &Stored) -> bool {
        if self.secret.as_ref().map(|(revision, _)| *revision) != Some(seen) {
            return false;
        }
        let present = stored.data().into_iter();
        let data = present.filter_map(|(key, value)| Some((key.to_owned(), value?)));
        let data: Data = data.collect();
        self.backup = self.secret.take().unwrap().1;
        self.revision += 1;
        self.secret = Some((self.revision, data));
        true
    }

    fn publish(&mut self, seen: u64, bundles: &Entries) -> bool {
        let Some((revision, entries)) = self.configuration.clone() else {
            return false;
        };
        if revision != seen {
            return false;
        }
        let before = parsed(&entries);
        for leaf in self.live_leaves() {
            for (name, bundle) in bundles {
                assert!(
                    bundle.trusts(&leaf) || !before[name].trusts(&leaf),
                    "a caBundle loses the authority of a leaf that is served"
                );
            }
        }
        let written = bundles.iter();
        let written = written.map(|(name, bundle)| (name.clone(), bundle.pem().into_bytes()));
        self.write_configuration(Some(written.collect()));
        true
    }

    fn write_configuration(&mut self, entries: Option<BTreeMap<String, Vec<u8>>>) {
        self.revision += 1;
        let entries = entries.map(|entries| (self.revision, entries));
        self.configuration = entries;
        let now = self.instant();
        let entries = self
            .configuration
            .as_ref()
            .map(|(_, entries)| parsed(entries));
        // Whoever writes it misses nothing.
        let entries = entries.unwrap_or_default();
        self.published.look(&entries, now, Duration::MAX);
    }

    /// Leaves that are served, or may be at any moment, and have not truly ended.
    fn live_leaves(&self) -> Vec<Certificate> {
        let served = self
            .replicas
            .iter()
            .filter_map(|replica| replica.held.clone());
        let kept = self
            .secret
            .as_ref()
            .and_then(|(_, data)| Stored::read(data).leaf);
        served
            .chain(kept)
            .map(|leaf| leaf.certificate().clone())
            .filter(|leaf| self.truth() < leaf.validity().not_after)
            .collect()
    }

    fn serve(&mut self, index: usize, leaf: LeafPair) {
        let Some((_, entries)) = &self.configuration else {
            return;
        };
        let entries = parsed(entries);
        let is_left_alone = self.meddled.is_none_or(|meddled| {
            // Whatever was read before that may be wrong now.
            meddled + self.policy.propagation * 2 < self.passed
                && self.replicas[index]
                    .configuration
                    .as_ref()
                    .is_some_and(|(.., read)| {
                        self.began + meddled + self.policy.propagation < *read
                    })
        });
        let is_live = self.truth() < leaf.certificate().validity().not_after;
        if is_left_alone && is_live {
            let trusts = |bundle: &CaBundle| bundle.trusts(leaf.certificate());
            assert!(
                entries.values().all(trusts),
                "a leaf without its authority is served"
            );
            let held = self.replicas[index].held.as_ref();
            let has_a_good_one = held.is_some_and(|held| {
                // Whoever takes it for expired, by a clock that is fast, has nothing to wait for.
                let latest = self.truth().max(self.clock(index));
                latest < held.certificate().validity().not_after
                    && entries
                        .values()
                        .all(|bundle| bundle.trusts(held.certificate()))
            });
            let is_settled = entries
                .values()
                .flat_map(CaBundle::certificates)
                .any(|own| {
                    let since = self.published.since.get(&own.fingerprint());
                    let is_old = since
                        .is_some_and(|since| *since + self.policy.propagation <= self.instant());
                    is_old && leaf.certificate().is_signed_by(own)
                });
            assert!(
                is_settled || !has_a_good_one,
                "an API server may not know its authority yet"
            );
        }
        self.replicas[index].held = Some(leaf);
    }

    fn meddle(&mut self, meddling: &Meddling) {
        let name = |index: &usize| ENTRIES[index % ENTRIES.len()].to_owned();
        let mut entries = self
            .configuration
            .clone()
            .map_or_else(empty_configuration, |own| own.1);
        let mut data = self.secret.clone().map(|own| own.1).unwrap_or_default();
        match meddling {
            Meddling::Damage(key, text) => {
                let value = match *text {
                    "" => None,
                    "other" => data.get(KEYS[(key + 2) % 6]).cloned(),
                    text => Some(text.to_owned().into()),
                };
                let key = KEYS[key % KEYS.len()];
                data.remove(key);
                data.extend(value.map(|value| (key.to_owned(), value)));
                return self.write_secret(Some(data));
            }
            Meddling::DeleteSecret => return self.write_secret(None),
            Meddling::EmptySecret => return self.write_secret(Some(Data::new())),
            Meddling::RestoreSecret => {
                let backup = self.backup.clone();
                return self.write_secret(Some(backup));
            }
            Meddling::DeleteConfiguration => {
                self.meddled = Some(self.passed);
                return self.write_configuration(None);
            }
            Meddling::Overwrite(index, text) => {
                entries.insert(name(index), text.to_vec());
            }
            Meddling::AddStranger(index) => {
                let bundle = entries.entry(name(index)).or_default();
                bundle.extend(strangers()[index % 2].pem().into_bytes());
            }
            Meddling::ToggleEntry => {
                if entries.remove(ENTRIES[2]).is_none() {
                    entries.insert(ENTRIES[2].to_owned(), Vec::new());
                }
            }
        }
        self.meddled = Some(self.passed);
        self.write_configuration(Some(entries));
    }

    fn write_secret(&mut self, data: Option<Data>) {
        if let Some((_, data)) = self.secret.take() {
            self.backup = data;
        }
        self.revision += 1;
        self.secret = data.map(|data| (self.revision, data));
    }

    /// Lets everybody look and act until there is nothing left to do, and checks what came of it.
    pub(super) fn come_to_rest(&mut self) {
        if self.secret.is_none() {
            self.write_secret(Some(Data::new()));
        }
        if self.configuration.is_none() {
            self.meddled = Some(self.passed);
            self.write_configuration(Some(empty_configuration()));
        }
        let mut quiet = 0;
        for _ in 0..60 {
            for index in 0..self.replicas.len() {
                for _ in 0..3 {
                    self.look(index);
                }
            }
            let mut last = self.replicas.iter().map(|replica| replica.last.as_ref());
            let is_quiet = last.all(|last| last.is_some_and(|(step, _)| *step == Step::Rest));
            quiet = if is_quiet { quiet + 1 } else { 0 };
            if quiet == 3 {
                return self.assert_good();
            }
            self.passed += self.policy.propagation / 2;
        }
        let last: Vec<_> = self.replicas.iter().map(|replica| &replica.last).collect();
        panic!("no rest: {last:?}");
    }

    fn assert_good(&self) {
        let stored = Stored::read(&self.secret.as_ref().unwrap().1);
        assert_eq!(stored.defects, []);
        let leaf = stored.leaf.as_ref().unwrap().certificate();
        assert!(self.truth() < leaf.validity().not_after);
        for bundle in parsed(&self.configuration.as_ref().unwrap().1).values() {
            assert!(bundle.trusts(leaf));
            assert!(!bundle.has_litter());
            let wanted: BTreeSet<_> = stored.wanted().map(Certificate::fingerprint).collect();
            let present = bundle.certificates().iter();
            assert_eq!(
                present
                    .map(Certificate::fingerprint)
                    .collect::<BTreeSet<_>>(),
                wanted
            );
        }
        for replica in &self.replicas {
            let held = replica.held.as_ref().map(LeafPair::certificate);
            assert_eq!(held, Some(leaf));
        }
    }
}

fn empty_configuration() -> BTreeMap<String, Vec<u8>> {
    let entries = ENTRIES.iter();
    entries
        .map(|name| ((*name).to_owned(), Vec::new()))
        .collect()
}

fn parsed(entries: &BTreeMap<String, Vec<u8>>) -> Entries {
    let entries = entries.iter();
    entries
        .map(|(name, pem)| (name.clone(), CaBundle::read(pem)))
        .collect()
}

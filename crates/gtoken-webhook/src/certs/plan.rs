//! What to do next about certificates: one pure function, which a replica asks again after each step.
//!
//! All replicas see the same Secret and the same `caBundle`s, and each may be killed at any moment, look at something
//! that has changed since, and have a clock that is off by an hour. What keeps them right:
//!
//! - The Secret changes by compare-and-swap, and a leaf is in it before it is served.
//! - A leaf is signed only by an authority that was read back from every `caBundle`; where another leaf is good, for
//!   [`Policy::propagation`], by this replica's own measure, so that every API server has it by then.
//! - A certificate leaves a `caBundle` only once the Secret says that it is retired. So whoever has seen an old state
//!   of the Secret takes nothing away that a newer one needs.
//! - `caBundle`s are written only if they still are what was seen.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime};

use super::authority::{Authority, DnsNames, LeafPair};
use super::ca_bundle::CaBundle;
use super::certificate::{BACKDATE, Certificate, Fingerprint};
use super::change::Change;
use super::secret::{Stored, Trusted};

/// How far a clock may be off, either way; less where leaves do not live so long, since it could not be survived.
const SKEW: Duration = Duration::from_hours(1);

/// What certificates are to be like.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The names that leaves are for.
    pub names: DnsNames,
    /// How long authorities live.
    pub authority_life: Duration,
    /// How long leaves live.
    pub leaf_life: Duration,
    /// How long it takes until every API server has seen a new `caBundle`.
    pub propagation: Duration,
}

impl Policy {
    /// How far clocks may be off.
    pub fn skew(&self) -> Duration {
        SKEW.min(self.leaf_life)
    }
}

/// The `caBundle`s by the names of their entries in the webhook configuration.
pub type Entries = BTreeMap<String, CaBundle>;

/// Since when each certificate has been in every `caBundle`, by the clock of the one who looks.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    since: BTreeMap<Fingerprint, Instant>,
    last: Option<Instant>,
}

impl Seen {
    /// Takes note of what is there now. Whoever has not looked for as long as `propagation` may have missed something.
    pub fn look(&mut self, entries: &Entries, now: Instant, propagation: Duration) {
        let last = self.last.replace(now);
        if last.is_some_and(|last| now.saturating_duration_since(last) > propagation) {
            self.since.clear();
        }
        let everywhere = entries.values().flat_map(CaBundle::certificates);
        let everywhere = everywhere.filter(|certificate| in_all(entries, certificate));
        let everywhere: BTreeSet<_> = everywhere.map(Certificate::fingerprint).collect();
        self.since
            .retain(|fingerprint, _| everywhere.contains(fingerprint));
        for fingerprint in everywhere {
            self.since.entry(fingerprint).or_insert(now);
        }
    }
}

/// What one replica knows at one moment.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// What certificates are to be like.
    pub policy: &'a Policy,
    /// The time of the calendar.
    pub now: SystemTime,
    /// When the configuration was read; what was in it may have gone since.
    pub instant: Instant,
    /// The Secret.
    pub stored: &'a Stored,
    /// The webhook configuration; at least one entry.
    pub entries: &'a Entries,
    /// Since when this replica has seen what is in it.
    pub seen: &'a Seen,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Change the Secret.
    Keep(Change),
    /// Write these `caBundle`s, whose entries lack something or have too much.
    Publish(Entries),
    /// Nothing.
    Rest,
}

/// What is written by a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Written {
    /// The webhook configuration.
    Configuration,
    /// The Secret.
    Secret,
}

impl Step {
    /// What it writes.
    pub fn written(&self) -> Option<Written> {
        match self {
            Self::Keep(_) => Some(Written::Secret),
            Self::Publish(_) => Some(Written::Configuration),
            Self::Rest => None,
        }
    }

    /// The step in logs and metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Keep(Change::Adopt) => "adopt",
            Self::Keep(Change::MakeFirst) => "make-authority",
            Self::Keep(Change::MakeNext) => "make-next-authority",
            Self::Keep(Change::PutRight) => "put-right",
            Self::Keep(Change::Retire) => "retire-authority",
            Self::Keep(Change::Sign) => "sign-leaf",
            Self::Keep(Change::TakeOver) => "rotate-authority",
            Self::Publish(_) => "publish",
            Self::Rest => "rest",
        }
    }
}

/// The rules, the most urgent first. Each is right by itself: the next one counts where what it writes cannot be written.
const RULES: [fn(&View<'_>) -> Option<Step>; 7] = [
    |view| view.publish_what_is_missing(),
    |view| view.make_first(),
    |view| view.sign(),
    |view| view.adopt(),
    |view| view.make_next(),
    |view| view.retire(),
    |view| view.publish_without_the_rest(),
];

/// What to do next, without what cannot be written just now.
pub fn plan(view: &View<'_>, hindered: &BTreeSet<Written>) -> Step {
    let steps = RULES.iter().filter_map(|rule| rule(view));
    let mut steps =
        steps.filter(|step| !step.written().is_some_and(|what| hindered.contains(&what)));
    steps.next().unwrap_or(Step::Rest)
}

impl View<'_> {
    /// Whether the leaf in the Secret is to be served in the place of the one that is.
    pub fn is_to_be_served(&self, held: Option<&Certificate>) -> bool {
        let Some(leaf) = &self.stored.leaf else {
            return false;
        };
        let certificate = leaf.certificate();
        let trusting = self.everywhere_trusting(certificate);
        let is_good = self.holds(certificate) && leaf.is_for(&self.policy.names);
        if held == Some(certificate) || !is_good || trusting.is_empty() {
            return false;
        }
        let is_settled = trusting.iter().any(|authority| self.is_settled(authority));
        is_settled || !held.is_some_and(|held| self.is_served_well(held))
    }

    /// Whether API servers take the leaf that is served.
    pub fn is_served_well(&self, held: &Certificate) -> bool {
        self.now < held.validity().not_after && !self.everywhere_trusting(held).is_empty()
    }

    /// Which certificates that are in every `caBundle` have signed this leaf.
    fn everywhere_trusting(&self, leaf: &Certificate) -> Vec<&Certificate> {
        let some = self.entries.values().next().map(CaBundle::certificates);
        let everywhere = some.unwrap_or_default().iter();
        everywhere
            .filter(|authority| in_all(self.entries, authority) && leaf.is_signed_by(authority))
            .collect()
    }

    fn make_first(&self) -> Option<Step> {
        let is_missing = self.stored.current.is_none();
        is_missing.then_some(Step::Keep(Change::MakeFirst))
    }

    fn make_next(&self) -> Option<Step> {
        let is_due = |authority: &Authority| {
            let validity = authority.certificate().validity();
            !self.holds(authority.certificate()) || validity.two_thirds() <= self.now
        };
        let (current, next) = (self.stored.current.as_ref()?, self.stored.next.as_ref());
        let is_due = is_due(current) && next.is_none_or(is_due);
        is_due.then_some(Step::Keep(Change::MakeNext))
    }

    fn publish_what_is_missing(&self) -> Option<Step> {
        let lacks = |bundle: &CaBundle| self.stored.wanted().any(|wanted| !bundle.holds(wanted));
        let is_lacking = self.entries.values().any(lacks);
        is_lacking.then(|| Step::Publish(self.bundles()))
    }

    fn publish_without_the_rest(&self) -> Option<Step> {
        let bundles = self.bundles();
        let has_too_much = |(name, bundle): (&String, &CaBundle)| {
            let wanted = &bundles[name];
            bundle.has_litter() || bundle.certificates().len() > wanted.certificates().len()
        };
        let is_due = self.entries.iter().any(has_too_much);
        is_due.then_some(Step::Publish(bundles))
    }

    /// The `caBundle`s as they are to be: with all that is wanted, and without what is retired or has ended.
    fn bundles(&self) -> Entries {
        let bundle = |present: &CaBundle| {
            let kept = present.certificates().iter();
            let kept = kept.filter(|own| !self.is_retired(own) && !self.has_ended(own));
            CaBundle::of(self.stored.wanted().chain(kept).cloned())
        };
        let entries = self.entries.iter();
        entries
            .map(|(name, present)| (name.clone(), bundle(present)))
            .collect()
    }

    fn adopt(&self) -> Option<Step> {
        let mut unknown = self.unknown().peekable();
        let change = if unknown.peek().is_some() && unknown.all(|own| self.is_a_strangers(own)) {
            Change::PutRight
        } else if self.unknown().next().is_some() || self.has_to_be_cleaned() {
            Change::Adopt
        } else {
            return None;
        };
        Some(Step::Keep(change))
    }

    fn has_to_be_cleaned(&self) -> bool {
        !self.stored.is_taken_over || !self.stored.defects.is_empty()
    }

    /// Certificates in some `caBundle` that the Secret says nothing about.
    pub(super) fn unknown(&self) -> impl Iterator<Item = &Certificate> {
        let all = self.entries.values().flat_map(CaBundle::certificates);
        all.filter(|own| !self.is_retired(own) && !self.has_ended(own))
            .filter(|own| self.stored.wanted().all(|wanted| wanted != *own))
    }

    /// Whether it was put there by somebody else after we took over. One of ours may still be needed: by a leaf of a
    /// Secret that was deleted, or restored.
    pub(super) fn is_a_strangers(&self, certificate: &Certificate) -> bool {
        self.stored.is_taken_over && !certificate.is_ours()
    }

    fn is_retired(&self, certificate: &Certificate) -> bool {
        self.stored.retired.contains(&certificate.fingerprint())
            && self.stored.wanted().all(|wanted| wanted != certificate)
    }

    fn has_ended(&self, certificate: &Certificate) -> bool {
        certificate.validity().not_after + self.policy.skew() <= self.now
    }

    fn sign(&self) -> Option<Step> {
        let current = self.stored.current.as_ref()?;
        let next = self.stored.next.as_ref().map(Authority::certificate);
        let next = next.filter(|next| self.holds(next) && in_all(self.entries, next));
        let is_over = !self.holds(current.certificate())
            || current.certificate().validity().not_after <= self.now + self.policy.propagation;
        if next.is_some_and(|next| is_over || self.is_settled(next)) {
            return Some(Step::Keep(Change::TakeOver));
        }
        if is_over || !in_all(self.entries, current.certificate()) {
            return None;
        }
        let is_settled = self.is_settled(current.certificate());
        let is_due = match &self.stored.leaf {
            Some(leaf) => self.is_useless(leaf) || is_settled && self.is_due(leaf, current),
            None => true,
        };
        is_due.then_some(Step::Keep(Change::Sign))
    }

    /// Whether nobody can be served with it, so that there is nothing to wait for.
    fn is_useless(&self, leaf: &LeafPair) -> bool {
        let certificate = leaf.certificate();
        let mut wanted = self.stored.wanted();
        let is_trusted = wanted.any(|authority| certificate.is_signed_by(authority));
        // While others are told to serve other names, each would sign in turn.
        let made = certificate.validity().not_before + BACKDATE;
        let is_new = self.now < made + self.policy.propagation;
        !self.holds(certificate) || !is_trusted || !is_new && !leaf.is_for(&self.policy.names)
    }

    fn is_due(&self, leaf: &LeafPair, current: &Authority) -> bool {
        let certificate = leaf.certificate();
        certificate.validity().two_thirds() <= self.now
            || !certificate.is_signed_by(current.certificate())
    }

    fn retire(&self) -> Option<Step> {
        let mut trusted = self.stored.trusted.iter();
        let is_due = trusted.any(|trusted| self.is_over(trusted));
        is_due.then_some(Step::Keep(Change::Retire))
    }

    /// Whether nobody needs to be trusted by it any more.
    pub(super) fn is_over(&self, trusted: &Trusted) -> bool {
        trusted.until + self.policy.propagation + self.policy.skew() <= self.now
    }

    /// Two clocks may be off in opposite ways.
    fn holds(&self, certificate: &Certificate) -> bool {
        let skew = self.policy.skew() * 2;
        certificate.validity().holds(self.now, skew)
    }

    fn is_settled(&self, certificate: &Certificate) -> bool {
        let since = self.seen.since.get(&certificate.fingerprint());
        since.is_some_and(|since| {
            self.instant.saturating_duration_since(*since) >= self.policy.propagation
        })
    }
}

/// Whether a certificate is in every `caBundle`.
fn in_all(entries: &Entries, certificate: &Certificate) -> bool {
    entries.values().all(|bundle| bundle.holds(certificate))
}

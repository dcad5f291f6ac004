//! What the watch has told: a synchronous table, with `now` as an argument.
//!
//! Bindings are kept of the few ServiceAccounts that ask for a role. Of the others only a keyed 64-bit hash
//! is kept: "asks for nothing" must differ from "never seen", and a cluster has a hundred thousand of them.

mod hashes;

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gtoken_inject::{Binding, Unbound};
use hashes::Hashes;

use super::Key;
use crate::metrics::AccountsState;

/// When the index is not taken at its word that a ServiceAccount asks for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// It was first seen less than this ago: people create first and annotate then.
    pub fresh: Duration,
    /// Nothing has come over the watch for this long; the API server sends a bookmark each minute.
    pub silence: Duration,
}

impl Default for Doubt {
    fn default() -> Self {
        Self {
            fresh: Duration::from_secs(10),
            silence: Duration::from_secs(90),
        }
    }
}

/// What the index says about a ServiceAccount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// It asks for a role.
    Bound(Arc<Binding>),
    /// It asks for nothing that can be given.
    Unbound(Arc<Unbound>),
    /// It was never seen, or what was seen is in doubt: the API server has to be asked.
    Unknown,
}

/// What the watch has told of all ServiceAccounts.
#[derive(Debug)]
pub struct AccountIndex {
    doubt: Doubt,
    with_role: HashMap<Key, WithRole>,
    without_role: Hashes,
    no_role: Arc<Unbound>,
    hasher: RandomState,
    /// When hashes in `without_role` were first seen, for as long as that matters.
    fresh: HashMap<u64, Instant, BuildHasherDefault<AsItIs>>,
    /// The same, oldest first.
    fresh_in_order: VecDeque<(Instant, u64)>,
    has_listed: bool,
    heard: Option<Instant>,
}

/// All ServiceAccounts of one list, collected page by page while the index still answers by what it had.
#[derive(Debug)]
pub struct Listing {
    with_role: HashMap<Key, WithRole>,
    without_role: Hashes,
    /// Those of `without_role` that were created just now.
    new: Vec<u64>,
    hasher: RandomState,
}

type WithRole = Result<Arc<Binding>, Arc<Unbound>>;

/// The hashes are keyed and uniform already.
#[derive(Clone, Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only u64 is hashed");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

impl AccountIndex {
    /// An index that has seen nothing.
    pub fn new(doubt: Doubt) -> Self {
        Self {
            doubt,
            with_role: HashMap::new(),
            without_role: Hashes::default(),
            no_role: Arc::new(Unbound::NoRole),
            hasher: RandomState::new(),
            fresh: HashMap::default(),
            fresh_in_order: VecDeque::new(),
            has_listed: false,
            heard: None,
        }
    }

    /// An empty list, to be filled and given to [`reset`](Self::reset).
    pub fn listing(&self) -> Listing {
        Listing {
            with_role: HashMap::new(),
            without_role: Hashes::default(),
            new: Vec::new(),
            hasher: self.hasher.clone(),
        }
    }

    /// Replaces everything by a complete list.
    pub fn reset(&mut self, listing: Listing, now: Instant) {
        self.heard(now);
        // At the first list everything is unseen; what was created long ago is settled all the same.
        let is_first = !std::mem::replace(&mut self.has_listed, true);
        let unseen: Vec<u64> = if is_first {
            listing.new
        } else {
            listing
                .without_role
                .iter()
                .filter(|hash| !self.without_role.contains(*hash))
                .collect()
        };
        for hash in unseen {
            self.note_fresh(hash, now);
        }
        self.with_role = listing.with_role;
        self.without_role = listing.without_role;
    }

    /// Takes in a ServiceAccount that was created or changed.
    pub fn apply(&mut self, key: Key, binding: Result<Binding, Unbound>, now: Instant) {
        self.heard(now);
        let hash = self.hasher.hash_one(&key);
        if binding == Err(Unbound::NoRole) {
            let had_role = self.with_role.remove(&key).is_some();
            if self.without_role.insert(hash) && !had_role {
                self.note_fresh(hash, now);
            }
        } else {
            self.without_role.remove(hash);
            self.with_role.insert(key, shared(binding));
        }
    }

    /// Forgets a ServiceAccount that was deleted.
    pub fn delete(&mut self, key: &Key, now: Instant) {
        self.heard(now);
        self.with_role.remove(key);
        self.without_role.remove(self.hasher.hash_one(key));
    }

    /// Notes that something came over the watch, if only a bookmark.
    pub fn heard(&mut self, now: Instant) {
        self.heard = Some(now);
        while let Some((seen, hash)) = self.fresh_in_order.front().copied() {
            if now.duration_since(seen) < self.doubt.fresh {
                break;
            }
            self.fresh_in_order.pop_front();
            // It may have been created anew since.
            if self.fresh.get(&hash) == Some(&seen) {
                self.fresh.remove(&hash);
            }
        }
        if self.fresh_in_order.is_empty() {
            // A hundred thousand at once would leave room for as many behind.
            self.fresh = HashMap::default();
            self.fresh_in_order = VecDeque::new();
        }
    }

    fn note_fresh(&mut self, hash: u64, now: Instant) {
        self.fresh.insert(hash, now);
        self.fresh_in_order.push_back((now, hash));
    }

    /// What is known of a ServiceAccount.
    pub fn lookup(&self, key: &Key, now: Instant) -> Lookup {
        match self.with_role.get(key) {
            Some(Ok(binding)) => Lookup::Bound(Arc::clone(binding)),
            Some(Err(unbound)) if !self.is_silent(now) => Lookup::Unbound(Arc::clone(unbound)),
            Some(Err(_)) => Lookup::Unknown,
            None => self.lookup_without_role(self.hasher.hash_one(key), now),
        }
    }

    /// How much is known, for the metrics.
    pub fn state(&self, now: Instant) -> AccountsState {
        let bound = self
            .with_role
            .values()
            .filter(|binding| binding.is_ok())
            .count();
        AccountsState {
            bound,
            invalid: self.with_role.len() - bound,
            without_role: self.without_role.len(),
            silence: self.heard.map(|heard| now.duration_since(heard)),
        }
    }

    fn lookup_without_role(&self, hash: u64, now: Instant) -> Lookup {
        let seen = self.fresh.get(&hash);
        let is_fresh = seen.is_some_and(|seen| now.duration_since(*seen) < self.doubt.fresh);
        if !self.without_role.contains(hash) || self.is_silent(now) || is_fresh {
            return Lookup::Unknown;
        }
        Lookup::Unbound(Arc::clone(&self.no_role))
    }

    fn is_silent(&self, now: Instant) -> bool {
        self.heard
            .is_none_or(|heard| now.duration_since(heard) >= self.doubt.silence)
    }
}

impl Listing {
    /// Adds a ServiceAccount of the list, which may have been created just now; told twice, the last word counts.
    pub fn add(&mut self, key: Key, binding: Result<Binding, Unbound>, is_new: bool) {
        let hash = self.hasher.hash_one(&key);
        if binding == Err(Unbound::NoRole) {
            self.with_role.remove(&key);
            self.without_role.insert(hash);
            if is_new {
                self.new.push(hash);
            }
        } else {
            self.without_role.remove(hash);
            self.with_role.insert(key, shared(binding));
        }
    }

    /// Takes out what was deleted before the list was complete.
    pub fn remove(&mut self, key: &Key) {
        self.with_role.remove(key);
        self.without_role.remove(self.hasher.hash_one(key));
    }
}

fn shared(binding: Result<Binding, Unbound>) -> WithRole {
    binding.map(Arc::new).map_err(Arc::new)
}

#[cfg(test)]
mod tests;

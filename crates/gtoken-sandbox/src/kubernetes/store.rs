//! Objects at every revision since the last compaction, as etcd keeps them; no clock and no network in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

/// What happened to an object, named as watch events name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChangeKind {
    Added,
    Modified,
    Deleted,
}

/// One write.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) revision: u64,
    pub(super) kind: ChangeKind,
    pub(super) key: String,
    /// The object after the write or, for a deletion, its last state with the revision of its end.
    pub(super) object: Arc<Value>,
}

/// Objects by `namespace/name`, which is also the order in which lists bring them.
#[derive(Debug)]
pub(super) struct Store {
    revision: u64,
    compacted: u64,
    objects: BTreeMap<String, Vec<Version>>,
    log: Vec<Change>,
}

/// A state of one object from `since` on; none from its deletion on.
#[derive(Debug)]
struct Version {
    since: u64,
    object: Option<Arc<Value>>,
}

impl Store {
    pub(super) fn new() -> Self {
        Self {
            revision: 1,
            compacted: 1,
            objects: BTreeMap::new(),
            log: Vec::new(),
        }
    }

    /// The revision of the newest write, of which `resourceVersion` is the decimal form.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// The oldest revision that can still be read or watched from.
    pub(super) fn compacted(&self) -> u64 {
        self.compacted
    }

    pub(super) fn newest(&self, key: &str) -> Option<&Arc<Value>> {
        self.objects.get(key)?.last()?.object.as_ref()
    }

    /// The objects as they were at `revision`, in order, from the key `start` on.
    pub(super) fn at<'a>(
        &'a self,
        revision: u64,
        start: &str,
    ) -> impl Iterator<Item = (&'a str, &'a Arc<Value>)> {
        self.objects
            .range::<str, _>((std::ops::Bound::Included(start), std::ops::Bound::Unbounded))
            .filter_map(move |(key, versions)| {
                let version = versions.iter().rev().find(|v| v.since <= revision)?;
                Some((key.as_str(), version.object.as_ref()?))
            })
    }

    /// The writes after `revision`, oldest first.
    pub(super) fn changes_after(&self, revision: u64) -> &[Change] {
        let first = self.log.partition_point(|c| c.revision <= revision);
        &self.log[first..]
    }

    /// Writes an object at the next revision, which it is given as its `resourceVersion`.
    pub(super) fn put(&mut self, key: &str, object: Value) -> Change {
        let kind = match self.newest(key) {
            Some(_) => ChangeKind::Modified,
            None => ChangeKind::Added,
        };
        self.write(key, kind, object)
    }

    pub(super) fn delete(&mut self, key: &str) -> Option<Change> {
        let object = Value::clone(self.newest(key)?);
        Some(self.write(key, ChangeKind::Deleted, object))
    }

    /// As if other resources had been written to since and history then been dropped.
    ///
    /// So every `resourceVersion` that a client may hold is too old, the newest included.
    pub(super) fn compact(&mut self) {
        self.revision += 1;
        self.compacted = self.revision;
        self.log.clear();
        self.objects.retain(|_, versions| {
            versions.drain(..versions.len() - 1);
            versions[0].object.is_some()
        });
    }

    fn write(&mut self, key: &str, kind: ChangeKind, mut object: Value) -> Change {
        self.revision += 1;
        object["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        let object = Arc::new(object);
        let kept = (kind != ChangeKind::Deleted).then(|| Arc::clone(&object));
        let versions = self.objects.entry(key.to_owned()).or_default();
        versions.push(Version {
            since: self.revision,
            object: kept,
        });
        let change = Change {
            revision: self.revision,
            kind,
            key: key.to_owned(),
            object,
        };
        self.log.push(change.clone());
        change
    }
}

#[cfg(test)]
mod tests {
    use super::ChangeKind::{Added, Deleted, Modified};
    use super::*;

    fn keys_at(store: &Store, revision: u64) -> Vec<&str> {
        store.at(revision, "").map(|(key, _)| key).collect()
    }

    fn object() -> Value {
        json!({"metadata": {}})
    }

    #[test]
    fn the_past_stays_readable_until_it_is_compacted() {
        let mut store = Store::new();
        let first = store.put("a/x", object()).revision;
        let second = store.put("a/y", object()).revision;
        let third = store.delete("a/x").expect("it is there").revision;
        assert_eq!(keys_at(&store, first), ["a/x"]);
        assert_eq!(keys_at(&store, second), ["a/x", "a/y"]);
        assert_eq!(keys_at(&store, third), ["a/y"]);

        store.compact();
        assert!(store.compacted() > third);
        assert_eq!(keys_at(&store, store.revision()), ["a/y"]);
        assert!(store.changes_after(0).is_empty());
    }

    #[test]
    fn writes_are_told_with_their_revision() {
        let mut store = Store::new();
        store.put("a/x", object());
        let before = store.revision();
        store.put("a/x", object());
        store.delete("a/x");
        store.put("a/x", object());
        let kinds: Vec<_> = store.changes_after(before).iter().map(|c| c.kind).collect();
        assert_eq!(kinds, [Modified, Deleted, Added]);
        let deleted = &store.changes_after(before)[1];
        let version = deleted.revision.to_string();
        assert_eq!(
            deleted.object["metadata"]["resourceVersion"],
            json!(version)
        );
    }

    #[test]
    fn what_is_not_there_cannot_be_deleted() {
        let mut store = Store::new();
        store.put("a/x", object());
        store.delete("a/x");
        assert!(store.delete("a/x").is_none());
        assert!(store.delete("a/y").is_none());
    }
}

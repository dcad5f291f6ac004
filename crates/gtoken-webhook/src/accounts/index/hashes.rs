//! A set of hashes in little more memory than the hashes themselves.

/// Hashes by their first byte, each part in order.
///
/// A table with room to grow takes half as much again, and the large blocks that it leaves as it grows make glibc keep more
/// of what is freed later (`M_MMAP_THRESHOLD` in mallopt(3)). Parts are small enough to be moved at each insertion.
#[derive(Debug)]
pub(super) struct Hashes {
    parts: Box<[Vec<u64>]>,
}

const PARTS: usize = 256;

impl Default for Hashes {
    fn default() -> Self {
        Self {
            parts: vec![Vec::new(); PARTS].into(),
        }
    }
}

impl Hashes {
    /// Whether it was not there before.
    pub(super) fn insert(&mut self, hash: u64) -> bool {
        let part = &mut self.parts[part_of(hash)];
        let Err(place) = part.binary_search(&hash) else {
            return false;
        };
        if part.len() == part.capacity() {
            part.reserve_exact(part.len() / 8 + 4);
        }
        part.insert(place, hash);
        true
    }

    pub(super) fn remove(&mut self, hash: u64) {
        let part = &mut self.parts[part_of(hash)];
        if let Ok(place) = part.binary_search(&hash) {
            part.remove(place);
        }
    }

    pub(super) fn contains(&self, hash: u64) -> bool {
        self.parts[part_of(hash)].binary_search(&hash).is_ok()
    }

    pub(super) fn len(&self) -> usize {
        self.parts.iter().map(Vec::len).sum()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u64> {
        self.parts.iter().flatten().copied()
    }
}

fn part_of(hash: u64) -> usize {
    usize::from(hash.to_be_bytes()[0])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_holds_what_a_set_holds(steps in proptest::collection::vec((any::<bool>(), 0..4_u64, 0..20_u64), 0..300)) {
            let (mut ours, mut theirs) = (Hashes::default(), BTreeSet::new());
            for (is_insertion, part, rest) in steps {
                let hash = (part << 56) | rest;
                if is_insertion {
                    prop_assert_eq!(ours.insert(hash), theirs.insert(hash));
                } else {
                    ours.remove(hash);
                    theirs.remove(&hash);
                }
                prop_assert_eq!(ours.contains(hash), is_insertion);
                prop_assert_eq!(ours.len(), theirs.len());
            }
            prop_assert!(ours.iter().eq(theirs));
        }
    }
}

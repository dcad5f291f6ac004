//! What is read over all connections before the requests in it are begun.
//!
//! Whatever bounds what a request takes can do so only once the request is begun. A burst that came while the process
//! had no processor would else be read first, a hundred requests and many bodies of each connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The bytes that all connections together read between two turns of each.
const ALL: usize = 4 << 20;
/// The bytes that a connection reads in its turn where there are few, as those of API servers are.
const MOST: usize = 64 << 10;
/// The requests that wait to be begun before more is read; each connection may add as many as it has streams.
const MOST_UNBEGUN: usize = 100;

/// What there is to read from, and what has been read.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    connections: AtomicUsize,
    unbegun: AtomicUsize,
}

/// A connection that is read from until this is dropped.
#[derive(Debug)]
pub(super) struct Inlet(Arc<Intake>);

/// A request that has come and that nobody has begun with, until this is dropped.
#[derive(Debug)]
pub(super) struct Unbegun(Arc<Intake>);

impl Inlet {
    /// One connection more.
    pub(super) fn open(intake: &Arc<Intake>) -> Self {
        intake.connections.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(intake))
    }

    /// The bytes that the connection may read before it is another's turn; none while there is enough to begin with.
    pub(super) fn turn(&self) -> usize {
        if self.0.unbegun.load(Ordering::Relaxed) >= MOST_UNBEGUN {
            return 0;
        }
        let connections = self.0.connections.load(Ordering::Relaxed);
        MOST.min(ALL / connections.max(1))
    }
}

impl Drop for Inlet {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Unbegun {
    /// One request more.
    pub(super) fn enter(intake: &Arc<Intake>) -> Self {
        intake.unbegun.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(intake))
    }
}

impl Drop for Unbegun {
    fn drop(&mut self) {
        self.0.unbegun.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_connections_have_shorter_turns_and_all_together_the_same() {
        let intake = Arc::default();
        let few: Vec<_> = (0..64).map(|_| Inlet::open(&intake)).collect();
        assert_eq!(few[0].turn(), MOST);
        let many: Vec<_> = (64..512).map(|_| Inlet::open(&intake)).collect();
        assert_eq!(few[0].turn() * 512, ALL);
        drop(many);
        assert_eq!(few[0].turn(), MOST);
    }

    #[test]
    fn nothing_is_read_until_enough_is_begun() {
        let intake = Arc::default();
        let inlet = Inlet::open(&intake);
        let mut unbegun: Vec<_> = (0..MOST_UNBEGUN).map(|_| Unbegun::enter(&intake)).collect();
        assert_eq!(inlet.turn(), 0);
        unbegun.pop();
        assert_eq!(inlet.turn(), MOST);
    }
}

//! State that servers and tests look at together.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A value behind a lock that a panic elsewhere does not close.
#[derive(Debug, Default)]
pub(crate) struct Shared<T>(Mutex<T>);

impl<T> Shared<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was seen, oldest first; past its limit the oldest is forgotten, so that a sandbox may run for days.
#[derive(Debug)]
pub(crate) struct Log<T>(Shared<VecDeque<T>>);

/// The most entries a log remembers.
const MAX_ENTRIES: usize = 10_000;

impl<T: Clone> Log<T> {
    pub(crate) fn push(&self, entry: T) {
        let mut entries = self.0.lock();
        if entries.len() == MAX_ENTRIES {
            entries.pop_front();
        }
        entries.push_back(entry);
    }

    pub(crate) fn entries(&self) -> Vec<T> {
        self.0.lock().iter().cloned().collect()
    }
}

impl<T> Default for Log<T> {
    fn default() -> Self {
        Self(Shared::new(VecDeque::new()))
    }
}

//! The connections there are: a bounded number of them, and who has to go when another comes.
//!
//! None is turned away, since whoever is turned away may be an API server. The one that has brought least goes:
//! first whoever never had a review answered, the longest there first, then whoever has been quiet for longest.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::metrics::{Counted, Metrics};

/// The connections of a listener.
#[derive(Debug)]
pub(crate) struct Crowd {
    most: usize,
    /// Counts what happens on any connection, so that those who brought something lately have high numbers.
    events: AtomicU64,
    members: Mutex<Vec<Arc<Member>>>,
    metrics: Arc<Metrics>,
}

/// A connection as far as others are concerned.
#[derive(Debug, Default)]
pub(crate) struct Member {
    /// When it last brought something.
    last: AtomicU64,
    has_brought_a_review: AtomicBool,
    leave: Notify,
}

/// A connection's place among the others, given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    crowd: Arc<Crowd>,
    member: Arc<Member>,
    _open: Counted,
}

impl Crowd {
    /// No more than `most` connections.
    pub(crate) fn new(most: usize, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            most,
            events: AtomicU64::default(),
            members: Mutex::default(),
            metrics,
        })
    }

    /// A place for a new connection; where all are taken another has to leave.
    pub(crate) fn enter(this: &Arc<Self>) -> Place {
        if this.lock().len() >= this.most {
            this.shed();
        }
        let member = Arc::new(Member::default());
        this.touch(&member);
        this.lock().push(Arc::clone(&member));
        Place {
            crowd: Arc::clone(this),
            member,
            _open: this.metrics.connection(),
        }
    }

    /// Sends away the connection that has brought least, and tells whether it goes at once, without a goodbye.
    pub(crate) fn shed(&self) -> bool {
        let mut members = self.lock();
        let least = members
            .iter()
            .enumerate()
            .min_by_key(|(_, member)| member.merit());
        let Some(least) = least.map(|(at, _)| at) else {
            return false;
        };
        let member = members.swap_remove(least);
        member.send_away();
        self.metrics.connection_shed();
        !member.has_merit()
    }

    fn touch(&self, member: &Member) {
        let now = self.events.fetch_add(1, Ordering::Relaxed);
        member.last.store(now, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Member>>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Member {
    /// Whether it has brought a review that was answered.
    pub(crate) fn has_merit(&self) -> bool {
        self.has_brought_a_review.load(Ordering::Relaxed)
    }

    /// Asks the connection to end.
    pub(crate) fn send_away(&self) {
        self.leave.notify_one();
    }

    /// Waits until it is asked to end.
    pub(crate) async fn sent_away(&self) {
        self.leave.notified().await;
    }

    fn merit(&self) -> (bool, u64) {
        (self.has_merit(), self.last.load(Ordering::Relaxed))
    }
}

impl Place {
    /// The connection that has it.
    pub(crate) fn member(&self) -> &Arc<Member> {
        &self.member
    }

    /// The connection has brought something, a review that was answered or something else.
    pub(crate) fn brought(&self, is_review: bool) {
        self.crowd.touch(&self.member);
        if is_review {
            self.member
                .has_brought_a_review
                .store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut members = self.crowd.lock();
        let place = members
            .iter()
            .position(|member| Arc::ptr_eq(member, &self.member));
        if let Some(place) = place {
            members.swap_remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn has_to_go(place: &Place) -> bool {
        place.member.sent_away().now_or_never().is_some()
    }

    #[test]
    fn who_has_brought_least_has_to_go() {
        let crowd = Crowd::new(3, Arc::default());
        let [serving, idle] = [(); 2].map(|()| Crowd::enter(&crowd));
        serving.brought(true);
        let probing = Crowd::enter(&crowd);
        probing.brought(false);
        let another = Crowd::enter(&crowd);
        assert!(has_to_go(&idle));
        drop(idle);
        let quiet = Crowd::enter(&crowd);
        assert!(has_to_go(&probing));
        for place in [&another, &quiet, &serving] {
            place.brought(true);
        }
        let _new = Crowd::enter(&crowd);
        assert!(has_to_go(&another) && !has_to_go(&quiet) && !has_to_go(&serving));
    }

    #[test]
    fn a_place_given_back_is_free() {
        let crowd = Crowd::new(2, Arc::default());
        let kept = Crowd::enter(&crowd);
        for _ in 0..10 {
            drop(Crowd::enter(&crowd));
        }
        assert!(!has_to_go(&kept));
    }
}

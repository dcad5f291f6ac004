//! The connections there are: a bounded number of them, and who has to go when another comes.
//!
//! None is turned away, since whoever is turned away may be an API server. The one that has brought least goes:
//! first whoever never had a review answered, the longest there first, then whoever has been quiet for longest. Nobody
//! goes who has only just come: a good client needs a moment for its handshake, however many come beside it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::metrics::{Counted, Metrics};

/// How long a connection may take to bring its first review before it has to make way for another.
const FIRST_MOMENT: Duration = Duration::from_millis(100);
/// How long accepting rests where whoever makes way says goodbye first, or nobody is there who could.
const GOODBYE_PAUSE: Duration = Duration::from_millis(50);

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
#[derive(Debug)]
pub(crate) struct Member {
    came: Instant,
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

    /// A place for a new connection, for which [`make_room`](Self::make_room) has waited.
    pub(crate) fn enter(this: &Arc<Self>) -> Place {
        let member = Arc::new(Member::default());
        this.touch(&member);
        this.lock().push(Arc::clone(&member));
        Place {
            crowd: Arc::clone(this),
            member,
            _open: this.metrics.connection(),
        }
    }

    /// Waits until there is a place; where all are taken another has to leave.
    pub(crate) async fn make_room(&self) {
        while self.lock().len() >= self.most {
            let rest = self.shed(Instant::now());
            if self.lock().len() >= self.most {
                sleep(rest).await;
            }
        }
    }

    /// Sends away the connection that has brought least, and tells how long it may take until something is free.
    pub(crate) fn shed(&self, now: Instant) -> Duration {
        let mut members = self.lock();
        let least = members
            .iter()
            .enumerate()
            .min_by_key(|(_, member)| member.merit());
        let Some((least, member)) = least else {
            return GOODBYE_PAUSE;
        };
        let is_here = now.saturating_duration_since(member.came);
        if !member.has_merit() && is_here < FIRST_MOMENT {
            return FIRST_MOMENT.saturating_sub(is_here);
        }
        let member = members.swap_remove(least);
        member.send_away();
        self.metrics.connection_shed();
        if member.has_merit() {
            GOODBYE_PAUSE
        } else {
            Duration::ZERO
        }
    }

    fn touch(&self, member: &Member) {
        let now = self.events.fetch_add(1, Ordering::Relaxed);
        member.last.store(now, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Member>>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Member {
    fn default() -> Self {
        Self {
            came: Instant::now(),
            last: AtomicU64::default(),
            has_brought_a_review: AtomicBool::default(),
            leave: Notify::default(),
        }
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

    async fn enter(crowd: &Arc<Crowd>) -> Place {
        crowd.make_room().await;
        Crowd::enter(crowd)
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_brought_least_has_to_go() {
        let crowd = Crowd::new(3, Arc::default());
        let serving = enter(&crowd).await;
        let idle = enter(&crowd).await;
        serving.brought(true);
        let probing = enter(&crowd).await;
        probing.brought(false);
        let another = enter(&crowd).await;
        assert!(has_to_go(&idle));
        drop(idle);
        let quiet = enter(&crowd).await;
        assert!(has_to_go(&probing));
        for place in [&another, &quiet, &serving] {
            place.brought(true);
        }
        let _new = enter(&crowd).await;
        assert!(has_to_go(&another) && !has_to_go(&quiet) && !has_to_go(&serving));
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_only_just_come_need_not_go() {
        let crowd = Crowd::new(1, Arc::default());
        let (start, first) = (Instant::now(), enter(&crowd).await);
        let _second = enter(&crowd).await;
        assert!(has_to_go(&first));
        assert!(start.elapsed() >= FIRST_MOMENT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_given_back_is_free() {
        let crowd = Crowd::new(2, Arc::default());
        let kept = enter(&crowd).await;
        for _ in 0..10 {
            drop(enter(&crowd).await);
        }
        assert!(!has_to_go(&kept));
    }
}

//! The memory that requests may take together, and which of them has to go when another needs it.
//!
//! A request is held from its head to the last byte of its answer. Whoever makes us wait longest, for the rest of a body
//! or to take an answer, goes first: a good client is done in milliseconds, so that it is never the one.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use crate::connection::Member;

/// The bytes that all requests may take: a body of the largest size beside hundreds of usual reviews.
const ROOM: usize = 12 << 20;
/// What a request takes beside its body and its answer: its head, its task, its stream.
const REQUEST: usize = 8 << 10;

/// The memory that requests share.
#[derive(Debug)]
pub struct Room {
    most: usize,
    requests: Mutex<Requests>,
}

#[derive(Debug, Default)]
struct Requests {
    held: usize,
    next: u64,
    /// By the order in which they came.
    all: BTreeMap<u64, Request>,
}

#[derive(Debug)]
struct Request {
    bytes: usize,
    awaits: Awaits,
    member: Arc<Member>,
}

/// For what a request is held.
#[derive(Debug)]
enum Awaits {
    /// For more of its body.
    Body(Option<Waker>),
    /// For us.
    Decision,
    /// For its client to take this answer.
    Client(Bytes),
}

/// What a request takes of the room, given back when this is dropped.
#[derive(Debug)]
pub struct Share {
    room: Arc<Room>,
    member: Arc<Member>,
    number: u64,
}

/// There is no room for a request, or it had to make room for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoRoom;

impl Default for Room {
    fn default() -> Self {
        Self::of(ROOM)
    }
}

impl Room {
    fn of(most: usize) -> Self {
        Self {
            most,
            requests: Mutex::default(),
        }
    }

    /// Takes in a request whose head has come over this connection.
    pub(crate) fn enter(this: &Arc<Self>, member: &Arc<Member>) -> Share {
        let mut requests = this.lock();
        let number = requests.add(Awaits::Body(None), member);
        // Where it has to go itself it is told when it asks for more.
        let _ = requests.grow(number, REQUEST, this.most);
        Share {
            room: Arc::clone(this),
            member: Arc::clone(member),
            number,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Requests {
    fn add(&mut self, awaits: Awaits, member: &Arc<Member>) -> u64 {
        let number = self.next;
        self.next += 1;
        let request = Request {
            bytes: 0,
            awaits,
            member: Arc::clone(member),
        };
        self.all.insert(number, request);
        number
    }

    fn remove(&mut self, number: u64) -> Option<Request> {
        let request = self.all.remove(&number)?;
        self.held -= request.bytes;
        Some(request)
    }

    /// Gives a request more, if need be by sending away those that make us wait longest.
    fn grow(&mut self, number: u64, bytes: usize, most: usize) -> Result<(), NoRoom> {
        if !self.all.contains_key(&number) {
            return Err(NoRoom);
        }
        while self.held + bytes > most {
            let mut all = self.all.iter();
            let longest = all.find(|(_, request)| !matches!(request.awaits, Awaits::Decision));
            let Some(longest) = longest.map(|(number, _)| *number) else {
                break;
            };
            self.send_away(longest);
        }
        let fits = self.held + bytes <= most;
        match self.all.get_mut(&number) {
            Some(request) if fits => {
                request.bytes += bytes;
                self.held += bytes;
                Ok(())
            }
            Some(_) => {
                self.send_away(number);
                Err(NoRoom)
            }
            None => Err(NoRoom),
        }
    }

    fn send_away(&mut self, number: u64) {
        let Some(request) = self.remove(number) else {
            return;
        };
        match request.awaits {
            Awaits::Body(waker) => waker.into_iter().for_each(Waker::wake),
            Awaits::Client(_) => request.member.send_away(),
            Awaits::Decision => {}
        }
    }
}

impl Share {
    /// Takes more bytes of a body.
    pub(crate) fn grow(&self, bytes: usize) -> Result<(), NoRoom> {
        self.room.lock().grow(self.number, bytes, self.room.most)
    }

    /// Gives back what was held of a body that is thrown away.
    pub(crate) fn shrink(&self) {
        let mut requests = self.room.lock();
        if let Some(request) = requests.all.get_mut(&self.number) {
            let bytes = std::mem::replace(&mut request.bytes, REQUEST).saturating_sub(REQUEST);
            requests.held -= bytes;
        }
    }

    /// Waits until the request has to make room for others.
    pub(crate) async fn sent_away(&self) {
        poll_fn(|context| self.poll_sent_away(context)).await;
    }

    fn poll_sent_away(&self, context: &Context<'_>) -> Poll<()> {
        let mut requests = self.room.lock();
        let Some(request) = requests.all.get_mut(&self.number) else {
            return Poll::Ready(());
        };
        if let Awaits::Body(waker) = &mut request.awaits {
            *waker = Some(context.waker().clone());
        }
        Poll::Pending
    }

    /// The body has come; what the request is held for from now on is our own affair.
    pub(crate) fn decides(&self) {
        if let Some(request) = self.room.lock().all.get_mut(&self.number) {
            request.awaits = Awaits::Decision;
        }
    }

    /// The answer is there; from now on the request is held for its client to take it, even where it was sent away before.
    pub(crate) fn answers(&mut self, answer: Bytes) {
        let bytes = REQUEST + answer.len();
        let mut requests = self.room.lock();
        requests.remove(self.number);
        self.number = requests.add(Awaits::Client(answer), &self.member);
        // Where there is no room for it its client is told that the connection ends.
        let _ = requests.grow(self.number, bytes, self.room.most);
    }

    /// The answer, which takes its room for as long as the share is there; none where it had to go.
    pub(crate) fn answer(&self) -> Option<Bytes> {
        let requests = self.room.lock();
        match &requests.all.get(&self.number)?.awaits {
            Awaits::Client(answer) => Some(answer.clone()),
            Awaits::Body(_) | Awaits::Decision => None,
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.room.lock().remove(self.number);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    const BODY: usize = 10 * REQUEST;

    fn room_for(requests: usize) -> Arc<Room> {
        Arc::new(Room::of(requests * (REQUEST + BODY)))
    }

    fn enter(room: &Arc<Room>) -> Share {
        Room::enter(room, &Arc::default())
    }

    fn is_sent_away(share: &Share) -> bool {
        share.sent_away().now_or_never().is_some()
    }

    #[test]
    fn whoever_makes_us_wait_longest_goes_first() {
        let room = room_for(3);
        let [deciding, slow, fast] = [(); 3].map(|()| enter(&room));
        for share in [&deciding, &slow, &fast] {
            assert_eq!(share.grow(BODY), Ok(()));
        }
        deciding.decides();
        let new = enter(&room);
        assert_eq!(new.grow(BODY), Ok(()));
        assert!(is_sent_away(&slow));
        assert_eq!(slow.grow(1), Err(NoRoom));
        assert!(![&deciding, &fast, &new].map(is_sent_away).contains(&true));
    }

    #[test]
    fn the_oldest_goes_itself_where_it_asks_for_more() {
        let room = room_for(2);
        let [old, new] = [(); 2].map(|()| enter(&room));
        assert_eq!(new.grow(BODY), Ok(()));
        assert_eq!(old.grow(BODY), Ok(()));
        assert_eq!(old.grow(1), Err(NoRoom));
        assert!(!is_sent_away(&new));
    }

    #[test]
    fn where_all_are_being_decided_a_new_one_has_to_come_again() {
        let room = room_for(1);
        let first = enter(&room);
        first.grow(BODY).unwrap();
        first.decides();
        assert_eq!(enter(&room).grow(1), Err(NoRoom));
        drop(first);
        assert_eq!(enter(&room).grow(BODY), Ok(()));
    }

    #[test]
    fn a_client_that_does_not_take_its_answer_loses_its_connection() {
        let room = room_for(1);
        let member = Arc::default();
        let mut unread = Room::enter(&room, &member);
        unread.decides();
        unread.answers(vec![0; BODY].into());
        assert_eq!(unread.answer().map(|answer| answer.len()), Some(BODY));
        enter(&room).grow(BODY).unwrap();
        assert!(member.sent_away().now_or_never().is_some());
        assert_eq!(unread.answer(), None);
    }

    #[test]
    fn everything_is_given_back() {
        let room = room_for(2);
        let mut share = enter(&room);
        share.grow(BODY).unwrap();
        share.shrink();
        assert_eq!(room.lock().held, REQUEST);
        share.grow(BODY).unwrap();
        share.decides();
        share.answers(Bytes::from_static(b"allowed"));
        assert_eq!(room.lock().held, REQUEST + 7);
        drop(share);
        assert_eq!(room.lock().held, 0);
    }

    #[tokio::test]
    async fn whoever_waits_is_woken() {
        let room = room_for(1);
        let slow = enter(&room);
        let (waiting, ()) = tokio::join!(slow.sent_away().map(|()| true), async {
            tokio::task::yield_now().await;
            enter(&room).grow(BODY).unwrap();
        });
        assert!(waiting);
    }
}

//! Open watches: who is told of a change, and the body that carries it to the client.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Interval, Sleep, interval_at, sleep};

use super::Kubernetes;
use super::accept::Form;
use super::fault::Fault;
use super::object;
use super::options::{Selection, WatchFrom, WatchOptions};
use super::status::Status;
use super::store::{Change, ChangeKind, Store};

/// How often a watch that allows bookmarks gets one, as from the real server.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);

/// What the body of a watch is told to send.
#[derive(Debug)]
pub(super) enum Message {
    Event(ChangeKind, Arc<Value>),
    Bookmark {
        revision: u64,
        ends_initial_events: bool,
    },
    Error(Status),
    /// The first half of an `ADDED` event.
    Half(Arc<Value>),
    /// The connection breaks.
    Cut,
}

/// All open watches.
#[derive(Debug, Default)]
pub(super) struct Watches {
    opened: u64,
    open: Vec<Watch>,
}

#[derive(Debug)]
struct Watch {
    id: u64,
    sender: UnboundedSender<Message>,
    selection: Selection,
    bookmarks: bool,
    hears: Hears,
    /// Everything up to this revision has been told.
    told: u64,
}

/// What still reaches the client of a watch.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Hears {
    Everything,
    Bookmarks,
    Nothing,
}

impl Watches {
    /// Opens a watch, with the fault that it meets; what it is told at once is in the channel already.
    pub(super) fn open(
        &mut self,
        options: &WatchOptions,
        store: &Store,
        fault: Fault,
    ) -> (u64, UnboundedReceiver<Message>) {
        let (sender, receiver) = unbounded_channel();
        self.opened += 1;
        let mut watch = Watch {
            id: self.opened,
            sender,
            selection: options.selection.clone(),
            bookmarks: options.bookmarks,
            hears: Hears::under(fault),
            told: 0,
        };
        if watch.begin(options.from, store, fault) {
            self.open.push(watch);
        }
        (self.opened, receiver)
    }

    /// Tells every watch that selects it of a change.
    pub(super) fn announce(&mut self, change: &Change) {
        self.open.retain_mut(|watch| {
            watch.tell(change);
            !watch.sender.is_closed()
        });
    }

    /// Sends a bookmark to the watches that allow them; `only` limits it to one.
    pub(super) fn bookmark(&mut self, revision: u64, only: Option<u64>) {
        for watch in &mut self.open {
            if only.is_none_or(|id| id == watch.id) {
                watch.bookmark(revision);
            }
        }
    }

    /// A fault that begins is felt by the watches already open, where it says so.
    pub(super) fn feel(&mut self, fault: Fault) {
        match fault {
            Fault::Away => {
                for watch in self.open.drain(..) {
                    watch.send(Message::Cut);
                }
            }
            Fault::RadioSilence | Fault::BookmarksOnly => {
                for watch in &mut self.open {
                    watch.hears = Hears::under(fault);
                }
            }
            _ => {}
        }
    }

    /// Ends every watch after what it has been told.
    pub(super) fn close(&mut self) {
        self.open.clear();
    }

    /// Ends one watch that is past its time; over a silent one not even its end is heard.
    fn time_is_up(&mut self, id: u64) {
        self.open
            .retain(|watch| watch.id != id || watch.hears == Hears::Nothing);
    }

    /// The number of watches whose clients are still there.
    pub(super) fn count(&self) -> usize {
        let listening = self.open.iter().filter(|watch| !watch.sender.is_closed());
        listening.count()
    }
}

impl Watch {
    /// Tells what there is to tell at once; false if that ends the watch.
    fn begin(&mut self, from: WatchFrom, store: &Store, fault: Fault) -> bool {
        match fault {
            Fault::WatchClosedAtOnce => return false,
            Fault::WatchGone => return self.end(Status::too_old(1, store.revision())),
            Fault::ErrorInStream => {
                return self.end(Status::internal("etcdserver: leader changed"));
            }
            Fault::HalfObject => {
                self.send(Message::Half(self.first(store)));
                self.send(Message::Cut);
                return false;
            }
            _ => {}
        }
        match from {
            WatchFrom::After(revision) if revision < store.compacted() => {
                return self.end(Status::too_old(revision, store.compacted()));
            }
            WatchFrom::After(revision) => self.catch_up(revision, store),
            WatchFrom::Now => self.told = store.revision(),
            WatchFrom::State { mark_end, .. } => self.tell_state(mark_end, store),
        }
        true
    }

    fn end(&self, status: Status) -> bool {
        self.send(Message::Error(status));
        false
    }

    fn catch_up(&mut self, revision: u64, store: &Store) {
        self.told = revision;
        for change in store.changes_after(revision) {
            self.tell(change);
        }
    }

    fn tell_state(&mut self, mark_end: bool, store: &Store) {
        self.told = store.revision();
        if self.hears == Hears::Nothing {
            return;
        }
        let prefix = self.selection.prefix();
        for (key, object) in store.at(self.told, &prefix) {
            if self.selection.holds(key) {
                self.send(Message::Event(ChangeKind::Added, Arc::clone(object)));
            }
        }
        if mark_end && self.bookmarks {
            self.send(Message::Bookmark {
                revision: self.told,
                ends_initial_events: true,
            });
        }
    }

    fn tell(&mut self, change: &Change) {
        // A watch may ask for changes after a revision that is still to come.
        if self.hears != Hears::Everything || change.revision <= self.told {
            return;
        }
        self.told = change.revision;
        if self.selection.holds(&change.key) {
            self.send(Message::Event(change.kind, Arc::clone(&change.object)));
        }
    }

    fn bookmark(&mut self, revision: u64) {
        if !self.bookmarks || self.hears == Hears::Nothing {
            return;
        }
        if self.hears == Hears::Everything {
            self.told = self.told.max(revision);
        }
        self.send(Message::Bookmark {
            revision: self.told,
            ends_initial_events: false,
        });
    }

    /// An object to break off in the middle of.
    fn first(&self, store: &Store) -> Arc<Value> {
        let mut objects = store.at(store.revision(), "");
        let found = objects.find(|(key, _)| self.selection.holds(key));
        found.map_or_else(
            || {
                Arc::new(
                    json!({"kind": object::KIND, "apiVersion": "v1", "metadata": {"name": "half"}}),
                )
            },
            |(_, object)| Arc::clone(object),
        )
    }

    fn send(&self, message: Message) {
        // A client that has gone is found by `is_closed`.
        let _ = self.sender.send(message);
    }
}

impl Hears {
    fn under(fault: Fault) -> Self {
        match fault {
            Fault::RadioSilence => Self::Nothing,
            Fault::BookmarksOnly => Self::Bookmarks,
            _ => Self::Everything,
        }
    }
}

/// The answer to a watch: one JSON object a line until the watch ends.
pub(super) struct Stream {
    id: u64,
    messages: UnboundedReceiver<Message>,
    form: Form,
    deadline: Option<Pin<Box<Sleep>>>,
    next_bookmark: Interval,
    broken: bool,
    kubernetes: Arc<Kubernetes>,
}

impl Stream {
    pub(super) fn new(
        kubernetes: Arc<Kubernetes>,
        (id, messages): (u64, UnboundedReceiver<Message>),
        form: Form,
        timeout: Duration,
    ) -> Self {
        let first_bookmark = tokio::time::Instant::now() + BOOKMARK_EVERY;
        Self {
            id,
            messages,
            form,
            deadline: Some(Box::pin(sleep(timeout))),
            next_bookmark: interval_at(first_bookmark, BOOKMARK_EVERY),
            broken: false,
            kubernetes,
        }
    }

    fn line(&self, kind: &str, object: &Value) -> Bytes {
        let mut line = json!({"type": kind, "object": object}).to_string();
        line.push('\n');
        line.into()
    }

    fn render(&self, message: &Message) -> Bytes {
        // A watch is never opened in the form of a list.
        let shown = |object: &Value| object::rendered(object, self.form).unwrap_or_default();
        match message {
            Message::Event(kind, object) => self.line(kind.name(), &shown(object)),
            Message::Bookmark {
                revision,
                ends_initial_events,
            } => self.line(
                "BOOKMARK",
                &object::bookmark(*revision, *ends_initial_events, self.form),
            ),
            Message::Error(status) => self.line("ERROR", &status.to_json()),
            Message::Half(object) => {
                let line = self.line("ADDED", &shown(object));
                line.slice(..line.len() / 2)
            }
            Message::Cut => Bytes::new(),
        }
    }

    /// Does what is due; true if it may have put something into the channel or closed it.
    fn poll_timers(&mut self, context: &mut Context<'_>) -> bool {
        if let Some(deadline) = &mut self.deadline
            && deadline.as_mut().poll(context).is_ready()
        {
            self.deadline = None;
            self.kubernetes.state.lock().watches.time_is_up(self.id);
            return true;
        }
        if self.next_bookmark.poll_tick(context).is_ready() {
            self.kubernetes.bookmark(Some(self.id));
            return true;
        }
        false
    }
}

impl hyper::body::Body for Stream {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.broken {
            return Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into())));
        }
        loop {
            match self.messages.poll_recv(context) {
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Ready(Some(Message::Cut)) => {
                    // Pending once lets hyper send out what came before; an error at once would drop it.
                    self.broken = true;
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(Some(message)) => {
                    return Poll::Ready(Some(Ok(Frame::data(self.render(&message)))));
                }
                Poll::Pending if self.poll_timers(context) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl ChangeKind {
    fn name(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
        }
    }
}

//! Open watches, and who of them is told what.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::fault::Fault;
use super::object;
use super::options::{Selection, WatchFrom, WatchOptions};
use super::status::Status;
use super::store::{Change, ChangeKind, Store};

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
    pub(super) fn time_is_up(&mut self, id: u64) {
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
            Fault::RadioSilence => return true,
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
            if revision < self.told {
                // The watch is from a revision still to come: nothing older is told, bookmarks included.
                return;
            }
            self.told = revision;
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

//! The body of a watch: what it is told, written line by line until it ends or breaks.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, Interval, Sleep, interval_at, sleep};

use super::accept::Form;
use super::store::ChangeKind;
use super::watch::Message;
use super::{Kubernetes, object};

/// How often a watch that allows bookmarks gets one, as from the real server.
const BOOKMARK_EVERY: Duration = Duration::from_mins(1);

/// The answer to a watch: one JSON object a line until the watch ends.
pub(super) struct WatchStream {
    id: u64,
    messages: UnboundedReceiver<Message>,
    form: Form,
    deadline: Option<Pin<Box<Sleep>>>,
    next_bookmark: Interval,
    broken: bool,
    kubernetes: Arc<Kubernetes>,
}

impl WatchStream {
    pub(super) fn new(
        kubernetes: Arc<Kubernetes>,
        (id, messages): (u64, UnboundedReceiver<Message>),
        form: Form,
        timeout: Duration,
    ) -> Self {
        let first_bookmark = Instant::now() + BOOKMARK_EVERY;
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

    fn line(kind: &str, object: &Value) -> Bytes {
        let mut line = json!({"type": kind, "object": object}).to_string();
        line.push('\n');
        line.into()
    }

    fn render(&self, message: &Message) -> Bytes {
        // A watch is never opened in the form of a list.
        let shown = |object: &Value| object::rendered(object, self.form).unwrap_or_default();
        match message {
            Message::Event(kind, object) => Self::line(kind.name(), &shown(object)),
            Message::Bookmark {
                revision,
                ends_initial_events,
            } => Self::line(
                "BOOKMARK",
                &object::bookmark(*revision, *ends_initial_events, self.form),
            ),
            Message::Error(status) => Self::line("ERROR", &status.to_json()),
            Message::Half(object) => {
                let line = Self::line("ADDED", &shown(object));
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

impl hyper::body::Body for WatchStream {
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

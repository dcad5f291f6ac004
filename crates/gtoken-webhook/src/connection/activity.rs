//! What a connection carries, and since when it carries nothing.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

use super::{HEAD_TIMEOUT, IDLE_TIMEOUT};

/// What a connection carries, and since when it carries nothing.
#[derive(Debug)]
pub(super) struct Activity {
    carries: Mutex<Carries>,
    changed: Notify,
}

#[derive(Clone, Copy, Debug)]
struct Carries {
    requests: usize,
    /// Whether there ever was a request.
    began: bool,
    /// Whether the head of the next request has begun; the first one's begins with the connection.
    in_head: bool,
    closes_at: Instant,
}

/// A request on its way.
#[derive(Debug)]
pub(super) struct Active(Arc<Activity>);

impl Activity {
    /// The first request has to come as soon as a head: HTTP/2 by itself would wait for it for ever.
    pub(super) fn new() -> Self {
        Self {
            carries: Mutex::new(Carries {
                requests: 0,
                began: false,
                in_head: true,
                closes_at: Instant::now() + HEAD_TIMEOUT,
            }),
            changed: Notify::new(),
        }
    }

    /// A request has come, and is on its way until what this gives is dropped.
    pub(super) fn begin(this: &Arc<Self>) -> Active {
        let is_first = this.update(|carries| {
            carries.requests += 1;
            carries.in_head = false;
            !std::mem::replace(&mut carries.began, true)
        });
        // Whoever waits for the connection to be idle sees for himself that it is not when he would close it.
        if is_first {
            this.changed.notify_waiters();
        }
        Active(Arc::clone(this))
    }

    /// Waits for the first request there is, but not for longer than `grace`.
    pub(super) async fn first_request(&self, grace: Duration) {
        let begun = async {
            loop {
                let changed = self.changed.notified();
                if self.update(|carries| carries.began) {
                    return;
                }
                changed.await;
            }
        };
        // What has not come by now will not come.
        let _ = timeout(grace, begun).await;
    }

    /// Waits until the connection may be closed because nothing comes.
    pub(super) async fn idle_for_too_long(&self) {
        loop {
            let changed = self.changed.notified();
            let carries = self.update(|carries| *carries);
            if carries.requests > 0 {
                changed.await;
            } else if carries.closes_at <= Instant::now() {
                return;
            } else {
                tokio::select! {
                    () = changed => {}
                    () = sleep_until(carries.closes_at) => {}
                }
            }
        }
    }

    /// Whether a head is awaited to its end: the first one, or one that has begun.
    pub(super) fn is_in_head(&self) -> bool {
        self.update(|carries| carries.in_head)
    }

    /// Bytes have come; where no request is on its way they are the beginning of a head.
    fn heard(&self) {
        let begins = self.update(|carries| {
            let begins = carries.requests == 0 && !carries.in_head;
            if begins {
                carries.in_head = true;
                carries.closes_at = Instant::now() + HEAD_TIMEOUT;
            }
            begins
        });
        if begins {
            self.changed.notify_waiters();
        }
    }

    fn update<T>(&self, change: impl FnOnce(&mut Carries) -> T) -> T {
        change(&mut self.carries.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        let is_last = self.0.update(|carries| {
            carries.requests -= 1;
            carries.closes_at = Instant::now() + IDLE_TIMEOUT;
            carries.requests == 0
        });
        if is_last {
            self.0.changed.notify_waiters();
        }
    }
}

/// A stream that tells when bytes come.
#[derive(Debug)]
pub(super) struct Heard<I> {
    stream: I,
    activity: Arc<Activity>,
}

impl<I> Heard<I> {
    pub(super) fn new(stream: I, activity: Arc<Activity>) -> Self {
        Self { stream, activity }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Heard<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.activity.heard();
        }
        read
    }
}

write_through!(Heard);

#[cfg(test)]
mod tests {
    use super::*;

    async fn closes_within(activity: &Activity, time: Duration) -> bool {
        timeout(time, activity.idle_for_too_long()).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_a_first_request_is_closed_as_soon_as_a_slow_head() {
        let activity = Activity::new();
        assert!(!closes_within(&activity, HEAD_TIMEOUT * 99 / 100).await);
        assert!(closes_within(&activity, Duration::from_secs(2)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_not_idle_while_it_carries_a_request() {
        let activity = Arc::new(Activity::new());
        let active = Activity::begin(&activity);
        assert!(!closes_within(&activity, IDLE_TIMEOUT * 5).await);
        drop(active);
        assert!(!closes_within(&activity, IDLE_TIMEOUT * 99 / 100).await);
        assert!(closes_within(&activity, Duration::from_secs(2)).await);
    }
}

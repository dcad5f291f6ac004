//! Rings when the Secret or the webhook configuration changes, so that it is looked at before its time.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tracing::warn;

use super::api::{Api, Trouble};
use super::plan::Written;
use crate::log::Seldom;
use crate::metrics::Metrics;

/// How soon a watch is opened again that has ended, or could not be opened.
const OPEN_AGAIN: Duration = Duration::from_secs(5);
/// How often it is said that one cannot be.
const SAY_AGAIN: Duration = Duration::from_mins(1);
/// At least so much lies between two looks that the bell asks for.
const REST: Duration = Duration::from_millis(100);

/// Rings when something has changed.
#[derive(Debug, Default)]
pub(super) struct Bell {
    rung: Notify,
    /// How many watches are open.
    open: AtomicUsize,
}

impl Bell {
    /// Whether it rings for both objects just now.
    pub(super) fn is_heard(&self) -> bool {
        self.open.load(Ordering::Relaxed) == 2
    }

    /// Waits until it rings, for so long at the most.
    pub(super) async fn wait(&self, longest: Duration) {
        if timeout(longest, self.rung.notified()).await.is_ok() {
            // What changes often is not looked at each time.
            sleep(REST.min(longest)).await;
        }
    }

    /// Rings for one of both objects, for as long as the process lives.
    pub(super) async fn listen(&self, api: &Api, to: Written, metrics: &Metrics) -> Infallible {
        let said = Seldom::new(SAY_AGAIN);
        loop {
            if let Err(trouble) = self.ring_for(api, to).await {
                metrics.certificate_step("watch", "failed");
                if said.is_due(Instant::now()) {
                    warn!(reason = %trouble, "changes are noticed late, by looking every 5 s");
                }
            }
            sleep(OPEN_AGAIN).await;
        }
    }

    async fn ring_for(&self, api: &Api, to: Written) -> Result<(), Trouble> {
        let mut changes = pin!(api.changes(to).await?);
        let _open = Open::new(&self.open);
        // What has changed before is seen by whoever looks now.
        self.rung.notify_one();
        while let Some(changed) = changes.next().await {
            changed?;
            self.rung.notify_one();
        }
        Ok(())
    }
}

/// A watch that is open for as long as this lives.
struct Open<'a>(&'a AtomicUsize);

impl<'a> Open<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

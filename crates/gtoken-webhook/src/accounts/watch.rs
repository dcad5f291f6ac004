//! The pump: lists, then follows the changes, for ever; the index does the thinking.
//!
//! `kube::runtime::watcher` keeps bookmarks to itself, and without them a watch that has gone silent
//! cannot be told from a quiet cluster. This one is as long as adapting that one would be.

use std::convert::Infallible;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures_util::StreamExt as _;
use kube::api::WatchEvent;
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

use super::Accounts;
use super::api::{Changes, INITIAL_EVENTS_END, ServiceAccount, describe, describe_call};
use super::index::{Doubt, Listing};
use crate::ready::Awaited;

/// How long the API server may take for a page, or to accept a watch.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a server that streams its list may send nothing; one that does not is asked for pages.
const STREAM_TIMEOUT: Duration = Duration::from_secs(2);
/// The first pause after a failure; each further one in a row doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause: a watch that is back is not missed for longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// After so many failures in a row everything is read again: what the watch chokes on may come each time.
const MOST_FAILURES: u32 = 3;

/// Why a watch came to its end.
#[derive(Debug)]
enum End {
    /// The API server closed it, as it does every few minutes.
    Closed,
    /// It broke, or was refused; what it had told is still true.
    Failed(String),
    /// Its version is too old, or from another history, or what came cannot be read: everything has to be read again.
    Gone(String),
    /// Nothing came for too long: the server may have lost the history that the version is of, as after a restore.
    Silent,
}

/// Keeps the index of `accounts` in step; a watch that brings nothing for too long is begun anew.
pub async fn run(accounts: Arc<Accounts>, doubt: Doubt, listed: &Awaited) -> Infallible {
    let mut pump = Pump {
        accounts,
        listed,
        silence: doubt.silence,
        fresh: doubt.fresh,
        failures: 0,
        heard: false,
        jitter: RandomState::new(),
    };
    loop {
        match pump.read().await {
            Ok((version, open)) => {
                if listed.is_missing() {
                    info!(state = ?pump.accounts.state(), "ServiceAccounts are read");
                    listed.arrived();
                } else if open.is_some() {
                    // After pages the watch has still to show that it is well.
                    listed.arrived();
                }
                pump.follow(version, open).await;
            }
            Err(reason) => {
                warn!(reason, "cannot read ServiceAccounts; trying again");
                listed.hindered(&reason);
                pump.accounts.metrics().watch_restart("list-failed");
                pump.rest().await;
            }
        }
    }
}

struct Pump<'a> {
    accounts: Arc<Accounts>,
    listed: &'a Awaited,
    silence: Duration,
    fresh: Duration,
    /// Failures in a row, which the next thing heard ends, or a watch that lasts.
    failures: u32,
    /// Whether anything came over the watch that is open, or was open last.
    heard: bool,
    jitter: RandomState,
}

impl Pump<'_> {
    /// Reads all ServiceAccounts into the index; returns the version to watch from, and the watch where one is open.
    async fn read(&mut self) -> Result<(String, Option<Changes>), String> {
        match self.stream().await {
            Ok((version, changes)) => Ok((version, Some(changes))),
            Err(reason) => {
                debug!(reason, "ServiceAccounts are not streamed; reading pages");
                Ok((self.list().await?, None))
            }
        }
    }

    /// Reads all by a watch that begins with them; a server that cannot do so says so, or keeps silent.
    async fn stream(&mut self) -> Result<(String, Changes), String> {
        let opened = timeout(STREAM_TIMEOUT, self.accounts.api().everything()).await;
        let mut changes = opened.map_err(|_| no_stream())?.map_err(|e| describe(&e))?;
        let mut listing = self.accounts.update(|index| index.listing());
        loop {
            let next = timeout(STREAM_TIMEOUT, changes.next()).await;
            let event = next.map_err(|_| no_stream())?;
            match event.ok_or("it ended")?.map_err(|e| describe(&e))? {
                WatchEvent::Added(found) | WatchEvent::Modified(found) => {
                    self.add(&mut listing, &found);
                }
                WatchEvent::Deleted(found) => {
                    if let Some(key) = found.key() {
                        listing.remove(&key);
                    }
                }
                WatchEvent::Bookmark(bookmark) => {
                    if bookmark
                        .metadata
                        .annotations
                        .contains_key(INITIAL_EVENTS_END)
                    {
                        self.reset(listing);
                        return Ok((bookmark.metadata.resource_version, changes));
                    }
                }
                WatchEvent::Error(status) => return Err(describe(&kube::Error::Api(status))),
            }
        }
    }

    /// Reads all page by page.
    async fn list(&mut self) -> Result<String, String> {
        let mut listing = self.accounts.update(|index| index.listing());
        let mut token = String::new();
        loop {
            let page = timeout(ANSWER_TIMEOUT, self.accounts.api().page(&token)).await;
            let page = page.map_err(|_| no_answer())?;
            let page = page.map_err(|error| describe_call("list", &error))?;
            for found in page.items {
                self.add(&mut listing, &found);
            }
            token = page.metadata.r#continue;
            if token.is_empty() {
                self.reset(listing);
                return Ok(page.metadata.resource_version);
            }
        }
    }

    fn add(&self, listing: &mut Listing, found: &ServiceAccount) {
        if let Some(key) = found.key() {
            let is_new = found.is_younger_than(self.fresh, SystemTime::now());
            listing.add(key, self.accounts.api().binding(found), is_new);
        }
    }

    fn reset(&self, listing: Listing) {
        self.accounts
            .update(|index| index.reset(listing, Instant::now()));
    }

    /// Watches from a version on, anew as often as it takes, until everything has to be read again.
    async fn follow(&mut self, mut version: String, mut open: Option<Changes>) {
        loop {
            let begun = Instant::now();
            let end = self.watch(&mut version, open.take()).await;
            if self.heard || begun.elapsed() >= LONGEST_PAUSE {
                // It was open, or waited for, so long that opening the next at once is no haste.
                self.failures = 0;
            }
            match end {
                End::Closed if self.heard || begun.elapsed() >= LONGEST_PAUSE => {}
                End::Closed => self.rest().await,
                End::Failed(reason) => {
                    warn!(
                        reason,
                        "the watch of ServiceAccounts failed; opening it anew"
                    );
                    self.listed.hindered(&reason);
                    self.accounts.metrics().watch_restart("failed");
                    self.rest().await;
                }
                End::Gone(reason) => {
                    info!(reason, "the watch of ServiceAccounts has to begin anew");
                    self.accounts.metrics().watch_restart("gone");
                    return self.rest().await;
                }
                End::Silent => {
                    warn!(silence = ?self.silence, "nothing came over the watch of ServiceAccounts; reading them anew");
                    self.accounts.metrics().watch_restart("silent");
                    return;
                }
            }
            if self.failures >= MOST_FAILURES {
                return;
            }
        }
    }

    /// Takes in changes until the watch ends; `version` is that of the last one, `open` a watch that goes on from it.
    async fn watch(&mut self, version: &mut String, open: Option<Changes>) -> End {
        // A watch that has brought its list has been heard already.
        self.heard = open.is_some();
        let mut changes = match open {
            Some(changes) => changes,
            None => match self.open(version).await {
                Ok(changes) => changes,
                Err(end) => return end,
            },
        };
        loop {
            match timeout(self.silence, changes.next()).await {
                Err(_) => return End::Silent,
                Ok(None) => return End::Closed,
                Ok(Some(Err(error))) => return end_by(&error),
                Ok(Some(Ok(event))) => match self.take(event) {
                    Ok(newer) => *version = newer,
                    Err(end) => return end,
                },
            }
        }
    }

    async fn open(&self, version: &str) -> Result<Changes, End> {
        let opened = timeout(ANSWER_TIMEOUT, self.accounts.api().changes(version)).await;
        let changes = opened
            .map_err(|_| End::Failed(no_answer()))?
            .map_err(|error| end_by(&error))?;
        self.listed.arrived();
        Ok(changes)
    }

    /// Takes in one event and returns the version that it is of.
    fn take(&mut self, event: WatchEvent<ServiceAccount>) -> Result<String, End> {
        let now = Instant::now();
        let version = match event {
            WatchEvent::Added(found) | WatchEvent::Modified(found) => {
                if let Some(key) = found.key() {
                    let binding = self.accounts.api().binding(&found);
                    self.accounts.update(|index| index.apply(key, binding, now));
                }
                found.resource_version().to_owned()
            }
            WatchEvent::Deleted(found) => {
                if let Some(key) = found.key() {
                    self.accounts.update(|index| index.delete(&key, now));
                }
                found.resource_version().to_owned()
            }
            WatchEvent::Bookmark(bookmark) => {
                self.accounts.update(|index| index.heard(now));
                bookmark.metadata.resource_version
            }
            WatchEvent::Error(status) => {
                return Err(End::Gone(describe(&kube::Error::Api(status))));
            }
        };
        self.heard = true;
        Ok(version)
    }

    async fn rest(&mut self) {
        let pause = pause(self.failures, self.jitter.hash_one(self.failures));
        self.failures = self.failures.saturating_add(1);
        sleep(pause).await;
    }
}

fn no_answer() -> String {
    format!("no answer within {ANSWER_TIMEOUT:?}")
}

fn no_stream() -> String {
    format!("nothing came within {STREAM_TIMEOUT:?}")
}

fn end_by(error: &kube::Error) -> End {
    let reason = describe_call("watch", error);
    match error {
        // 410: history no longer reaches back to it; 400: it is no version of this server.
        kube::Error::Api(status) if [400, 410].contains(&status.code) => End::Gone(reason),
        // The same event would come from the same version again.
        kube::Error::SerdeError(_) => End::Gone(reason),
        _ => End::Failed(reason),
    }
}

/// The pause after so many failures in a row, less up to a quarter by which replicas spread.
fn pause(failures: u32, random: u64) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << failures.min(16));
    let longest = doubled.min(LONGEST_PAUSE);
    let percent = 75 + u32::try_from(random % 26).unwrap_or(25);
    longest * percent / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_to_its_limit_and_spreads_by_a_quarter() {
        assert_eq!(pause(0, 25), FIRST_PAUSE);
        assert_eq!(pause(1, 25), FIRST_PAUSE * 2);
        assert_eq!(pause(u32::MAX, 25), LONGEST_PAUSE);
        assert_eq!(pause(u32::MAX, 26), LONGEST_PAUSE * 3 / 4);
    }
}

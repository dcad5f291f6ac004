//! The answer about one ServiceAccount: by the index, or by a GET that is bounded in time, number and rate.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gtoken_inject::{Binding, Unbound};
use tokio::sync::{Notify, OnceCell, Semaphore};
use tokio::time::timeout;

use super::api::{ServiceAccounts, describe_call, is_forbidden};
use super::index::{AccountIndex, Doubt, Lookup};
use super::limits::RateLimit;
use super::recent::Recent;
use super::{Key, lock};
use crate::metrics::{AccountsState, Metrics};

/// How long one GET may take, waiting for its turn included.
const GET_TIMEOUT: Duration = Duration::from_secs(1);
/// How many GETs may be on their way at once.
const GETS_AT_ONCE: usize = 8;
/// How many GETs may be sent in a second; more would turn an outage of our watch into one of the API server.
const GETS_PER_SECOND: u32 = 20;
/// How long a negative answer may be repeated.
const NEGATIVE_LIFE: Duration = Duration::from_secs(2);

/// What a ServiceAccount asks for, or why for nothing.
pub type Answer = Result<Arc<Binding>, Arc<Unbound>>;

/// Why there is no answer now; the API server had better ask again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// The GET failed.
    #[error("cannot read the ServiceAccount: {0}")]
    Failed(Arc<str>),
    /// Too many were asked for at once.
    #[error(
        "cannot read the ServiceAccount: {GETS_PER_SECOND} have been asked for within a second"
    )]
    OverLimit,
    /// The review has no time left to wait for it.
    #[error("cannot read the ServiceAccount within the time that the review has left")]
    OutOfTime,
    /// The GET took too long.
    #[error("cannot read the ServiceAccount: the API server did not answer within {GET_TIMEOUT:?}")]
    TimedOut,
}

impl Unknown {
    /// The outcome in metrics and logs.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Failed(_) => "get-failed",
            Self::OutOfTime => "get-out-of-time",
            Self::OverLimit => "get-over-limit",
            Self::TimedOut => "get-timed-out",
        }
    }
}

/// Knows what ServiceAccounts ask for.
pub struct Accounts {
    index: Mutex<AccountIndex>,
    recent: Mutex<Recent>,
    rate: Mutex<RateLimit>,
    turns: Semaphore,
    /// GETs on their way, so that a hundred pods of one ServiceAccount cost one.
    asked: Mutex<HashMap<Key, Arc<Asked>>>,
    /// A GET was refused for want of permission.
    refused: Notify,
    api: ServiceAccounts,
    metrics: Arc<Metrics>,
}

type Asked = OnceCell<Result<Answer, Unknown>>;

impl Accounts {
    /// Knows nothing yet; [`watch`](super::watch) fills it.
    pub fn new(api: ServiceAccounts, doubt: Doubt, metrics: Arc<Metrics>) -> Self {
        Self {
            index: Mutex::new(AccountIndex::new(doubt)),
            recent: Mutex::new(Recent::new(NEGATIVE_LIFE)),
            rate: Mutex::new(RateLimit::per_second(GETS_PER_SECOND)),
            turns: Semaphore::new(GETS_AT_ONCE),
            asked: Mutex::new(HashMap::new()),
            refused: Notify::new(),
            api,
            metrics,
        }
    }

    /// What a ServiceAccount asks for; `confirm` is for pods that a wrong "nothing" would reject.
    pub async fn answer(
        &self,
        namespace: &str,
        name: &str,
        confirm: bool,
    ) -> Result<Answer, Unknown> {
        let Some(key) = Key::new(namespace, name) else {
            self.metrics.lookup("impossible-name");
            return Ok(Err(Arc::new(Unbound::NotFound)));
        };
        let now = Instant::now();
        let known = self.update(|index| index.lookup(&key, now));
        let known = match known {
            Lookup::Bound(binding) => Some(Ok(binding)),
            Lookup::Unbound(unbound) if !confirm => Some(Err(unbound)),
            Lookup::Unbound(_) | Lookup::Unknown => None,
        };
        if let Some(answer) = known {
            self.metrics.lookup("index");
            return Ok(answer);
        }
        let recent = lock(&self.recent).answer(&key, now);
        if let Some(unbound) = recent.filter(|_| !confirm) {
            self.metrics.lookup("recent");
            return Ok(Err(unbound));
        }
        let result = if confirm {
            // What was asked before this pod came may have been answered before the annotation.
            self.ask(&key).await
        } else {
            self.ask_together(key).await
        };
        self.metrics
            .lookup(result.as_ref().map_or_else(Unknown::label, |_| "get"));
        result
    }

    /// Reads or changes the index.
    pub fn update<T>(&self, change: impl FnOnce(&mut AccountIndex) -> T) -> T {
        change(&mut lock(&self.index))
    }

    /// How much is known, for the metrics.
    pub fn state(&self) -> AccountsState {
        self.update(|index| index.state(Instant::now()))
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(super) fn api(&self) -> &ServiceAccounts {
        &self.api
    }

    /// Waits until a GET is refused for want of permission.
    pub(super) async fn refused(&self) {
        self.refused.notified().await;
    }

    /// Joins a GET for the same ServiceAccount that is on its way, or sends one.
    ///
    /// When whoever sent it gives up, the next one who waits for it sends it anew.
    async fn ask_together(&self, key: Key) -> Result<Answer, Unknown> {
        let asked = Arc::clone(lock(&self.asked).entry(key.clone()).or_default());
        let turn = Turn {
            accounts: self,
            key,
            asked,
        };
        turn.asked.get_or_init(|| self.ask(&turn.key)).await.clone()
    }

    async fn ask(&self, key: &Key) -> Result<Answer, Unknown> {
        if !lock(&self.rate).take(Instant::now()) {
            return Err(Unknown::OverLimit);
        }
        let get = async {
            // The semaphore is never closed; if it were, nothing would have to be bounded any more.
            let _turn = self.turns.acquire().await;
            self.api.one(key).await
        };
        let found = match timeout(GET_TIMEOUT, get).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                if is_forbidden(&error) {
                    self.refused.notify_one();
                }
                return Err(Unknown::Failed(describe_call("get", &error).into()));
            }
            Err(_) => return Err(Unknown::TimedOut),
        };
        let binding = found.map_or(Err(Unbound::NotFound), |found| self.api.binding(&found));
        Ok(binding.map(Arc::new).map_err(|unbound| {
            let unbound = Arc::new(unbound);
            lock(&self.recent).remember(key.clone(), Arc::clone(&unbound), Instant::now());
            unbound
        }))
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts")
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

/// One who waits for a GET; the last to go, or the first to go with an answer, takes it off the table.
struct Turn<'a> {
    accounts: &'a Accounts,
    key: Key,
    asked: Arc<Asked>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut table = lock(&self.accounts.asked);
        let is_ours = table
            .get(&self.key)
            .is_some_and(|asked| Arc::ptr_eq(asked, &self.asked));
        // The table and we are the only two who hold it.
        let is_last = Arc::strong_count(&self.asked) == 2;
        if is_ours && (is_last || self.asked.initialized()) {
            table.remove(&self.key);
        }
    }
}

//! How long tokens and sessions live, for everybody and for single accounts.
//!
//! An account's settings go by the account and not by the pod, because STS sees nothing of a pod but its token. Tests that
//! run side by side use accounts of their own.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::shared::Shared;

/// A change to lifetimes, all in seconds; what it does not name stays, or is as for everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LifetimeChange {
    /// The email or unique id of a Google account, or another issuer's `sub`; without it, the change is everybody's.
    pub account: Option<String>,
    /// How long Google's tokens live.
    pub token: Option<u64>,
    /// How long a session lives that asks for no duration; AWS knows none below 15 minutes.
    pub session: Option<u64>,
    /// How long past its end AWS takes a token.
    pub grace: Option<u64>,
}

/// The lifetimes that hold for one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lifetime {
    pub(crate) token: Duration,
    pub(crate) session: Duration,
    pub(crate) grace: Duration,
}

/// All lifetimes of one sandbox; clones share them.
#[derive(Clone)]
pub(crate) struct Lifetimes(Arc<Shared<Table>>);

struct Table {
    usual: Lifetime,
    of_accounts: HashMap<String, LifetimeChange>,
}

impl Lifetimes {
    pub(crate) fn new(usual: Lifetime) -> Self {
        let of_accounts = HashMap::new();
        Self(Arc::new(Shared::new(Table { usual, of_accounts })))
    }

    /// From now on; tokens and sessions that are out keep their times.
    pub(crate) fn change(&self, change: &LifetimeChange) {
        let mut table = self.0.lock();
        match &change.account {
            None => table.usual = table.usual.changed(change),
            Some(account) => {
                let own = table.of_accounts.entry(account.clone()).or_default();
                own.token = change.token.or(own.token);
                own.session = change.session.or(own.session);
                own.grace = change.grace.or(own.grace);
            }
        }
    }

    /// What holds for the account that goes by these names.
    pub(crate) fn of(&self, names: &[&str]) -> Lifetime {
        let table = self.0.lock();
        let own = names.iter().filter_map(|name| table.of_accounts.get(*name));
        own.fold(table.usual, Lifetime::changed)
    }
}

impl Lifetime {
    fn changed(self, change: &LifetimeChange) -> Self {
        let or = |new: Option<u64>, old| new.map_or(old, Duration::from_secs);
        Self {
            token: or(change.token, self.token),
            session: or(change.session, self.session),
            grace: or(change.grace, self.grace),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_what_it_was_given_and_else_what_everybody_has() {
        let lifetimes = Lifetimes::new(Lifetime {
            token: Duration::from_hours(1),
            session: Duration::from_hours(1),
            grace: Duration::from_mins(5),
        });
        let change = |account: Option<&str>, token, session, grace| {
            lifetimes.change(&LifetimeChange {
                account: account.map(str::to_owned),
                token,
                session,
                grace,
            });
        };
        change(Some("r@p"), Some(60), None, None);
        change(Some("r@p"), None, None, Some(0));
        change(None, Some(7200), Some(900), None);
        let seconds = |names: &[&str]| {
            let Lifetime {
                token,
                session,
                grace,
            } = lifetimes.of(names);
            [token, session, grace].map(|time| time.as_secs())
        };
        assert_eq!(seconds(&["1048", "r@p"]), [60, 900, 0]);
        assert_eq!(seconds(&["w@p"]), [7200, 900, 300]);
        assert_eq!(seconds(&[]), [7200, 900, 300]);
    }
}

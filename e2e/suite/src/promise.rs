//! One test: what is promised, what it takes to see it, and when it runs.

use crate::tenant::Tenant;

/// A test of the suite.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Promise {
    /// What is promised.
    pub(crate) name: &'static str,
    /// A word for its namespace, role and Google account.
    pub(crate) tenant: &'static str,
    pub(crate) needs: Needs,
    pub(crate) turn: Turn,
    /// Sees whether it is kept.
    pub(crate) keep: fn(&Tenant<'_>) -> anyhow::Result<()>,
}

/// What a cluster must have for a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing but Kubernetes: the test looks at pods as they are stored.
    Admission,
    /// The audit log of the API server.
    AuditLog,
    /// The sandbox as metadata server and STS, and the images of the test bed: the test runs pods that call AWS.
    Cloud,
}

/// When a test runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Turn {
    /// Beside others, and early, because it takes long.
    First,
    /// Beside others.
    Together,
    /// After those and by itself, because it does something to the webhook of all.
    Alone,
    /// When nobody needs the webhook any more.
    Last,
}

/// A [`Promise`] that is called like the function that keeps it.
macro_rules! promise {
    ($turn:ident, $needs:ident, $tenant:literal, $keep:ident) => {
        $crate::promise::Promise {
            name: stringify!($keep),
            tenant: $tenant,
            needs: $crate::promise::Needs::$needs,
            turn: $crate::promise::Turn::$turn,
            keep: $keep,
        }
    };
}
pub(crate) use promise;

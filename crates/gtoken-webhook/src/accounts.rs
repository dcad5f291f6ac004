//! What ServiceAccounts ask for: an index fed by a watch, and a GET where the index cannot know.

pub mod api;
pub mod index;
mod limits;
mod lookup;
pub mod permission;
mod recent;
pub mod watch;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use lookup::{Accounts, Answer, Unknown};

/// Names a ServiceAccount; a value that no ServiceAccount can be named by does not exist.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    namespace: Box<str>,
    name: Box<str>,
}

impl Key {
    /// None if the API server would take no ServiceAccount of this name.
    ///
    /// Pods come here before they are validated, so that the name may be anything, a path into the API included.
    pub fn new(namespace: &str, name: &str) -> Option<Self> {
        (is_label(namespace) && name.len() <= 253 && name.split('.').all(is_label)).then(|| Self {
            namespace: namespace.into(),
            name: name.into(),
        })
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The name in its namespace.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// A DNS label (RFC 1123); a subdomain may have labels longer than 63 characters as Kubernetes checks it.
fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty()
        && text.len() <= 253
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Nothing here is left half done by a panic, so a lock that saw one is still good.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_what_the_api_server_could_have_stored() {
        for name in ["default", "a", "web.v2", "0-a", &"n".repeat(253)] {
            assert!(Key::new("team-a", name).is_some(), "{name}");
        }
        for name in [
            "",
            "../secrets/x",
            "a/b",
            "a?b",
            "A",
            "-a",
            "a.",
            "a..b",
            "a\n",
            "ä",
            "%2e%2e",
            &"n".repeat(254),
        ] {
            assert!(Key::new("team-a", name).is_none(), "{name}");
        }
        assert!(Key::new("", "default").is_none());
        assert!(Key::new("team.a", "default").is_none());
    }
}

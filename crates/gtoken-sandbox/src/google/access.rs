//! OAuth access tokens: opaque texts that only Google can tell apart, so the sandbox remembers them.

use std::collections::HashMap;

use rsa::Generate;

/// The access tokens given out, by token.
#[derive(Default)]
pub(crate) struct AccessTokens(HashMap<String, Grant>);

struct Grant {
    email: String,
    until: u64,
}

/// An access token and the seconds it still lives.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct AccessToken {
    pub(crate) token: String,
    pub(crate) expires_in: u64,
}

/// GKE's metadata server hands out the same access token until it has less than this left, in seconds.
const RENEWED_BELOW: u64 = 120;

impl AccessTokens {
    /// The token that `email` holds, or a new one once it comes near its end.
    pub(crate) fn issue(&mut self, email: &str, now: u64, lifetime: u64) -> AccessToken {
        self.0.retain(|_, grant| grant.until > now);
        let held = self
            .0
            .iter()
            .find(|(_, grant)| grant.email == email && grant.until >= now + RENEWED_BELOW);
        if let Some((token, grant)) = held {
            return AccessToken {
                token: token.clone(),
                expires_in: grant.until - now,
            };
        }
        let token = format!("ya29.c.{:032x}", u128::from_be_bytes(Generate::generate()));
        let grant = Grant {
            email: email.to_owned(),
            until: now.saturating_add(lifetime),
        };
        self.0.insert(token.clone(), grant);
        AccessToken {
            token,
            expires_in: lifetime,
        }
    }

    /// To whom a token was given, while it lives.
    pub(crate) fn owner(&self, token: &str, now: u64) -> Option<String> {
        let grant = self.0.get(token).filter(|grant| grant.until > now)?;
        Some(grant.email.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_token_is_given_until_it_comes_near_its_end() {
        let mut tokens = AccessTokens::default();
        let first = tokens.issue("reader", 1000, 3600);
        let later = tokens.issue("reader", 4480, 3600);
        assert!(later.token == first.token && later.expires_in == 120);
        let next = tokens.issue("reader", 4481, 3600);
        assert!(next.token != first.token && next.expires_in == 3600);
    }

    #[test]
    fn a_token_is_known_until_it_expires() {
        let mut tokens = AccessTokens::default();
        let token = tokens.issue("reader", 1000, 60).token;
        assert_eq!(tokens.owner(&token, 1059).as_deref(), Some("reader"));
        assert_eq!(tokens.owner(&token, 1060), None);
        assert_eq!(tokens.owner("another", 1000), None);
    }
}

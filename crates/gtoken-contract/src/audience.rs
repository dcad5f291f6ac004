//! Whom a Google ID token is meant for.

use std::fmt;
use std::str::FromStr;

/// The `aud` claim that an ID token is asked for.
///
/// AWS compares it with `accounts.google.com:oaud` in a role's trust policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audience(String);

/// The longest client ID that an AWS OIDC provider takes, in characters.
const MAX_CHARS: usize = 255;

impl Audience {
    /// The audience that AWS's own charts and documentation give tokens of a cluster.
    pub fn of_cluster() -> Self {
        Self("sts.amazonaws.com".to_owned())
    }

    /// The audience as it stands in the token.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Audience {
    /// The audience of the Go gtoken, which trust policies already name.
    fn default() -> Self {
        Self("gtoken/sts/assume-role-with-web-identity".to_owned())
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Audience {
    type Err = InvalidAudience;

    fn from_str(text: &str) -> Result<Self, InvalidAudience> {
        if text.is_empty() {
            Err(InvalidAudience::Empty)
        } else if text.chars().any(char::is_control) {
            Err(InvalidAudience::ControlCharacter)
        } else if text.chars().count() > MAX_CHARS {
            Err(InvalidAudience::TooLong)
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}

/// Why a text is no [`Audience`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAudience {
    /// A control character would not survive a log line or a URL unseen.
    #[error("an audience has no control characters")]
    ControlCharacter,
    /// The metadata server refuses an empty audience too.
    #[error("an audience is not empty")]
    Empty,
    /// AWS could never match it.
    #[error("an audience has at most {MAX_CHARS} characters")]
    TooLong,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_an_audience() {
        let default = Audience::default();
        assert_eq!(default.as_str().parse(), Ok(default));
    }

    #[test]
    fn refuses_what_aws_could_not_match() {
        assert_eq!("".parse::<Audience>(), Err(InvalidAudience::Empty));
        assert_eq!(
            "a\nb".parse::<Audience>(),
            Err(InvalidAudience::ControlCharacter)
        );
        assert_eq!(
            "a".repeat(256).parse::<Audience>(),
            Err(InvalidAudience::TooLong)
        );
    }
}

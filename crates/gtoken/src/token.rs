//! The Google ID token: checked once on arrival, never printed.
//!
//! The signature is not verified: STS does that, and who can forge an answer of the metadata server gains
//! nothing from a token that STS refuses.

#[cfg(test)]
mod tests;

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use gtoken_contract::{Audience, GoogleIdentity};
use serde_json::{Map, Value};

use crate::excerpt::excerpt;
use crate::timestamp::Timestamp;

/// A token has fewer bytes; Google's have about 1,000, and STS takes 20,000.
pub const MAX_BYTES: usize = 16 * 1024;

/// How far in the future a token may be born, by a clock that is slow: AWS gives clocks as much at a token's end
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html>).
const SKEW: Duration = Duration::from_mins(5);

/// An ID token that fits what was asked for.
#[derive(Clone, PartialEq, Eq)]
pub struct IdToken {
    text: String,
    lifetime: Lifetime,
}

impl IdToken {
    /// The token's bytes. They go to the token file or standard output and nowhere else (ARCHITECTURE, invariant 9).
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// From when to when the token is good.
    pub fn lifetime(&self) -> Lifetime {
        self.lifetime
    }

    /// The token, unless it has run out since it was checked.
    pub fn unless_over(self, now: SystemTime) -> Result<Self, InvalidToken> {
        not_over(self.lifetime.expires_at, now)?;
        Ok(self)
    }
}

impl fmt::Debug for IdToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdToken(until {})", Timestamp(self.lifetime.expires_at))
    }
}

/// The `iat` and `exp` claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// When the token was issued, never later than it expires.
    pub issued_at: SystemTime,
    /// When it stops to be good.
    pub expires_at: SystemTime,
}

impl Lifetime {
    /// Whether the token is good by a clock that reads `now`, which may be a little slow.
    pub fn is_good_at(self, now: SystemTime) -> bool {
        let is_born = now
            .checked_add(SKEW)
            .is_none_or(|now| self.issued_at <= now);
        is_born && now < self.expires_at
    }

    /// The lifetime by a clock that reads `now` on arrival: a clock that is slow sees it begin now, or it
    /// would ask for the next token only when this one has run out.
    #[must_use]
    pub fn seen_at(self, now: SystemTime) -> Self {
        let ahead = self.issued_at.duration_since(now).unwrap_or_default();
        let earlier = |time: SystemTime| time.checked_sub(ahead).unwrap_or(now);
        Self {
            issued_at: earlier(self.issued_at),
            expires_at: earlier(self.expires_at),
        }
    }
}

/// What a token must be to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// Whom it is meant for.
    pub audience: Audience,
    /// Whom it names, where that is known.
    pub identity: Option<GoogleIdentity>,
}

impl Expectation {
    /// Reads a token as the metadata server gives it: the bare text, nothing around it.
    pub fn check(&self, text: String, now: SystemTime) -> Result<IdToken, InvalidToken> {
        let claims = claims(&text)?;
        let audience = claims
            .get("aud")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if audience != self.audience.as_str() {
            return Err(InvalidToken::Audience {
                expected: self.audience.clone(),
                found: excerpt(audience.as_bytes()),
            });
        }
        if let Some(expected) = &self.identity {
            check_identity(&claims, expected)?;
        }
        let expires_at = time(&claims, "exp").ok_or(InvalidToken::NoExpiry)?;
        not_over(expires_at, now)?;
        let issued_at = time(&claims, "iat").ok_or(InvalidToken::NoIssue)?;
        let good_from = time(&claims, "nbf").map_or(issued_at, |from| from.max(issued_at));
        if now.checked_add(SKEW).is_some_and(|now| good_from > now) {
            return Err(InvalidToken::NotYet { good_from, now });
        }
        if issued_at >= expires_at {
            return Err(InvalidToken::NoLife);
        }
        let lifetime = Lifetime {
            issued_at,
            expires_at,
        };
        Ok(IdToken { text, lifetime })
    }
}

fn not_over(expires_at: SystemTime, now: SystemTime) -> Result<(), InvalidToken> {
    if expires_at <= now {
        return Err(InvalidToken::Expired { expires_at, now });
    }
    Ok(())
}

/// Why a text is no token to publish. None of its bytes are in here, only claims.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToken {
    /// It is meant for somebody else.
    #[error("the token is meant for `{found}`, not for `{expected}`")]
    Audience {
        /// Whom it was asked for.
        expected: Audience,
        /// Whom it names.
        found: String,
    },
    /// It is over already.
    #[error(
        "the token ran out at {}, and this machine's clock reads {}",
        Timestamp(*.expires_at),
        Timestamp(*.now)
    )]
    Expired {
        /// When it stopped to be good.
        expires_at: SystemTime,
        /// What the clock read.
        now: SystemTime,
    },
    /// It is not good yet.
    #[error(
        "the token is good only from {} on, and this machine's clock reads {}",
        Timestamp(*.good_from),
        Timestamp(*.now)
    )]
    NotYet {
        /// When it starts to be good.
        good_from: SystemTime,
        /// What the clock read.
        now: SystemTime,
    },
    /// It is somebody else's.
    #[error("the token is that of `{found}`, not of `{expected}`")]
    Identity {
        /// Whose it had to be.
        expected: GoogleIdentity,
        /// Whose it is.
        found: String,
    },
    /// It names no account.
    #[error(
        "the token names no account, as those of the Compute Engine metadata server: it is the node's, not that \
         of `{expected}`; the node pool needs --workload-metadata=GKE_METADATA"
    )]
    NoIdentity {
        /// Whose it had to be.
        expected: GoogleIdentity,
    },
    /// It never ends.
    #[error("the token has no `exp` claim in whole seconds")]
    NoExpiry,
    /// It does not say since when.
    #[error("the token has no `iat` claim in whole seconds")]
    NoIssue,
    /// It was over when it was issued.
    #[error("the token ran out before it was issued, by its `iat` and `exp`")]
    NoLife,
    /// It is no JWT.
    #[error("it is no ID token: {0}")]
    NotAToken(&'static str),
}

impl InvalidToken {
    /// Whether another time of day would make it valid.
    pub fn is_about_time(&self) -> bool {
        matches!(self, Self::Expired { .. } | Self::NotYet { .. })
    }

    /// Whether a person must act: a server that means this audience or account gives no other token. Times pass, and a text
    /// that is no token, or one without times, no server of Google's means to give: it was cut, or came from something else.
    pub fn needs_person(&self) -> bool {
        match self {
            Self::Audience { .. } | Self::Identity { .. } | Self::NoIdentity { .. } => true,
            Self::Expired { .. }
            | Self::NotYet { .. }
            | Self::NoExpiry
            | Self::NoIssue
            | Self::NoLife
            | Self::NotAToken(_) => false,
        }
    }
}

/// The claims of a JWT, whoever gave it.
pub fn claims(text: &str) -> Result<Map<String, Value>, InvalidToken> {
    let not = InvalidToken::NotAToken;
    if text.is_empty() {
        return Err(not("it is empty"));
    }
    if text.len() >= MAX_BYTES {
        return Err(not("it has 16 KiB or more"));
    }
    if text.trim().len() != text.len() {
        return Err(not("there is white space around it"));
    }
    let mut parts = text.split('.');
    let (Some(header), Some(claims), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(not("it has not three parts"));
    };
    let decode = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).ok();
    let object = |part: &str| serde_json::from_slice::<Map<String, Value>>(&decode(part)?).ok();
    let header = object(header).ok_or(not("its header is not JSON in base64url"))?;
    let claims = object(claims).ok_or(not("its claims are not JSON in base64url"))?;
    let signature = decode(signature).ok_or(not("its signature is not base64url"))?;
    if is_whole(&header, signature.len()) {
        Ok(claims)
    } else {
        Err(not("its signature is not whole"))
    }
}

/// Whether a signature has a length that its algorithm gives: that of an RSA key of 2048 bits or, in steps of 512, more.
/// An answer that was cut in a signature may be base64url still.
fn is_whole(header: &Map<String, Value>, bytes: usize) -> bool {
    let algorithm = header
        .get("alg")
        .and_then(Value::as_str)
        .unwrap_or_default();
    match algorithm {
        "RS256" | "RS384" | "RS512" => bytes >= 256 && bytes.is_multiple_of(64),
        _ => bytes > 0,
    }
}

fn check_identity(
    claims: &Map<String, Value>,
    expected: &GoogleIdentity,
) -> Result<(), InvalidToken> {
    let expected = expected.clone();
    match claims.get("email").and_then(Value::as_str) {
        Some(email) if email == expected.as_str() => Ok(()),
        Some(email) => Err(InvalidToken::Identity {
            expected,
            found: excerpt(email.as_bytes()),
        }),
        None => Err(InvalidToken::NoIdentity { expected }),
    }
}

/// A claim in whole seconds since 1970; STS takes no fractions either.
pub fn time(claims: &Map<String, Value>, name: &str) -> Option<SystemTime> {
    let seconds = claims.get(name)?.as_u64()?;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

//! The Google side of a pod's identity.

use std::fmt;
use std::str::FromStr;

/// The Google service account, by email, that a pod acts as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoogleIdentity(String);

/// The longest email address (RFC 5321, errata 1690), in bytes.
const MAX_BYTES: usize = 254;

impl GoogleIdentity {
    /// The email address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GoogleIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for GoogleIdentity {
    type Err = InvalidGoogleIdentity;

    fn from_str(text: &str) -> Result<Self, InvalidGoogleIdentity> {
        let part = |part: &str| {
            let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.+:".contains(&b);
            !part.is_empty() && part.bytes().all(allowed)
        };
        let is_email = text.len() <= MAX_BYTES
            && text
                .split_once('@')
                .is_some_and(|(local, domain)| part(local) && part(domain) && domain.contains('.'));
        if is_email {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidGoogleIdentity)
        }
    }
}

/// The text is no email address of a Google service account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a Google service account is named by its email, as in NAME@PROJECT.iam.gserviceaccount.com"
)]
pub struct InvalidGoogleIdentity;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_emails_google_gives() {
        for email in [
            "reader@my-project.iam.gserviceaccount.com",
            "123456789-compute@developer.gserviceaccount.com",
            "app@my-project.example.com.iam.gserviceaccount.com",
        ] {
            assert_eq!(
                email
                    .parse::<GoogleIdentity>()
                    .map(|identity| identity.to_string()),
                Ok(email.to_owned())
            );
        }
    }

    #[test]
    fn refuses_what_is_no_email() {
        for text in [
            "",
            "reader",
            "@project",
            "reader@",
            "reader@project",
            "a b@c.d",
            "a@b@c.d",
            "a\n@c.d",
        ] {
            assert_eq!(
                text.parse::<GoogleIdentity>(),
                Err(InvalidGoogleIdentity),
                "{text:?}"
            );
        }
    }
}

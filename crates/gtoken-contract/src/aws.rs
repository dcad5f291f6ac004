//! The AWS side: the role, the session's name, and the variables that the SDKs read.

use std::fmt;
use std::str::FromStr;

use crate::account::{AccountId, Partition};

/// The environment variables that injected containers get.
pub mod env {
    /// The file that the SDK reads the web identity token from, again at each refresh.
    pub const AWS_WEB_IDENTITY_TOKEN_FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
    /// The role that the SDK assumes.
    pub const AWS_ROLE_ARN: &str = "AWS_ROLE_ARN";
    /// What AWS CloudTrail shows as the session's name.
    pub const AWS_ROLE_SESSION_NAME: &str = "AWS_ROLE_SESSION_NAME";
    /// Where the SDK calls AWS; the newer SDKs read this one.
    pub const AWS_REGION: &str = "AWS_REGION";
    /// The same for the SDKs of Python and C++.
    pub const AWS_DEFAULT_REGION: &str = "AWS_DEFAULT_REGION";
    /// Whether older SDKs ask the STS of their region (`regional`) or the one of us-east-1.
    pub const AWS_STS_REGIONAL_ENDPOINTS: &str = "AWS_STS_REGIONAL_ENDPOINTS";
    /// Keeps SDKs from asking Google's metadata server, at the address of Amazon's, for EC2 credentials.
    pub const AWS_EC2_METADATA_DISABLED: &str = "AWS_EC2_METADATA_DISABLED";
    /// The pod's name by the downward API, for session names of pods that are not named yet.
    pub const GTOKEN_POD_NAME: &str = "GTOKEN_POD_NAME";
    /// The pod's UID by the downward API, for session names that are different for each pod.
    pub const GTOKEN_POD_UID: &str = "GTOKEN_POD_UID";
}

/// The ARN of an IAM role, in any partition.
///
/// The form is IAM's: `arn:PARTITION:iam::ACCOUNT:role/[PATH/]NAME`
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleArn(String);

impl RoleArn {
    /// The longest path of a role, slashes included, in characters.
    const MAX_PATH: usize = 512;
    /// The longest name of a role, in characters.
    const MAX_NAME: usize = 64;

    /// The whole ARN.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RoleArn {
    type Err = InvalidRoleArn;

    fn from_str(text: &str) -> Result<Self, InvalidRoleArn> {
        let rest = text.strip_prefix("arn:").ok_or(InvalidRoleArn::NotAnArn)?;
        let (partition, rest) = rest.split_once(':').ok_or(InvalidRoleArn::NotAnArn)?;
        let _: Partition = partition.parse().map_err(|_| InvalidRoleArn::Partition)?;
        let rest = rest.strip_prefix("iam::").ok_or(InvalidRoleArn::NotIam)?;
        let (account, resource) = rest.split_once(':').ok_or(InvalidRoleArn::Account)?;
        let _: AccountId = account.parse().map_err(|_| InvalidRoleArn::Account)?;
        let role = resource
            .strip_prefix("role/")
            .ok_or(InvalidRoleArn::NotARole)?;
        let (path, name) = role.rsplit_once('/').unwrap_or(("", role));
        // IAM counts the slashes on both sides; `role/` has given the first one.
        if path.len() + 2 > Self::MAX_PATH || !path.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(InvalidRoleArn::Path);
        }
        if name.is_empty() || name.len() > Self::MAX_NAME || !name.bytes().all(is_name_byte) {
            return Err(InvalidRoleArn::Name);
        }
        Ok(Self(text.to_owned()))
    }
}

/// Why a text is no [`RoleArn`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRoleArn {
    /// The account is not twelve digits.
    #[error("the account of a role ARN has 12 digits")]
    Account,
    /// The role's name breaks IAM's rules.
    #[error("a role name has 1 to 64 characters of A-Za-z0-9_+=,.@-")]
    Name,
    /// The text does not begin as an ARN.
    #[error("a role ARN reads arn:aws:iam::ACCOUNT:role/NAME")]
    NotAnArn,
    /// It names something else than a role.
    #[error("the resource of a role ARN begins with role/")]
    NotARole,
    /// It names another service, or a region.
    #[error("the service of a role ARN is iam, without a region")]
    NotIam,
    /// The partition is none of Amazon's.
    #[error("the partition of a role ARN is aws or aws-SOMETHING")]
    Partition,
    /// The role's path breaks IAM's rules.
    #[error("the path of a role ARN has at most 512 printable ASCII characters")]
    Path,
}

/// What a session is called in CloudTrail and in the assumed role's ARN.
///
/// STS takes 2 to 64 characters of `[\w+=,.@-]`
/// (<https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionName(String);

impl SessionName {
    /// The fewest characters that STS takes.
    pub const MIN: usize = 2;
    /// The most characters that STS takes.
    pub const MAX: usize = 64;

    /// Whether a name may hold this character.
    pub fn permits(character: char) -> bool {
        u8::try_from(character).is_ok_and(is_name_byte)
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SessionName {
    type Err = InvalidSessionName;

    fn from_str(text: &str) -> Result<Self, InvalidSessionName> {
        let fits = (Self::MIN..=Self::MAX).contains(&text.len()) && text.bytes().all(is_name_byte);
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidSessionName)
        }
    }
}

/// The text is no [`SessionName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a session name has 2 to 64 characters of A-Za-z0-9_+=,.@-")]
pub struct InvalidSessionName;

/// IAM's alphabet for names of roles and sessions.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_roles_of_every_partition() {
        for arn in [
            "arn:aws:iam::123456789012:role/reader",
            "arn:aws-cn:iam::123456789012:role/team/reader",
            "arn:aws-us-gov:iam::123456789012:role/a/b/c/reader+=,.@-_",
            "arn:aws-eusc:iam::123456789012:role/reader",
            "arn:aws-iso-b:iam::123456789012:role/reader",
        ] {
            assert_eq!(
                arn.parse::<RoleArn>().map(|role| role.to_string()),
                Ok(arn.to_owned())
            );
        }
    }

    #[test]
    fn says_what_is_wrong_with_a_role() {
        let long_name = format!("arn:aws:iam::123456789012:role/{}", "n".repeat(65));
        let long_path = format!("arn:aws:iam::123456789012:role/{}/n", "p".repeat(511));
        for (text, error) in [
            ("", InvalidRoleArn::NotAnArn),
            ("reader", InvalidRoleArn::NotAnArn),
            (
                "arn:gcp:iam::123456789012:role/reader",
                InvalidRoleArn::Partition,
            ),
            (
                "arn:awsx:iam::123456789012:role/reader",
                InvalidRoleArn::Partition,
            ),
            (
                "arn:aws-:iam::123456789012:role/reader",
                InvalidRoleArn::Partition,
            ),
            (
                "arn:aws:iam:eu-west-1:123456789012:role/reader",
                InvalidRoleArn::NotIam,
            ),
            (
                "arn:aws:s3::123456789012:role/reader",
                InvalidRoleArn::NotIam,
            ),
            ("arn:aws:iam::1234:role/reader", InvalidRoleArn::Account),
            (
                "arn:aws:iam::123456789012:user/reader",
                InvalidRoleArn::NotARole,
            ),
            ("arn:aws:iam::123456789012:role/", InvalidRoleArn::Name),
            ("arn:aws:iam::123456789012:role/team/", InvalidRoleArn::Name),
            (
                "arn:aws:iam::123456789012:role/read er",
                InvalidRoleArn::Name,
            ),
            (
                "arn:aws:iam::123456789012:role/reader\n",
                InvalidRoleArn::Name,
            ),
            (
                "arn:aws:iam::123456789012:role/te am/reader",
                InvalidRoleArn::Path,
            ),
            (&long_name, InvalidRoleArn::Name),
            (&long_path, InvalidRoleArn::Path),
        ] {
            assert_eq!(text.parse::<RoleArn>(), Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_session_name_keeps_to_what_sts_takes() {
        for text in ["ab", "team-a@web-7d9f-x2x4z", &"n".repeat(64)] {
            assert!(text.parse::<SessionName>().is_ok(), "{text:?}");
        }
        for text in ["", "a", "a b", "a/b", "é!", &"n".repeat(65)] {
            assert_eq!(
                text.parse::<SessionName>(),
                Err(InvalidSessionName),
                "{text:?}"
            );
        }
    }
}

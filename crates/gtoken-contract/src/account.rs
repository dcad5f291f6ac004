//! Whose roles are meant where a role is named without an ARN.

use std::fmt;
use std::str::FromStr;

use crate::{InvalidRoleArn, RoleArn};

/// The AWS account, in its partition, that roles without an ARN are of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsAccount {
    /// The account.
    pub id: AccountId,
    /// The part of AWS that it is in.
    pub partition: Partition,
}

/// The twelve digits of an AWS account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountId(String);

/// A part of AWS with accounts of its own, as `aws`, `aws-cn` and `aws-us-gov` are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition(String);

/// The text is no [`AccountId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an AWS account has 12 digits")]
pub struct InvalidAccountId;

/// The text is no [`Partition`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a partition is aws or aws-SOMETHING")]
pub struct InvalidPartition;

impl AwsAccount {
    /// The ARN of a role of this account, by its name or by path and name.
    pub fn role(&self, name: &str) -> Result<RoleArn, InvalidRoleArn> {
        format!("arn:{}:iam::{}:role/{name}", self.partition, self.id).parse()
    }
}

impl Default for Partition {
    fn default() -> Self {
        Self("aws".to_owned())
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for AccountId {
    type Err = InvalidAccountId;

    fn from_str(text: &str) -> Result<Self, InvalidAccountId> {
        let is_account = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
        is_account
            .then(|| Self(text.to_owned()))
            .ok_or(InvalidAccountId)
    }
}

impl FromStr for Partition {
    type Err = InvalidPartition;

    fn from_str(text: &str) -> Result<Self, InvalidPartition> {
        let is_letter = |b: u8| b.is_ascii_lowercase() || b == b'-';
        let is_suffix = |suffix: &str| match suffix.strip_prefix('-') {
            Some(rest) => !rest.is_empty() && rest.bytes().all(is_letter),
            None => suffix.is_empty(),
        };
        let is_partition = text.strip_prefix("aws").is_some_and(is_suffix);
        is_partition
            .then(|| Self(text.to_owned()))
            .ok_or(InvalidPartition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_of_an_account_is_an_arn_of_its_partition() {
        let account = AwsAccount {
            id: "123456789012".parse().unwrap(),
            partition: "aws-cn".parse().unwrap(),
        };
        let role = account.role("team/reader").unwrap();
        assert_eq!(
            role.as_str(),
            "arn:aws-cn:iam::123456789012:role/team/reader"
        );
        assert_eq!(account.role("read er"), Err(InvalidRoleArn::Name));
        assert_eq!(account.role(""), Err(InvalidRoleArn::Name));
    }

    #[test]
    fn refuses_what_is_no_account_or_partition() {
        for text in ["", "12345678901", "1234567890123", "12345678901a"] {
            assert_eq!(text.parse::<AccountId>(), Err(InvalidAccountId), "{text}");
        }
        for text in ["", "AWS", "aws-", "awsx", "gcp"] {
            assert_eq!(text.parse::<Partition>(), Err(InvalidPartition), "{text}");
        }
    }
}

//! Roles: an ARN, a trust policy and the longest session.

use serde::Deserialize;
use serde_json::{Value, json};

use super::policy::{PolicyError, TrustPolicy};
use crate::google::GoogleIdentity;

/// A role as it is put into the sandbox.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Role {
    /// `arn:aws:iam::ACCOUNT:role/PATH/NAME`.
    pub arn: String,
    /// The trust policy, as IAM takes it.
    pub trust_policy: Value,
    /// The longest session in seconds, 3600 to 43200.
    #[serde(default = "an_hour")]
    pub max_session_duration: u64,
}

/// The audience that gtoken asks for unless it is told otherwise.
const AUDIENCE: &str = "gtoken/sts/assume-role-with-web-identity";

/// Why a role cannot be put into the sandbox.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoleError {
    /// The ARN is not one of a role.
    #[error("`{0}` is no ARN of a role; it has the form arn:aws:iam::123456789012:role/NAME")]
    Arn(String),
    /// The longest session is outside of what IAM takes.
    #[error("the role {arn} has the maxSessionDuration {seconds}; IAM takes 3600 to 43200 seconds")]
    MaxSessionDuration {
        /// The role.
        arn: String,
        /// What was asked for.
        seconds: u64,
    },
    /// The trust policy cannot be loaded.
    #[error("the trust policy of {arn} cannot be loaded: {error}")]
    TrustPolicy {
        /// The role.
        arn: String,
        /// What is wrong with it.
        error: PolicyError,
    },
}

/// The ARN of a role in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoleArn {
    pub(crate) partition: String,
    pub(crate) account: String,
    /// Without the path.
    pub(crate) name: String,
}

/// A role that was checked.
#[derive(Clone, Debug)]
pub(crate) struct CheckedRole {
    pub(crate) arn: RoleArn,
    pub(crate) trust_policy: TrustPolicy,
    pub(crate) max_session_duration: u64,
}

impl Role {
    /// A role with sessions of at most an hour, as IAM makes them.
    pub fn new(arn: impl Into<String>, trust_policy: Value) -> Self {
        Self {
            arn: arn.into(),
            trust_policy,
            max_session_duration: an_hour(),
        }
    }

    /// `arn:aws:iam::123456789012:role/reader`, which trusts gtoken's tokens of [`GoogleIdentity::reader`] and no others.
    pub fn reader() -> Self {
        let conditions = json!({
            "accounts.google.com:sub": GoogleIdentity::reader().unique_id,
            "accounts.google.com:oaud": AUDIENCE,
        });
        let trust_policy = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": {"Federated": "accounts.google.com"},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {"StringEquals": conditions},
            }],
        });
        Self::new("arn:aws:iam::123456789012:role/reader", trust_policy)
    }

    pub(crate) fn check(&self) -> Result<CheckedRole, RoleError> {
        let arn = RoleArn::parse(&self.arn).ok_or_else(|| RoleError::Arn(self.arn.clone()))?;
        if !(3600..=43_200).contains(&self.max_session_duration) {
            return Err(RoleError::MaxSessionDuration {
                arn: self.arn.clone(),
                seconds: self.max_session_duration,
            });
        }
        let trust_policy = TrustPolicy::parse(&self.trust_policy);
        let trust_policy = trust_policy.map_err(|error| RoleError::TrustPolicy {
            arn: self.arn.clone(),
            error,
        })?;
        Ok(CheckedRole {
            arn,
            trust_policy,
            max_session_duration: self.max_session_duration,
        })
    }
}

impl RoleArn {
    /// Reads `arn:aws…:iam::ACCOUNT:role/PATH/NAME`; the path has at most 512 characters, the name 64.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (partition, rest) = text.strip_prefix("arn:")?.split_once(":iam::")?;
        let (account, path) = rest.split_once(":role/")?;
        let (path, name) = path.rsplit_once('/').unwrap_or(("", path));
        let partition_fits = partition.strip_prefix("aws").is_some_and(|rest| {
            rest.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
        });
        let account_fits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        let path_fits = path.len() <= 510 && path.bytes().all(|byte| byte.is_ascii_graphic());
        let name_fits = (1..=64).contains(&name.len()) && name.bytes().all(is_name_byte);
        (partition_fits && account_fits && path_fits && name_fits).then(|| Self {
            partition: partition.to_owned(),
            account: account.to_owned(),
            name: name.to_owned(),
        })
    }
}

/// Whether IAM takes the byte in names of roles and sessions: `[\w+=,.@-]`.
pub(crate) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte)
}

fn an_hour() -> u64 {
    3600
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_arns_of_every_partition_and_path() {
        for (text, partition, name) in [
            ("arn:aws:iam::123456789012:role/reader", "aws", "reader"),
            ("arn:aws-cn:iam::123456789012:role/a/b/r@x", "aws-cn", "r@x"),
            ("arn:aws-iso-b:iam::123456789012:role/r", "aws-iso-b", "r"),
        ] {
            let arn = RoleArn::parse(text).expect(text);
            assert_eq!(
                (arn.partition.as_str(), arn.name.as_str()),
                (partition, name)
            );
            assert_eq!(arn.account, "123456789012");
        }
    }

    #[test]
    fn refuses_what_is_no_arn_of_a_role() {
        for text in [
            "reader",
            "arn:aws:iam::123456789012:user/reader",
            "arn:aws:iam::12345678901:role/reader",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam::123456789012:role/a b",
            "arn:gcp:iam::123456789012:role/reader",
            "arn:aws:sts::123456789012:role/reader",
        ] {
            assert_eq!(RoleArn::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_session_longer_than_iam_takes_is_refused() {
        let mut role = Role::new("arn:aws:iam::123456789012:role/reader", Value::Null);
        role.max_session_duration = 43_201;
        assert!(matches!(
            role.check(),
            Err(RoleError::MaxSessionDuration { .. })
        ));
    }
}

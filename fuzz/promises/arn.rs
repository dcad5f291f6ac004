//! A role's ARN is taken if AWS would take it, and all that is taken is written as it was read.

use std::fmt::Display;
use std::str::FromStr;

use gtoken_contract::{AccountId, Audience, AwsAccount, Partition, Region, RoleArn, SessionName};

/// Panics where a promise is broken.
pub(super) fn hold(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let role = text.parse::<RoleArn>();
    assert_eq!(role.is_ok(), is_role(text), "{role:?}");
    is_written_as_read::<RoleArn>(text);
    is_written_as_read::<AccountId>(text);
    is_written_as_read::<Partition>(text);
    is_written_as_read::<Region>(text);
    is_written_as_read::<SessionName>(text);
    is_written_as_read::<Audience>(text);
    // What stands behind `role/` makes the same ARN.
    let account = AwsAccount {
        id: "123456789012".parse().expect("an account"),
        partition: Partition::default(),
    };
    let whole = format!("arn:aws:iam::123456789012:role/{text}");
    assert_eq!(account.role(text), whole.parse());
}

fn is_written_as_read<T: FromStr + Display>(text: &str) {
    if let Ok(read) = text.parse::<T>() {
        assert_eq!(read.to_string(), text);
    }
}

/// The patterns of IAM's and STS' APIs for `Arn`, `Path`, `RoleName` and `RoleArn`, and the partitions that there are
/// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html>).
fn is_role(text: &str) -> bool {
    let parts: Vec<_> = text.splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, resource] = parts[..] else {
        return false;
    };
    let Some(role) = resource.strip_prefix("role") else {
        return false;
    };
    let name = role.rsplit('/').next().unwrap_or_default();
    let path = &role[..role.len() - name.len()];
    let is_path = path.starts_with('/') && path.chars().all(|c| ('!'..='~').contains(&c));
    let is_word = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    let is_partition = partition == "aws"
        || partition.strip_prefix("aws-").is_some_and(|rest| {
            !rest.is_empty() && rest.chars().all(|c| c.is_ascii_lowercase() || c == '-')
        });
    is_partition
        && account.len() == 12
        && account.chars().all(|c| c.is_ascii_digit())
        && is_path
        && path.len() <= 512
        && (1..=64).contains(&name.len())
        && name.chars().all(is_word)
        && text.len() <= 2048
}

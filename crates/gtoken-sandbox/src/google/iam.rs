//! Who may get whose tokens: the grants of IAM that matter here, checked as Google checks them.
//!
//! <https://cloud.google.com/iam/docs/service-account-permissions>

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// A role that lets its member get tokens of a service account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IamRole {
    /// ID tokens only.
    #[serde(rename = "roles/iam.serviceAccountOpenIdTokenCreator")]
    OpenIdTokenCreator,
    /// All tokens, and to be a link in a chain of delegates.
    #[serde(rename = "roles/iam.serviceAccountTokenCreator")]
    TokenCreator,
    /// ID tokens and access tokens, for workloads of a pool.
    #[serde(rename = "roles/iam.workloadIdentityUser")]
    WorkloadIdentityUser,
}

/// A role on one service account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Grant {
    /// The email of a service account or user, `PROJECT.svc.id.goog[NAMESPACE/NAME]` for a Kubernetes `ServiceAccount`, or the
    /// `principal://` of a pool's workload.
    pub member: String,
    /// What the member may do.
    pub role: IamRole,
    /// The email of the service account.
    pub on: String,
}

/// What a request needs on a service account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permission {
    AccessToken,
    Delegation,
    IdToken,
}

/// What a request lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    Account,
    Permission(Permission),
}

/// The service accounts that exist, and the grants on them.
#[derive(Debug, Default)]
pub(crate) struct Iam {
    accounts: BTreeSet<String>,
    grants: Vec<Grant>,
}

impl Permission {
    /// The permission's name in IAM.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AccessToken => "iam.serviceAccounts.getAccessToken",
            Self::Delegation => "iam.serviceAccounts.implicitDelegation",
            Self::IdToken => "iam.serviceAccounts.getOpenIdToken",
        }
    }

    fn is_in(self, role: IamRole) -> bool {
        match role {
            IamRole::OpenIdTokenCreator => self == Self::IdToken,
            IamRole::TokenCreator => true,
            IamRole::WorkloadIdentityUser => self != Self::Delegation,
        }
    }
}

impl Iam {
    pub(crate) fn create(&mut self, account: &str) {
        self.accounts.insert(account.to_owned());
    }

    /// A grant on an account makes the account, too.
    pub(crate) fn grant(&mut self, grant: Grant) {
        self.create(&grant.on);
        self.grants.push(grant);
    }

    pub(crate) fn revoke(&mut self, member: &str, on: &str) {
        self.grants
            .retain(|grant| (grant.member.as_str(), grant.on.as_str()) != (member, on));
    }

    /// Whether `member` may do this to the last account of the chain.
    pub(crate) fn check(
        &self,
        member: &str,
        delegates: &[String],
        target: &str,
        permission: Permission,
    ) -> Result<(), Missing> {
        if !self.accounts.contains(target) {
            return Err(Missing::Account);
        }
        let mut acting = member;
        for delegate in delegates {
            self.check_link(acting, delegate, Permission::Delegation)?;
            acting = delegate;
        }
        self.check_link(acting, target, permission)
    }

    fn check_link(&self, member: &str, on: &str, permission: Permission) -> Result<(), Missing> {
        let fits = |grant: &&Grant| grant.member == member && grant.on == on;
        let mut grants = self.grants.iter().filter(fits);
        grants
            .any(|grant| permission.is_in(grant.role))
            .then_some(())
            .ok_or(Missing::Permission(permission))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iam(grants: &[(&str, IamRole, &str)]) -> Iam {
        let mut iam = Iam::default();
        for (member, role, on) in grants {
            iam.grant(Grant {
                member: (*member).into(),
                role: *role,
                on: (*on).into(),
            });
        }
        iam
    }

    #[test]
    fn each_role_holds_what_googles_does() {
        for (role, id_token, access_token, delegation) in [
            (IamRole::OpenIdTokenCreator, true, false, false),
            (IamRole::TokenCreator, true, true, true),
            (IamRole::WorkloadIdentityUser, true, true, false),
        ] {
            let iam = iam(&[("a", role, "b")]);
            let may = |permission| iam.check("a", &[], "b", permission).is_ok();
            assert_eq!(may(Permission::IdToken), id_token, "{role:?}");
            assert_eq!(may(Permission::AccessToken), access_token, "{role:?}");
            assert_eq!(may(Permission::Delegation), delegation, "{role:?}");
            assert!(iam.check("b", &[], "b", Permission::IdToken).is_err());
            let unknown = iam.check("b", &[], "a", Permission::IdToken);
            assert_eq!(unknown, Err(Missing::Account));
        }
    }

    #[test]
    fn a_chain_needs_every_link() {
        let delegates = ["b".to_owned()];
        let whole = [
            ("a", IamRole::TokenCreator, "b"),
            ("b", IamRole::OpenIdTokenCreator, "c"),
        ];
        let check = |grants: &[_]| {
            let mut iam = iam(grants);
            iam.create("c");
            iam.check("a", &delegates, "c", Permission::IdToken)
        };
        assert_eq!(check(&whole), Ok(()));
        assert_eq!(
            check(&whole[..1]),
            Err(Missing::Permission(Permission::IdToken))
        );
        assert_eq!(
            check(&whole[1..]),
            Err(Missing::Permission(Permission::Delegation))
        );
        let mut iam = iam(&whole);
        iam.revoke("a", "b");
        let refused = iam.check("a", &delegates, "c", Permission::IdToken);
        assert_eq!(refused, Err(Missing::Permission(Permission::Delegation)));
    }
}

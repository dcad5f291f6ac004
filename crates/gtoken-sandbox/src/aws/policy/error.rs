//! Why a trust policy cannot be loaded.

/// What is wrong with a trust policy, or what in it this sandbox cannot evaluate; statements count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// An element is not of the form that IAM's grammar asks for.
    #[error("{place} of the trust policy must be {expected}")]
    Malformed {
        /// Where it stands.
        place: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// An element is missing.
    #[error("the trust policy lacks {place}")]
    Missing {
        /// Where it should stand.
        place: String,
    },
    /// An element that trust policies do not have, or that is not evaluated here.
    #[error(
        "{place} of the trust policy has the element `{name}`, which is not evaluated here; remove it"
    )]
    UnknownElement {
        /// Where it stands.
        place: String,
        /// Its name.
        name: String,
    },
    /// A version of the policy language that does not exist.
    #[error("the trust policy's Version is `{0}`; write 2012-10-17")]
    UnknownVersion(String),
    /// A principal that is no identity provider for tokens.
    #[error(
        "{place} of the trust policy names the principal `{principal}`; only \"Federated\": \"accounts.google.com\" \
         or the ARN of an OIDC provider is evaluated here"
    )]
    UnknownPrincipal {
        /// Where it stands.
        place: String,
        /// The principal as written.
        principal: String,
    },
    /// An action that is none of STS.
    #[error(
        "{place} of the trust policy names the action `{action}`; a trust policy holds actions of sts only"
    )]
    UnknownAction {
        /// Where it stands.
        place: String,
        /// The action as written.
        action: String,
    },
    /// A condition operator that is not evaluated here.
    #[error(
        "{place} of the trust policy has the condition operator `{operator}`, which is not evaluated here"
    )]
    UnknownOperator {
        /// Where it stands.
        place: String,
        /// The operator as written.
        operator: String,
    },
    /// A condition key that no request to assume this role carries.
    #[error(
        "{place} of the trust policy has the condition key `{key}`, which is not evaluated here; \
         Google's are accounts.google.com:aud, :oaud, :sub and :google/organization_number"
    )]
    UnknownKey {
        /// Where it stands.
        place: String,
        /// The key as written.
        key: String,
    },
    /// A value with a policy variable.
    #[error(
        "{place} of the trust policy has the value `{value}`; policy variables are not evaluated here"
    )]
    Variable {
        /// Where it stands.
        place: String,
        /// The value as written.
        value: String,
    },
}

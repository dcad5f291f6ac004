//! What a ServiceAccount's annotations ask for, parsed once when the ServiceAccount is seen.

use gtoken_contract::{GoogleIdentity, InvalidRoleArn, RoleArn};

use crate::annotation::Name;
use crate::dialect::{Dialect, Value};
use crate::options::Options;
use crate::reason::{Warning, cut};

/// What a ServiceAccount's annotations ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The role that its pods assume.
    pub role_arn: RoleArn,
    /// The annotation with the role, where it is under another prefix than the first.
    pub foreign: Option<String>,
    /// The Google service account that its pods act as, where GKE links one.
    pub google_identity: Option<GoogleIdentity>,
    /// Whether GKE links one, whatever its name.
    pub is_linked: bool,
    /// What else it asks for.
    pub options: Options,
    /// What is wrong with the annotations though the role is right.
    pub warnings: Vec<Warning>,
}

/// Why a ServiceAccount gives no [`Binding`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unbound {
    /// The role's annotation holds no ARN of a role; the value is cut for display.
    InvalidRole {
        /// The annotation, by the prefix that it stands under.
        annotation: String,
        /// The value, cut for display.
        value: String,
        /// What is wrong with it.
        error: InvalidRoleArn,
    },
    /// It carries no role: nothing is asked for.
    NoRole,
    /// The API server says that there is no such ServiceAccount.
    NotFound,
}

impl Binding {
    /// Reads a ServiceAccount's annotations, each a name and a value.
    pub fn parse<'a>(
        dialect: &Dialect,
        annotations: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, Unbound> {
        let found = dialect.find(annotations);
        let role = found.value(Name::RoleArn).ok_or(Unbound::NoRole)?;
        let role_arn = role_arn(dialect, role).map_err(|error| Unbound::InvalidRole {
            annotation: dialect.full(role.rank, Name::RoleArn),
            value: cut(role.text),
            error,
        })?;
        let mut warnings = Vec::new();
        let email = found.google_service_account;
        let google_identity = email.and_then(|email| email.parse().ok());
        if let (Some(email), None) = (email, &google_identity) {
            let value = cut(email);
            warnings.push(Warning::InvalidGoogleIdentity { value });
        }
        let options = Options::parse(&found, dialect, &mut warnings);
        warnings.extend(found.misspelt);
        Ok(Self {
            role_arn,
            foreign: (role.rank > 0).then(|| dialect.full(role.rank, Name::RoleArn)),
            google_identity,
            is_linked: email.is_some(),
            options,
            warnings,
        })
    }
}

/// A bare name is a role of the operator's account, where there is one.
fn role_arn(dialect: &Dialect, role: Value<'_>) -> Result<RoleArn, InvalidRoleArn> {
    match &dialect.account {
        Some(account) if !role.text.starts_with("arn:") => account.role(role.text),
        _ => role.text.parse(),
    }
}

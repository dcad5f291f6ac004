//! What a ServiceAccount's annotations ask for, parsed once when the ServiceAccount is seen.

use std::str::FromStr;

use gtoken_contract::{GoogleIdentity, InvalidRoleArn, RoleArn};

use crate::annotation;
use crate::form::SidecarMode;
use crate::reason::{Warning, cut};

/// What a ServiceAccount's annotations ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The role that its pods assume.
    pub role_arn: RoleArn,
    /// The Google service account that its pods act as, where GKE links one.
    pub google_identity: Option<GoogleIdentity>,
    /// How the refresher runs, where the ServiceAccount says so.
    pub sidecar_mode: Option<SidecarMode>,
    /// What is wrong with the annotations though the role is right.
    pub warnings: Vec<Warning>,
}

/// Why a ServiceAccount gives no [`Binding`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unbound {
    /// The role's annotation holds no ARN of a role; the value is cut for display.
    InvalidRole {
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
    /// Reads a ServiceAccount's annotations by name.
    pub fn parse<'a>(annotation: impl Fn(&str) -> Option<&'a str>) -> Result<Self, Unbound> {
        let role = annotation(annotation::ROLE_ARN).ok_or(Unbound::NoRole)?;
        let role_arn = role.parse().map_err(|error| Unbound::InvalidRole {
            value: cut(role),
            error,
        })?;
        let mut warnings = Vec::new();
        let email = annotation(annotation::GOOGLE_SERVICE_ACCOUNT);
        if email.is_none() {
            warnings.push(Warning::NoGoogleIdentity);
        }
        let google_identity = parse_or_warn(email, &mut warnings, |value| {
            Warning::InvalidGoogleIdentity { value }
        });
        let mode = annotation(annotation::SIDECAR_MODE);
        let sidecar_mode = parse_or_warn(mode, &mut warnings, |value| {
            Warning::InvalidSidecarMode { value }
        });
        Ok(Self {
            role_arn,
            google_identity,
            sidecar_mode,
            warnings,
        })
    }
}

/// Reads an annotation that has a default: a wrong value is told and passed over.
pub(crate) fn parse_or_warn<T: FromStr>(
    value: Option<&str>,
    warnings: &mut Vec<Warning>,
    warning: impl FnOnce(String) -> Warning,
) -> Option<T> {
    let value = value?;
    let parsed = value.parse().ok();
    if parsed.is_none() {
        warnings.push(warning(cut(value)));
    }
    parsed
}

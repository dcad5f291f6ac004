//! STS's Query API: which operation is called, and whether its parameters keep to the service model.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>

use super::refusal::Refusal;
use super::role::{RoleArn, is_name_byte};
use crate::form;

/// The operations that this STS has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    AssumeRoleWithWebIdentity,
    GetCallerIdentity,
}

/// The parameters of `AssumeRoleWithWebIdentity`, each within its limits.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct AssumeRole {
    pub(crate) role_arn: String,
    pub(crate) role: RoleArn,
    pub(crate) session_name: String,
    pub(crate) token: String,
    /// In seconds.
    pub(crate) duration: Option<u64>,
}

/// The only version of the API.
const VERSION: &str = "2011-06-15";

impl Operation {
    pub(crate) fn parse(parameters: &[(String, String)]) -> Result<Self, Refusal> {
        let version = form::value(parameters, "Version");
        let action = form::value(parameters, "Action").ok_or_else(Refusal::missing_action)?;
        match action {
            _ if version != Some(VERSION) => Err(Refusal::invalid_action(action, version)),
            "AssumeRoleWithWebIdentity" => Ok(Self::AssumeRoleWithWebIdentity),
            "GetCallerIdentity" => Ok(Self::GetCallerIdentity),
            other => Err(Refusal::invalid_action(other, version)),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AssumeRoleWithWebIdentity => "AssumeRoleWithWebIdentity",
            Self::GetCallerIdentity => "GetCallerIdentity",
        }
    }
}

impl AssumeRole {
    pub(crate) fn parse(parameters: &[(String, String)]) -> Result<Self, Refusal> {
        let mut violations = Violations::default();
        let role_arn = violations.text(parameters, &ROLE_ARN);
        let session_name = violations.text(parameters, &SESSION_NAME);
        let token = violations.text(parameters, &TOKEN);
        let duration = match form::value(parameters, "DurationSeconds") {
            Some(text) => Some(violations.duration(text)?),
            None => None,
        };
        violations.refusal()?;
        let role = RoleArn::parse(&role_arn)
            .ok_or_else(|| Refusal::validation("Request ARN is invalid"))?;
        Ok(Self {
            role_arn,
            role,
            session_name,
            token,
            duration,
        })
    }
}

/// A pattern of the service model, and the bytes that fit it.
type Alphabet = (&'static str, fn(u8) -> bool);

/// The limits of a parameter in the service model.
struct Limits {
    parameter: &'static str,
    /// Its name in AWS's messages.
    member: &'static str,
    shortest: usize,
    longest: usize,
    alphabet: Option<Alphabet>,
    /// The value of a secret is not repeated.
    is_secret: bool,
}

const ROLE_ARN: Limits = Limits {
    parameter: "RoleArn",
    member: "roleArn",
    shortest: 20,
    longest: 2048,
    alphabet: None,
    is_secret: false,
};

const SESSION_NAME: Limits = Limits {
    parameter: "RoleSessionName",
    member: "roleSessionName",
    shortest: 2,
    longest: 64,
    alphabet: Some(("[\\w+=,.@-]*", is_name_byte)),
    is_secret: false,
};

const TOKEN: Limits = Limits {
    parameter: "WebIdentityToken",
    member: "webIdentityToken",
    shortest: 4,
    longest: 20_000,
    alphabet: None,
    is_secret: true,
};

/// What is wrong with the parameters; AWS names all of it at once.
#[derive(Default)]
struct Violations(Vec<String>);

impl Violations {
    fn text(&mut self, parameters: &[(String, String)], limits: &Limits) -> String {
        let Some(text) = form::value(parameters, limits.parameter) else {
            self.add("null", limits.member, "Member must not be null");
            return String::new();
        };
        let shown = format!("'{text}'");
        let shown = if limits.is_secret { "" } else { &shown };
        let length = text.chars().count();
        if length < limits.shortest {
            let shortest = limits.shortest;
            let constraint = format!("Member must have length greater than or equal to {shortest}");
            self.add(shown, limits.member, &constraint);
        }
        if length > limits.longest {
            let longest = limits.longest;
            let constraint = format!("Member must have length less than or equal to {longest}");
            self.add(shown, limits.member, &constraint);
        }
        if let Some((pattern, fits)) = limits.alphabet
            && !text.bytes().all(fits)
        {
            let constraint = format!("Member must satisfy regular expression pattern: {pattern}");
            self.add(shown, limits.member, &constraint);
        }
        text.to_owned()
    }

    fn duration(&mut self, text: &str) -> Result<u64, Refusal> {
        let malformed =
            || Refusal::malformed_input(format!("'{text}' at 'durationSeconds' is not an integer"));
        let seconds: i64 = text.parse().map_err(|_| malformed())?;
        let shown = format!("'{text}'");
        if seconds < 900 {
            let constraint = "Member must have value greater than or equal to 900";
            self.add(&shown, "durationSeconds", constraint);
        }
        if seconds > 43_200 {
            let constraint = "Member must have value less than or equal to 43200";
            self.add(&shown, "durationSeconds", constraint);
        }
        Ok(seconds.unsigned_abs())
    }

    fn add(&mut self, value: &str, member: &str, constraint: &str) {
        let value = if value.is_empty() {
            String::new()
        } else {
            format!("{value} ")
        };
        let violation =
            format!("Value {value}at '{member}' failed to satisfy constraint: {constraint}");
        self.0.push(violation);
    }

    fn refusal(self) -> Result<(), Refusal> {
        let noun = match self.0.len() {
            0 => return Ok(()),
            1 => "error",
            _ => "errors",
        };
        let (count, list) = (self.0.len(), self.0.join("; "));
        let message = format!("{count} validation {noun} detected: {list}");
        Err(Refusal::validation(message))
    }
}

#[cfg(test)]
mod tests;

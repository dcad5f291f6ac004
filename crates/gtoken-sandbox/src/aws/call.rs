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
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:iam::123456789012:role/reader";

    fn refused(changes: &[(&str, Option<&str>)]) -> String {
        let mut parameters = vec![
            ("RoleArn", ARN),
            ("RoleSessionName", "me"),
            ("WebIdentityToken", "a.b.c"),
        ];
        for (name, value) in changes {
            parameters.retain(|(key, _)| key != name);
            parameters.extend(value.map(|value| (*name, value)));
        }
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let parameters: Vec<_> = parameters.into_iter().map(own).collect();
        match AssumeRole::parse(&parameters) {
            Ok(_) => "taken".into(),
            Err(refusal) => format!("{} {}", refusal.code, refusal.message),
        }
    }

    #[test]
    fn takes_what_keeps_to_the_limits() {
        let longest = "x".repeat(64);
        for changes in [
            ("RoleSessionName", "a_b+=,.@-0"),
            ("RoleSessionName", &longest),
            ("DurationSeconds", "900"),
            ("DurationSeconds", "43200"),
        ] {
            assert_eq!(
                refused(&[(changes.0, Some(changes.1))]),
                "taken",
                "{changes:?}"
            );
        }
    }

    #[test]
    fn names_value_and_constraint_as_aws_does() {
        let long = "x".repeat(65);
        let path = "p".repeat(2049);
        for (name, value, expected) in [
            (
                "RoleSessionName",
                Some("a"),
                "Value 'a' at 'roleSessionName' failed to satisfy constraint: Member must have length greater than or equal to 2",
            ),
            (
                "RoleSessionName",
                Some("a b"),
                "Value 'a b' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*",
            ),
            (
                "RoleSessionName",
                Some(&long),
                "Member must have length less than or equal to 64",
            ),
            (
                "RoleSessionName",
                None,
                "Value null at 'roleSessionName' failed to satisfy constraint: Member must not be null",
            ),
            (
                "RoleArn",
                Some("arn:aws:iam::1:role"),
                "Value 'arn:aws:iam::1:role' at 'roleArn' failed to satisfy constraint: Member must have length greater than or equal to 20",
            ),
            (
                "RoleArn",
                Some(&path),
                "Member must have length less than or equal to 2048",
            ),
            (
                "WebIdentityToken",
                Some("abc"),
                "Value at 'webIdentityToken' failed to satisfy constraint: Member must have length greater than or equal to 4",
            ),
            (
                "DurationSeconds",
                Some("899"),
                "Value '899' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900",
            ),
            (
                "DurationSeconds",
                Some("43201"),
                "Member must have value less than or equal to 43200",
            ),
        ] {
            let refusal = refused(&[(name, value)]);
            let one = "ValidationError 1 validation error detected: Value ";
            assert!(refusal.starts_with(one), "{refusal}");
            assert!(refusal.ends_with(expected), "{refusal}");
        }
    }

    #[test]
    fn several_violations_are_named_at_once() {
        let refusal = refused(&[("RoleSessionName", Some("%")), ("WebIdentityToken", None)]);
        assert!(
            refusal.starts_with("ValidationError 3 validation errors detected: "),
            "{refusal}"
        );
    }

    #[test]
    fn an_arn_of_something_else_and_a_duration_in_words_are_refused() {
        let arn = refused(&[("RoleArn", Some("arn:aws:iam::123456789012:user/reader"))]);
        assert_eq!(arn, "ValidationError Request ARN is invalid");
        assert!(refused(&[("DurationSeconds", Some("1h"))]).starts_with("MalformedInput"));
    }

    #[test]
    fn knows_two_operations_in_one_version() {
        let operation = |text: &str| {
            let parsed = Operation::parse(&form::pairs(text));
            parsed
                .map(Operation::name)
                .map_err(|refusal| (refusal.code, refusal.message))
        };
        assert_eq!(
            operation("Action=GetCallerIdentity&Version=2011-06-15"),
            Ok("GetCallerIdentity")
        );
        for (text, code, message) in [
            (
                "Version=2011-06-15",
                "MissingAction",
                "The request is missing an action or a required parameter.",
            ),
            (
                "Action=Dance&Version=2011-06-15",
                "InvalidAction",
                "Could not find operation Dance for version 2011-06-15",
            ),
            (
                "Action=GetCallerIdentity",
                "InvalidAction",
                "Could not find operation GetCallerIdentity for version NO_VERSION_SPECIFIED",
            ),
            (
                "Action=GetCallerIdentity&Version=2012-01-01",
                "InvalidAction",
                "Could not find operation GetCallerIdentity for version 2012-01-01",
            ),
        ] {
            assert_eq!(operation(text), Err((code, message.to_owned())), "{text}");
        }
    }
}

//! The limits of parameters, in AWS's own words.

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

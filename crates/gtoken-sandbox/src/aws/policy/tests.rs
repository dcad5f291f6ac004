//! Every operator against a key that is there, one that is not and one with several values, and every refusal to load.

use serde_json::{Value, json};

use super::*;

const SUB: &str = "accounts.google.com:sub";
const NUMBER: &str = "accounts.google.com:google/organization_number";
const ACTION: &str = "sts:AssumeRoleWithWebIdentity";
const GOOGLE: &str = "accounts.google.com";

fn policy_with(condition: &Value) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Federated": GOOGLE},
            "Action": ACTION,
            "Condition": condition,
        },
    })
}

fn holds(operator: &str, key: &str, values: &Value, given: &[&str]) -> bool {
    let policy = TrustPolicy::parse(&policy_with(&json!({operator: {key: values}})));
    let policy = policy.unwrap_or_else(|error| panic!("{operator}: {error}"));
    let mut context = Context::default();
    context.insert(key, given.iter().map(ToString::to_string).collect());
    policy.evaluate(ACTION, GOOGLE, &context) == Verdict::Allowed
}

/// Operator, the policy's values, a value that passes, one that does not, and whether a missing key passes.
type Row = (&'static str, Value, &'static str, &'static str, bool);

fn rows() -> Vec<(&'static str, Row)> {
    let texts: [Row; 6] = [
        ("StringEquals", json!("a"), "a", "A", false),
        ("StringNotEquals", json!("a"), "A", "a", true),
        (
            "StringEqualsIgnoreCase",
            json!(["x", "aB"]),
            "Ab",
            "c",
            false,
        ),
        ("StringNotEqualsIgnoreCase", json!("aB"), "c", "Ab", true),
        ("StringLike", json!(["x", "a*c?"]), "abcd", "abc", false),
        ("StringNotLike", json!("a*"), "b", "abc", true),
    ];
    let others: [Row; 16] = [
        ("NumericEquals", json!("5"), "5.0", "6", false),
        ("NumericNotEquals", json!(5), "6", "5", true),
        ("NumericLessThan", json!("5"), "4", "5", false),
        ("NumericLessThanEquals", json!("5"), "5", "6", false),
        ("NumericGreaterThan", json!("5"), "6", "5", false),
        ("NumericGreaterThanEquals", json!("5"), "5", "x", false),
        ("Bool", json!("true"), "True", "false", false),
        ("Bool", json!(false), "false", "x", false),
        (
            "DateEquals",
            json!("1970-01-01T00:01:00Z"),
            "60",
            "61",
            false,
        ),
        (
            "DateNotEquals",
            json!("60"),
            "61",
            "1970-01-01T00:01:00Z",
            true,
        ),
        ("DateLessThan", json!("1970-01-02"), "86399", "86400", false),
        (
            "DateLessThanEquals",
            json!("1970-01-02"),
            "86400",
            "86401",
            false,
        ),
        ("DateGreaterThan", json!("60"), "61", "60", false),
        ("DateGreaterThanEquals", json!("60"), "60", "59", false),
        ("StringEqualsIfExists", json!("a"), "a", "b", true),
        ("NumericEqualsIfExists", json!("5"), "5", "6", true),
    ];
    let texts = texts.into_iter().map(|row| (SUB, row));
    texts
        .chain(others.into_iter().map(|row| (NUMBER, row)))
        .collect()
}

#[test]
fn every_operator_tells_a_value_that_passes_from_one_that_does_not_and_from_a_missing_key() {
    for (key, (operator, values, passing, failing, missing)) in rows() {
        assert!(
            holds(operator, key, &values, &[passing]),
            "{operator} passes {passing}"
        );
        assert!(
            !holds(operator, key, &values, &[failing]),
            "{operator} fails {failing}"
        );
        assert_eq!(
            holds(operator, key, &values, &[]),
            missing,
            "{operator} missing"
        );
    }
}

#[test]
fn every_operator_takes_if_exists_and_quantifiers() {
    for (key, (operator, values, passing, failing, _)) in rows() {
        let plain = operator.trim_end_matches("IfExists");
        let with_suffix = format!("{plain}IfExists");
        assert!(holds(&with_suffix, key, &values, &[]), "{with_suffix}");
        assert!(
            !holds(&with_suffix, key, &values, &[failing]),
            "{with_suffix}"
        );
        let both = [passing, failing];
        for (prefix, of_both, of_none) in
            [("ForAnyValue", true, false), ("ForAllValues", false, true)]
        {
            let operator = format!("{prefix}:{plain}");
            assert!(holds(&operator, key, &values, &[passing]), "{operator}");
            assert!(!holds(&operator, key, &values, &[failing]), "{operator}");
            assert_eq!(
                holds(&operator, key, &values, &both),
                of_both,
                "{operator} of both"
            );
            assert_eq!(
                holds(&operator, key, &values, &[]),
                of_none,
                "{operator} missing"
            );
            let operator = format!("{operator}IfExists");
            assert!(holds(&operator, key, &values, &[]), "{operator} missing");
        }
    }
}

#[test]
fn without_a_quantifier_any_value_may_match_and_where_negated_none() {
    assert!(holds("StringEquals", SUB, &json!("a"), &["b", "a"]));
    assert!(!holds("StringNotEquals", SUB, &json!("a"), &["b", "a"]));
    assert!(holds(
        "StringNotEquals",
        SUB,
        &json!(["a", "d"]),
        &["b", "c"]
    ));
}

#[test]
fn null_asks_whether_the_key_is_missing() {
    for (value, given, expected) in [
        ("true", vec![], true),
        ("true", vec!["a"], false),
        ("false", vec![], false),
        ("false", vec!["a"], true),
    ] {
        assert_eq!(
            holds("Null", SUB, &json!(value), &given),
            expected,
            "{value} {given:?}"
        );
    }
}

#[test]
fn all_conditions_must_hold_and_keys_know_no_case() {
    let condition = json!({
        "StringEquals": {"Accounts.Google.com:SUB": "1", "accounts.google.com:oaud": "x"},
        "Null": {"accounts.google.com:aud": "false"},
    });
    let policy = TrustPolicy::parse(&policy_with(&condition)).unwrap();
    let verdict = |sub: &str, aud: &[&str]| {
        let mut context = Context::default();
        context.insert(SUB, vec![sub.into()]);
        context.insert("accounts.google.com:oaud", vec!["x".into()]);
        context.insert(
            "accounts.google.com:aud",
            aud.iter().map(ToString::to_string).collect(),
        );
        policy.evaluate(ACTION, GOOGLE, &context)
    };
    assert_eq!(verdict("1", &["y"]), Verdict::Allowed);
    assert_eq!(
        verdict("5678", &["y"]),
        Verdict::Refused(
            "the trust policy wants accounts.google.com:sub = 1, the token says 5678".into()
        )
    );
    assert_eq!(
        verdict("1", &[]),
        Verdict::Refused(
            "the trust policy wants accounts.google.com:aud missing = false, the token says nothing of it".into()
        )
    );
}

#[test]
fn a_deny_wins_over_any_allow_before_or_after_it() {
    let allow =
        json!({"Effect": "Allow", "Principal": {"Federated": [GOOGLE]}, "Action": ["sts:*"]});
    let deny = json!({
        "Sid": "NotMallory", "Effect": "Deny", "Principal": {"Federated": GOOGLE}, "Action": "sts:AssumeRole*",
        "Condition": {"StringEquals": {SUB: "mallory"}},
    });
    for (statements, number) in [(json!([allow, deny]), 2), (json!([deny, allow]), 1)] {
        let policy = TrustPolicy::parse(&json!({"Id": "x", "Statement": statements})).unwrap();
        let verdict = |sub: &str| {
            let mut context = Context::default();
            context.insert(SUB, vec![sub.into()]);
            policy.evaluate(ACTION, GOOGLE, &context)
        };
        assert_eq!(verdict("alice"), Verdict::Allowed);
        let reason = format!("statement {number} of the trust policy denies it");
        assert_eq!(verdict("mallory"), Verdict::Refused(reason));
    }
}

#[test]
fn another_provider_or_action_is_not_allowed() {
    let policy = TrustPolicy::parse(&policy_with(&json!({}))).unwrap();
    let context = Context::default();
    for (action, provider) in [("sts:AssumeRole", GOOGLE), (ACTION, "graph.facebook.com")] {
        let verdict = policy.evaluate(action, provider, &context);
        assert!(
            matches!(verdict, Verdict::Refused(_)),
            "{action} {provider}"
        );
    }
}

#[test]
fn an_oidc_provider_brings_its_own_keys() {
    let issuer = "container.googleapis.com/v1/projects/p/locations/l/clusters/c";
    let principal = format!("arn:aws:iam::123456789012:oidc-provider/{issuer}");
    let policy = json!({"Statement": [{
        "Effect": "Allow", "Principal": {"Federated": principal}, "Action": ACTION,
        "Condition": {"StringEquals": {format!("{issuer}:sub"): "system:serviceaccount:ns:reader"}},
    }]});
    let policy = TrustPolicy::parse(&policy).unwrap();
    let mut context = Context::default();
    let subject = vec!["system:serviceaccount:ns:reader".into()];
    context.insert(&format!("{issuer}:sub"), subject);
    assert_eq!(
        policy.evaluate(ACTION, &principal, &context),
        Verdict::Allowed
    );
}

#[test]
fn what_is_not_known_is_refused_by_name() {
    let statement = |name: &str, value: Value| {
        let mut policy = policy_with(&json!({}));
        policy["Statement"][name] = value;
        policy
    };
    let condition =
        |operator: &str, key: &str, value: &str| policy_with(&json!({operator: {key: value}}));
    for (policy, named) in [
        (json!([]), "the top level"),
        (json!({}), "Statement"),
        (json!({"Statement": []}), "Statement"),
        (json!({"Statement": [1]}), "statement 1"),
        (
            json!({"Version": "2024-01-01", "Statement": []}),
            "2024-01-01",
        ),
        (
            json!({"Version": "2012-10-17", "Statements": []}),
            "Statements",
        ),
        (statement("Resource", json!("*")), "Resource"),
        (statement("NotAction", json!("sts:*")), "NotAction"),
        (statement("Effect", json!("allow")), "Effect"),
        (statement("Principal", json!("*")), "`*`"),
        (statement("Principal", json!({"AWS": "*"})), "`AWS`"),
        (
            statement("Principal", json!({"Federated": "graph.facebook.com"})),
            "graph.facebook.com",
        ),
        (
            statement(
                "Principal",
                json!({"Federated": "arn:aws:iam::1:oidc-provider/x"}),
            ),
            "oidc-provider/x",
        ),
        (statement("Action", json!("s3:GetObject")), "s3:GetObject"),
        (statement("Action", json!([])), "Action"),
        (condition("StringMatches", SUB, "a"), "StringMatches"),
        (
            condition("ForSomeValues:StringEquals", SUB, "a"),
            "ForSomeValues",
        ),
        (condition("NullIfExists", SUB, "true"), "NullIfExists"),
        (
            condition("ForAnyValue:Null", SUB, "true"),
            "ForAnyValue:Null",
        ),
        (condition("ArnLike", SUB, "a"), "ArnLike"),
        (condition("NumericAbout", SUB, "1"), "NumericAbout"),
        (
            condition("StringEquals", "accounts.google.com:email", "a"),
            "accounts.google.com:email",
        ),
        (
            condition("StringEquals", "aws:SourceIp", "a"),
            "aws:SourceIp",
        ),
        (
            condition("StringEquals", "other.example:sub", "a"),
            "other.example:sub",
        ),
        (
            condition("StringEquals", SUB, "${aws:username}"),
            "${aws:username}",
        ),
        (
            condition("NumericEquals", NUMBER, "five"),
            "organization_number",
        ),
        (
            condition("NumericEquals", NUMBER, "1048151623420000001"),
            "organization_number",
        ),
        (condition("Bool", SUB, "yes"), SUB),
        (condition("Null", SUB, "1"), SUB),
        (condition("DateEquals", SUB, "yesterday"), SUB),
        (policy_with(&json!({"StringEquals": {SUB: {}}})), SUB),
        (policy_with(&json!({"StringEquals": SUB})), "StringEquals"),
    ] {
        let error = TrustPolicy::parse(&policy).expect_err(&policy.to_string());
        assert!(error.to_string().contains(named), "{policy}: {error}");
    }
}

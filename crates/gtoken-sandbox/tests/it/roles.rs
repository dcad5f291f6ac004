//! `AssumeRoleWithWebIdentity`: who may assume a role, under which name and for how long.

use gtoken_sandbox::aws::{Provider, Role};
use gtoken_sandbox::google::GoogleIdentity;
use serde_json::{Value, json};

use crate::sts::{NOT_AUTHORIZED, NOW, ROLE, Sts};

#[test]
fn a_missing_role_is_answered_as_one_that_does_not_trust() {
    let sts = Sts::start();
    let role = "arn:aws:iam::123456789012:role/nobody";
    let reply = sts.call(&[("RoleArn", role), ("WebIdentityToken", &sts.token())]);
    assert_eq!(reply.refusal(), (403, "AccessDenied"));
    assert_eq!(reply.field("Message"), NOT_AUTHORIZED);
    assert_eq!(sts.reason(), format!("there is no role {role}"));
}

#[test]
fn a_policy_that_does_not_match_is_access_denied() {
    let sts = Sts::start();
    let reply = sts.signed(|claims| claims["sub"] = json!("5678"));
    assert_eq!(reply.refusal(), (403, "AccessDenied"));
    let id = GoogleIdentity::reader().unique_id;
    assert_eq!(
        sts.reason(),
        format!("the trust policy wants accounts.google.com:sub = {id}, the token says 5678")
    );
}

#[test]
fn the_audience_key_is_azp_where_there_is_one() {
    let sts = Sts::start();
    let mut role = Role::reader();
    role.trust_policy["Statement"][0]["Condition"] =
        json!({"StringEquals": {"accounts.google.com:aud": "a", "accounts.google.com:oaud": "b"}});
    sts.sandbox.aws().put_role(&role).unwrap();
    for (audience, party, expected) in [
        ("b", json!("a"), 200),
        ("a", json!("b"), 403),
        ("b", Value::Null, 403),
        ("a", Value::Null, 403),
    ] {
        let reply = sts.signed(|claims| {
            claims["aud"] = json!(audience);
            claims["azp"] = party.clone();
        });
        assert_eq!(reply.status, expected, "{audience} {party}");
    }
}

#[test]
fn session_names_and_durations_out_of_range_are_validation_errors() {
    let sts = Sts::start();
    let long = "x".repeat(65);
    for (name, value) in [
        ("RoleSessionName", "x"),
        ("RoleSessionName", &long),
        ("RoleSessionName", "team/pod"),
        ("DurationSeconds", "899"),
        ("DurationSeconds", "43201"),
        ("RoleArn", "arn:aws:iam::123456789012:user/reader"),
    ] {
        let reply = sts.call(&[(name, value), ("WebIdentityToken", &sts.token())]);
        assert_eq!(reply.refusal(), (400, "ValidationError"), "{name} {value}");
    }
}

#[test]
fn a_session_longer_than_the_role_allows_is_a_validation_error() {
    let sts = Sts::start();
    let reply = sts.call(&[
        ("DurationSeconds", "3601"),
        ("WebIdentityToken", &sts.token()),
    ]);
    assert_eq!(reply.refusal(), (400, "ValidationError"));
    let message = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
    assert_eq!(reply.field("Message"), message);
    let reply = sts.call(&[
        ("DurationSeconds", "900"),
        ("WebIdentityToken", &sts.token()),
    ]);
    assert_eq!(reply.field("Expiration"), "2027-01-15T08:15:00Z");
}

#[test]
fn a_policy_that_is_not_understood_is_refused_when_it_is_put() {
    let sts = Sts::start();
    let mut role = Role::reader();
    role.trust_policy["Statement"][0]["Condition"] =
        json!({"StringMatches": {"accounts.google.com:sub": "1"}});
    let error = sts.sandbox.aws().put_role(&role).unwrap_err().to_string();
    assert!(
        error.contains(ROLE) && error.contains("`StringMatches`"),
        "{error}"
    );
    // The role that was there is still there.
    assert_eq!(sts.exchange(&sts.token()).status, 200);
}

#[test]
fn the_provider_of_a_cluster_has_client_ids_and_an_account() {
    let sts = Sts::start();
    let host = "container.googleapis.com/v1/projects/p/locations/l/clusters/c";
    let issuer = format!("https://{host}");
    let keys = sts.sandbox.google().jwks();
    let provider = Provider::oidc("123456789012", &issuer, &["sts.amazonaws.com"], move || {
        keys.clone()
    });
    sts.sandbox.aws().put_provider(provider);
    let principal = format!("arn:aws:iam::123456789012:oidc-provider/{host}");
    let policy = json!({"Statement": [{
        "Effect": "Allow", "Principal": {"Federated": principal}, "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {format!("{host}:sub"): "system:serviceaccount:team:reader"}},
    }]});
    sts.sandbox
        .aws()
        .put_role(&Role::new(ROLE, policy))
        .unwrap();
    let exchange = |audience: &str, role: &str| {
        let token = sts.sandbox.google().sign(&json!({
            "iss": issuer, "aud": [audience], "sub": "system:serviceaccount:team:reader",
            "iat": NOW, "nbf": NOW, "exp": NOW + 3600,
        }));
        sts.call(&[("RoleArn", role), ("WebIdentityToken", &token)])
    };
    let reply = exchange("sts.amazonaws.com", ROLE);
    assert_eq!(
        (reply.status, reply.field("Provider")),
        (200, principal.as_str())
    );
    let reply = exchange("elsewhere", ROLE);
    assert_eq!(reply.refusal(), (400, "InvalidIdentityToken"));
    assert_eq!(reply.field("Message"), "Incorrect token audience");
    let reply = exchange("sts.amazonaws.com", "arn:aws:iam::999999999999:role/reader");
    assert!(
        reply
            .field("Message")
            .starts_with("No OpenIDConnect provider found"),
        "{reply:?}"
    );
}

#[test]
fn a_provider_put_by_the_control_api_is_taken_with_its_newest_keys() {
    let sts = Sts::start();
    let issuer = "https://10.89.0.2:6443";
    let google = sts.sandbox.google();
    let policy = json!({"Statement": {
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": "arn:aws:iam::123456789012:oidc-provider/10.89.0.2:6443"},
        "Condition": {"StringEquals": {
            "10.89.0.2:6443:sub": "system:serviceaccount:team:reader",
            "10.89.0.2:6443:aud": "sts.amazonaws.com",
        }},
    }});
    sts.sandbox
        .aws()
        .put_role(&Role::new(ROLE, policy))
        .unwrap();
    let exchange = || {
        sts.signed(|claims| {
            claims["iss"] = json!(issuer);
            claims["sub"] = json!("system:serviceaccount:team:reader");
            claims["aud"] = json!(["sts.amazonaws.com"]);
        })
        .status
    };
    assert_eq!(exchange(), 400);
    for (keys, expected) in [(json!({"keys": []}), 400), (google.jwks().unwrap(), 200)] {
        let provider = json!({
            "account": "123456789012", "issuer": issuer, "clientIds": ["sts.amazonaws.com"], "jwks": keys,
        });
        let url = format!("{}/providers", sts.sandbox.control_url());
        let reply = sts.agent.put(url).send(provider.to_string()).unwrap();
        assert_eq!(reply.status(), 204);
        assert_eq!(exchange(), expected, "{}", sts.reason());
    }
}

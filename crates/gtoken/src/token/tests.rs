use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::testing::{NOW, expectation, jwt, jwt_of};

fn check(text: &str) -> Result<IdToken, InvalidToken> {
    expectation().check(text.to_owned(), at(NOW))
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn with(claim: &str, value: Value) -> String {
    let mut claims = json!({ "aud": "aws", "iat": NOW, "exp": NOW + 3600 });
    claims[claim] = value;
    jwt_of(&claims)
}

#[test]
fn takes_what_the_metadata_server_gives() {
    let token = check(&jwt(NOW, NOW + 3600)).unwrap();
    let lifetime = Lifetime {
        issued_at: at(NOW),
        expires_at: at(NOW + 3600),
    };
    assert_eq!(token.lifetime(), lifetime);
    assert_eq!(token.expose(), jwt(NOW, NOW + 3600));
}

#[test]
fn debug_prints_the_expiry_only() {
    let token = check(&jwt(NOW, NOW + 3600)).unwrap();
    assert_eq!(format!("{token:?}"), "IdToken(until 2026-11-23T01:00:00Z)");
}

#[test]
fn refuses_what_is_no_jwt() {
    let token = jwt(NOW, NOW + 3600);
    let (start, _) = token.rsplit_once('.').unwrap();
    for text in [
        String::new(),
        "<html><body>sign in</body></html>".to_owned(),
        format!("{token}\n"),
        format!(" {token}"),
        format!("{{\"token\":\"{token}\"}}"),
        format!("{token}.more"),
        format!("{token}=="),
        start.to_owned(),
        format!("{start}."),
        "a.b.c".to_owned(),
        "e30.W10.c2ln".to_owned(),
        "W10.e30.c2ln".to_owned(),
        jwt_of(&json!({ "aud": "aws", "exp": NOW + 1, "pad": "x".repeat(MAX_BYTES) })),
    ] {
        let error = check(&text).unwrap_err();
        assert!(
            matches!(error, InvalidToken::NotAToken(_)),
            "{text} {error:?}"
        );
    }
}

#[test]
fn refuses_a_token_that_lost_its_end() {
    let token = jwt(NOW, NOW + 3600);
    for length in 0..token.len() {
        let error = check(&token[..length]).unwrap_err();
        let is_told = matches!(error, InvalidToken::NotAToken(_));
        assert!(is_told, "{length} of {}: {error:?}", token.len());
    }
}

#[test]
fn takes_signatures_of_larger_keys_and_of_other_algorithms() {
    let token = jwt(NOW, NOW + 3600);
    let parts: Vec<_> = token.split('.').collect();
    let part = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let elliptic = part(br#"{"alg":"ES256"}"#);
    for (header, bytes) in [(parts[0], 384), (parts[0], 512), (&elliptic, 64)] {
        let signature = part(&vec![1; bytes]);
        let token = format!("{header}.{}.{signature}", parts[1]);
        assert!(check(&token).is_ok(), "{bytes}");
    }
}

#[test]
fn refuses_another_audience() {
    for value in [json!("else"), json!(["aws"]), json!(null), json!(7)] {
        let error = check(&with("aud", value)).unwrap_err();
        assert!(matches!(error, InvalidToken::Audience { .. }), "{error:?}");
    }
}

#[test]
fn refuses_a_token_without_a_usable_expiry() {
    for value in [
        json!(null),
        json!("1"),
        json!(1e10),
        json!(-1),
        json!(u64::MAX),
    ] {
        assert_eq!(check(&with("exp", value)), Err(InvalidToken::NoExpiry));
    }
}

#[test]
fn refuses_a_token_that_ran_out() {
    let error = check(&jwt(NOW - 3600, NOW)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the token ran out at 2026-11-23T00:00:00Z, and this machine's clock reads 2026-11-23T00:00:00Z"
    );
}

#[test]
fn refuses_a_token_that_does_not_say_when_it_was_issued() {
    for value in [json!(null), json!("1"), json!(1e10), json!(-1)] {
        assert_eq!(check(&with("iat", value)), Err(InvalidToken::NoIssue));
    }
}

#[test]
fn a_token_that_ran_out_before_it_was_issued_is_refused() {
    let backwards = jwt(NOW + 200, NOW + 100);
    assert_eq!(check(&backwards), Err(InvalidToken::NoLife));
}

#[test]
fn refuses_a_token_that_is_born_in_the_future() {
    for (claim, from) in [("iat", NOW + 301), ("nbf", NOW + 301), ("iat", NOW * 2)] {
        let error = check(&with(claim, json!(from))).unwrap_err();
        let good_from = at(from);
        let now = at(NOW);
        assert_eq!(error, InvalidToken::NotYet { good_from, now });
        assert!(error.is_about_time());
    }
    let error = check(&with("iat", json!(NOW + 301))).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the token is good only from 2026-11-23T00:05:01Z on, and this machine's clock reads 2026-11-23T00:00:00Z"
    );
}

#[test]
fn takes_a_token_that_is_young_by_a_clock_that_is_a_little_slow() {
    for claim in ["iat", "nbf"] {
        assert!(check(&with(claim, json!(NOW + 300))).is_ok());
    }
}

#[test]
fn only_the_expected_identity_passes() {
    let reader: GoogleIdentity = "reader@project.iam.gserviceaccount.com".parse().unwrap();
    let expectation = Expectation {
        identity: Some(reader.clone()),
        ..expectation()
    };
    let check = |value| expectation.check(with("email", value), at(NOW));
    assert!(check(json!(reader.as_str())).is_ok());
    assert_eq!(
        check(json!("node@developer.gserviceaccount.com")),
        Err(InvalidToken::Identity {
            expected: reader.clone(),
            found: "node@developer.gserviceaccount.com".to_owned(),
        })
    );
    let error = check(json!(null)).unwrap_err();
    assert_eq!(error, InvalidToken::NoIdentity { expected: reader });
    assert!(
        error
            .to_string()
            .contains("--workload-metadata=GKE_METADATA")
    );
}

#[test]
fn a_slow_clock_sees_the_life_begin_on_arrival() {
    let lifetime = Lifetime {
        issued_at: at(NOW),
        expires_at: at(NOW + 3600),
    };
    let seen = lifetime.seen_at(at(NOW - 1800));
    assert_eq!(seen.issued_at, at(NOW - 1800));
    assert_eq!(seen.expires_at, at(NOW + 1800));
    assert_eq!(lifetime.seen_at(at(NOW + 1800)), lifetime);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(text in "\\PC{0,200}", parts in prop::collection::vec(".{0,60}", 3)) {
        let _ = check(&text);
        let encoded: Vec<String> = parts.iter().map(|p| BASE64_URL_SAFE_NO_PAD.encode(p)).collect();
        let _ = check(&encoded.join("."));
    }
}

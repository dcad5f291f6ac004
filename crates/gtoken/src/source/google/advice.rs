//! What a refusal of Google's APIs means, and what to do about it.

use std::fmt;

use serde_json::Value;

use crate::excerpt::excerpt;
use crate::source::refusal;

/// What an account or a person needs on the account whose ID tokens it gets.
pub(super) const CREATE_ID_TOKENS: &str = "roles/iam.serviceAccountOpenIdTokenCreator";

/// What a workload of a pool needs on the account that it impersonates.
pub(super) const BE_A_WORKLOAD: &str = "roles/iam.workloadIdentityUser";

/// What an account or a person needs on the account whose access tokens it gets, or that stands between.
const CREATE_TOKENS: &str = "roles/iam.serviceAccountTokenCreator";

/// Which request was refused.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step<'a> {
    /// An access token of an account by IAM Credentials.
    AccessToken {
        caller: &'a Caller,
        account: &'a str,
    },
    /// A token for the assertion of a key.
    Assertion,
    /// A token for a subject token.
    Exchange,
    /// An ID token of an account by IAM Credentials, be it through delegates.
    IdToken {
        caller: &'a Caller,
        account: &'a str,
        through: bool,
    },
    /// A token for a refresh token.
    Refresh,
    /// The subject token itself, of somebody else's server.
    Subject,
}

/// Who calls IAM Credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// A service account.
    Account(String),
    /// A person who logged in by gcloud.
    Person,
    /// Whom the metadata server speaks for.
    Pod,
    /// A workload outside of Google.
    Workload,
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(email) => f.write_str(email),
            Self::Person => f.write_str("the person who logged in"),
            Self::Pod => f.write_str("the identity that the metadata server gives (an account on itself, where it is the same)"),
            Self::Workload => f.write_str("the workload's principal of the pool"),
        }
    }
}

/// What to do about a status.
pub(super) fn advice(step: &Step<'_>, status: u16, body: &[u8]) -> String {
    match status {
        0..=399 => "Google does not answer so: look at what stands between, and at the URLs of the credentials".to_owned(),
        400..=404 => refused(step, status, body),
        429 => "the quota is used up for now, which passes by itself".to_owned(),
        _ => "it is in trouble, which passes by itself".to_owned(),
    }
}

/// The beginning of what the server says, without the JSON around it.
pub(super) fn said(body: &[u8]) -> String {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = &answer["error"];
    let texts = [&error["message"], &answer["error_description"], error];
    let text = texts.into_iter().find_map(Value::as_str);
    text.map_or_else(|| excerpt(body), |text| excerpt(text.as_bytes()))
}

fn refused(step: &Step<'_>, status: u16, body: &[u8]) -> String {
    match *step {
        Step::AccessToken { caller, account } => {
            let role = match caller {
                Caller::Workload => BE_A_WORKLOAD,
                _ => CREATE_TOKENS,
            };
            impersonation(caller, account, role, status, body)
        }
        Step::IdToken {
            caller,
            account,
            through,
        } => {
            let role = match caller {
                Caller::Workload => BE_A_WORKLOAD,
                _ => CREATE_ID_TOKENS,
            };
            let advice = impersonation(caller, account, role, status, body);
            if through && status == 403 {
                format!("{advice}, through delegates of which each needs {CREATE_TOKENS} on the next")
            } else {
                advice
            }
        }
        Step::Assertion if refusal::is_about_time(&said(body)) => {
            "this machine's clock is more than five minutes off Google's: set it right".to_owned()
        }
        Step::Assertion => {
            "no role is missing: the key or its account may be deleted or disabled; make a new key".to_owned()
        }
        Step::Exchange => {
            "no role is missing yet: see that the provider that the file's `audience` names exists, is enabled and takes the \
             issuer, audience and attributes of the subject token"
                .to_owned()
        }
        Step::Refresh => {
            "no role is missing: the login has ended; run gcloud auth application-default login again".to_owned()
        }
        Step::Subject => "it is no server of Google's: see url and headers in the file's credential_source".to_owned(),
    }
}

fn impersonation(caller: &Caller, account: &str, role: &str, status: u16, body: &[u8]) -> String {
    match status {
        400 => format!("the request does not suit it: check --audience and the service account {account}"),
        401 => "the access token does not suit it: is it of the same Google, and this machine's clock right?".to_owned(),
        404 => format!("there is no service account {account}: check its email"),
        _ if is_disabled(body) => {
            "the API is off: enable iamcredentials.googleapis.com in the project".to_owned()
        }
        _ => format!("grant {role} on {account} to {caller}"),
    }
}

/// Whether the API itself is not enabled (<https://cloud.google.com/apis/design/errors#error_info>).
fn is_disabled(body: &[u8]) -> bool {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let details = answer["error"]["details"].as_array();
    details.is_some_and(|details| {
        details
            .iter()
            .any(|info| info["reason"] == "SERVICE_DISABLED")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = "reader@p.iam.gserviceaccount.com";

    fn id_token(caller: &Caller, through: bool) -> Step<'_> {
        Step::IdToken {
            caller,
            account: ACCOUNT,
            through,
        }
    }

    #[test]
    fn names_the_role_that_the_caller_lacks_and_on_which_account() {
        let person = Caller::Person;
        let workload = Caller::Workload;
        for (step, role) in [
            (id_token(&person, false), CREATE_ID_TOKENS),
            (id_token(&workload, false), BE_A_WORKLOAD),
            (id_token(&person, true), CREATE_TOKENS),
            (
                Step::AccessToken {
                    caller: &person,
                    account: ACCOUNT,
                },
                CREATE_TOKENS,
            ),
            (
                Step::AccessToken {
                    caller: &workload,
                    account: ACCOUNT,
                },
                BE_A_WORKLOAD,
            ),
        ] {
            let advice = advice(&step, 403, b"");
            assert!(
                advice.contains(role) && advice.contains(ACCOUNT),
                "{advice}"
            );
        }
    }

    #[test]
    fn an_api_that_is_off_is_no_missing_role() {
        let body = br#"{"error": {"details": [{"reason": "SERVICE_DISABLED"}]}}"#;
        let advice = advice(&id_token(&Caller::Pod, false), 403, body);
        assert!(advice.starts_with("the API is off"), "{advice}");
    }

    #[test]
    fn an_assertion_of_another_time_is_the_clocks_fault_and_not_the_keys() {
        let words = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.";
        for (words, fault) in [(words, "clock"), ("Invalid JWT Signature.", "key")] {
            let body = format!(r#"{{"error": "invalid_grant", "error_description": "{words}"}}"#);
            let advice = advice(&Step::Assertion, 400, body.as_bytes());
            assert!(advice.contains(fault), "{advice}");
        }
    }

    #[test]
    fn what_passes_by_itself_asks_for_nothing() {
        for status in [408, 429, 499, 500, 503] {
            let advice = advice(&Step::Assertion, status, b"");
            assert!(advice.ends_with("passes by itself"), "{status}: {advice}");
        }
    }

    #[test]
    fn says_what_google_says_without_the_json() {
        for (body, words) in [
            (
                r#"{"error": {"message": "Permission denied"}}"#,
                "Permission denied",
            ),
            (
                r#"{"error": "invalid_grant", "error_description": "Bad key"}"#,
                "Bad key",
            ),
            (r#"{"error": "invalid_grant"}"#, "invalid_grant"),
            ("<html>", "<html>"),
            (r#"{"error": 1}"#, r#"{"error": 1}"#),
        ] {
            assert_eq!(said(body.as_bytes()), words);
        }
    }
}

//! Google's token endpoints as pure decisions: who asks by what, or the refusal in Google's words.
//!
//! Service account keys and refresh tokens: <https://developers.google.com/identity/protocols/oauth2/service-account>;
//! token exchange (RFC 8693): <https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token>.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::keys::Key;
use crate::aws::token::{TokenFault, WebIdentityToken};
use crate::form;

/// The pool whose workloads are taken, with its one provider, as an audience names it.
pub const POOL_PROVIDER: &str = "//iam.googleapis.com/projects/104815162342/locations/global/workloadIdentityPools/sandbox/providers/idp";

/// The issuer that the provider trusts.
pub const POOL_ISSUER: &str = "https://idp.gtoken-sandbox.example";

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const SUBJECT_TYPES: [&str; 2] = [
    "urn:ietf:params:oauth:token-type:jwt",
    "urn:ietf:params:oauth:token-type:id_token",
];

/// The longest life of an assertion, and what Google says of longer ones.
const ASSERTION_LIFE: u64 = 3600;
const NOT_SHORT_LIVED: &str = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. \
                               Check your iat and exp values in the JWT claim.";

/// How far the clocks may be apart, in seconds.
const SKEW: u64 = 300;

/// Who is known by keys and refresh tokens.
#[derive(Default)]
pub(crate) struct Clients {
    keys: HashMap<String, Vec<Arc<Key>>>,
    users: HashMap<String, String>,
}

/// What a grant is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Granted {
    /// An access token of this account or user.
    AccessToken(String),
    /// An ID token of the service account, for the audience.
    IdToken { email: String, audience: String },
}

/// An error of OAuth 2.0 (RFC 6749, 5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) error: &'static str,
    pub(crate) description: String,
}

type Form = [(String, String)];

impl Clients {
    pub(crate) fn add_key(&mut self, email: &str, key: Arc<Key>) {
        self.keys.entry(email.to_owned()).or_default().push(key);
    }

    pub(crate) fn delete_keys(&mut self, email: &str) {
        self.keys.entry(email.to_owned()).or_default().clear();
    }

    pub(crate) fn add_user(&mut self, refresh_token: String, email: &str) {
        self.users.insert(refresh_token, email.to_owned());
    }

    pub(crate) fn revoke_user(&mut self, email: &str) {
        self.users.retain(|_, user| user != email);
    }

    /// Answers the token endpoint of OAuth 2.0, which goes by the URL `endpoint`.
    pub(crate) fn grant(&self, form: &Form, endpoint: &str, now: u64) -> Result<Granted, Refused> {
        match form::value(form, "grant_type") {
            Some(JWT_BEARER) => self.assertion(form, endpoint, now),
            Some("refresh_token") => self.refresh(form),
            _ => Err(Refused::new(
                "unsupported_grant_type",
                "Invalid grant_type: ",
            )),
        }
    }

    fn assertion(&self, form: &Form, endpoint: &str, now: u64) -> Result<Granted, Refused> {
        let invalid = |text: &str| Refused::new("invalid_grant", text);
        let assertion = form::value(form, "assertion").unwrap_or_default();
        let assertion = WebIdentityToken::parse(assertion)
            .map_err(|_| invalid("Invalid JWT: Failed to parse the JWT."))?;
        let email = assertion
            .text("iss")
            .map_err(|_| invalid("Invalid issuer"))?;
        let keys = self
            .keys
            .get(email)
            .ok_or_else(|| invalid("Invalid grant: account not found"))?;
        let published: Vec<Value> = keys.iter().map(|key| key.public()).collect();
        assertion
            .verify(&json!({ "keys": published }))
            .map_err(|_| invalid("Invalid JWT Signature."))?;
        if assertion.text("aud") != Ok(endpoint) {
            return Err(Refused::new(
                "invalid_grant",
                "Invalid JWT: Failed audience check.",
            ));
        }
        is_short_lived(&assertion, now).map_err(|_| invalid(NOT_SHORT_LIVED))?;
        let email = email.to_owned();
        match (assertion.text("target_audience"), assertion.text("scope")) {
            (Ok(audience), Err(_)) if !audience.is_empty() => Ok(Granted::IdToken {
                email,
                audience: audience.to_owned(),
            }),
            (Err(_), Ok(scope)) if !scope.is_empty() => Ok(Granted::AccessToken(email)),
            _ => Err(Refused::new(
                "invalid_scope",
                "Invalid OAuth scope or ID token audience provided.",
            )),
        }
    }

    fn refresh(&self, form: &Form) -> Result<Granted, Refused> {
        let is_client = |name, expected| form::value(form, name) == Some(expected);
        if !is_client("client_id", CLIENT_ID) || !is_client("client_secret", CLIENT_SECRET) {
            return Err(Refused::new(
                "invalid_client",
                "The OAuth client was not found.",
            ));
        }
        let token = form::value(form, "refresh_token").unwrap_or_default();
        let user = self.users.get(token);
        user.cloned()
            .map(Granted::AccessToken)
            .ok_or_else(|| Refused::new("invalid_grant", "Token has been expired or revoked."))
    }
}

/// The OAuth client that the sandbox's users logged in by.
pub(crate) const CLIENT_ID: &str = "104815162342-sandbox.apps.googleusercontent.com";

/// What that client calls its secret; such clients keep none.
pub(crate) const CLIENT_SECRET: &str = "GOCSPX-not-a-secret-of-the-sandbox";

/// Answers Google's STS: the principal that the subject token is of, by the keys of its issuer.
pub(crate) fn exchange(form: &Form, jwks: &Value, now: u64) -> Result<String, Refused> {
    let value = |name| form::value(form, name).unwrap_or_default();
    if value("grant_type") != TOKEN_EXCHANGE || value("requested_token_type") != ACCESS_TOKEN {
        return Err(Refused::new(
            "invalid_request",
            "Invalid value for \"grant_type\" or \"requested_token_type\".",
        ));
    }
    if value("audience") != POOL_PROVIDER {
        return Err(Refused::new(
            "invalid_target",
            "The target service indicated by the \"audience\" parameters is invalid. This might either be because \
             the pool or provider is disabled or deleted or because it doesn't exist.",
        ));
    }
    if value("scope").is_empty() || !SUBJECT_TYPES.contains(&value("subject_token_type")) {
        return Err(Refused::new(
            "invalid_request",
            "Invalid \"scope\" or \"subject_token_type\".",
        ));
    }
    subject(value("subject_token"), jwks, now).map_err(|fault| {
        Refused::new(
            "invalid_grant",
            &format!("The ID Token is invalid: {fault}"),
        )
    })
}

fn subject(token: &str, jwks: &Value, now: u64) -> Result<String, TokenFault> {
    let token = WebIdentityToken::parse(token)?;
    token.verify(jwks)?;
    token.check_times(now, SKEW)?;
    if token.text("iss")? != POOL_ISSUER {
        return Err(TokenFault::Claim("iss"));
    }
    if token.text("aud")? != format!("https:{POOL_PROVIDER}") {
        return Err(TokenFault::Claim("aud"));
    }
    Ok(principal(token.text("sub")?))
}

/// How IAM names the pool's workload of this `sub`.
pub fn principal(subject: &str) -> String {
    let pool = POOL_PROVIDER
        .split_once("/providers/")
        .map_or("", |(pool, _)| pool);
    format!("principal:{pool}/subject/{subject}")
}

impl Refused {
    fn new(error: &'static str, description: &str) -> Self {
        Self {
            error,
            description: description.to_owned(),
        }
    }
}

/// `exp` lies within an hour of `iat`, and now lies between them.
fn is_short_lived(assertion: &WebIdentityToken, now: u64) -> Result<(), TokenFault> {
    assertion.check_times(now, SKEW)?;
    let time = |name| assertion.claims().get(name).and_then(Value::as_u64);
    let life = time("exp")
        .zip(time("iat"))
        .map(|(exp, iat)| exp.saturating_sub(iat));
    match life {
        Some(life) if life <= ASSERTION_LIFE => Ok(()),
        _ => Err(TokenFault::Claim("exp")),
    }
}

//! Google's APIs that turn credentials into tokens, over HTTPS: OAuth 2.0, STS and IAM Credentials.
//!
//! <https://cloud.google.com/iam/docs/reference/credentials/rest>

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::AUTHORIZATION;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::iam::{Missing, Permission};
use super::oauth::{self, Granted, Refused};
use super::serve::SeenRequest;
use super::{Google, PROJECT_NUMBER, Scenario, fault};
use crate::calendar;
use crate::form;
use crate::http::{self, Answer, Body};
use crate::wire::Wire;

/// The path of the token endpoint, which `oauth2.googleapis.com` has.
pub(crate) const TOKEN_PATH: &str = "/token";

/// The path of the token exchange, which `sts.googleapis.com` has.
pub(crate) const EXCHANGE_PATH: &str = "/v1/token";

/// The path of every service account, which `iamcredentials.googleapis.com` has.
pub(crate) const ACCOUNTS_PATH: &str = "/v1/projects/-/serviceAccounts/";

/// The names that the APIs go by.
pub(crate) const API_NAMES: [&str; 3] = [
    "iamcredentials.googleapis.com",
    "oauth2.googleapis.com",
    "sts.googleapis.com",
];

/// The body of a request to IAM Credentials.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[derive(Default)]
struct Wanted {
    delegates: Vec<String>,
    audience: String,
    include_email: bool,
    scope: Vec<String>,
    lifetime: Option<String>,
}

impl Google {
    /// Answers one request to an API, whose server goes by `base`, as the scenario of the moment wants it.
    pub(crate) async fn respond_apis(
        self: Arc<Self>,
        request: Request<Incoming>,
        base: &str,
    ) -> Answer {
        let scenario = self.state.lock().api_playbills.take(None, self.now());
        let seen = SeenRequest::of(&request, &self.clock, None, scenario);
        self.api_requests.push(seen);
        let wire = Wire::of(&request);
        if let Some(faulty) = googles_form(scenario) {
            return Ok(faulty);
        }
        let right = self.answer_api(request, base, scenario);
        fault::perform(scenario, wire, right).await
    }

    async fn answer_api(
        &self,
        request: Request<Incoming>,
        base: &str,
        scenario: Scenario,
    ) -> Answer {
        let (parts, body) = request.into_parts();
        let body = http::read(body).await?;
        let path = parts.uri.path();
        if parts.method != Method::POST {
            return Ok(refusal(
                StatusCode::NOT_FOUND,
                "NOT_FOUND",
                "Method not found.",
            ));
        }
        let form = form::pairs(&String::from_utf8_lossy(&body));
        Ok(match path {
            TOKEN_PATH => self.token(&form, &format!("{base}{TOKEN_PATH}"), scenario),
            EXCHANGE_PATH => self.exchange(&form),
            _ => match path
                .strip_prefix(ACCOUNTS_PATH)
                .and_then(|rest| rest.rsplit_once(':'))
            {
                Some((account, verb)) => self.iam(account, verb, &parts.headers, &body, scenario),
                None => refusal(StatusCode::NOT_FOUND, "NOT_FOUND", "Method not found."),
            },
        })
    }

    fn token(
        &self,
        form: &[(String, String)],
        endpoint: &str,
        scenario: Scenario,
    ) -> Response<Body> {
        let now = self.clock.unix();
        let granted = self.state.lock().clients.grant(form, endpoint, now);
        match granted {
            Ok(Granted::AccessToken(owner)) => self.bearer(&owner),
            Ok(Granted::IdToken { email, audience }) => {
                let token = self.issue_for_key(&self.account(&email), &audience, scenario);
                http::json(StatusCode::OK, &json!({ "id_token": token }))
            }
            Err(refused) => oauth_refusal(&refused),
        }
    }

    fn exchange(&self, form: &[(String, String)]) -> Response<Body> {
        let jwks = self.pool_jwks();
        match oauth::exchange(form, &jwks, self.clock.unix()) {
            Ok(principal) => self.bearer(&principal),
            Err(refused) => oauth_refusal(&refused),
        }
    }

    fn bearer(&self, owner: &str) -> Response<Body> {
        let issued = self.access_token_for(owner);
        let body = json!({
            "access_token": issued.token,
            "expires_in": issued.expires_in,
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "token_type": "Bearer",
        });
        http::json(StatusCode::OK, &body)
    }

    fn iam(
        &self,
        account: &str,
        verb: &str,
        headers: &HeaderMap,
        body: &[u8],
        scenario: Scenario,
    ) -> Response<Body> {
        let permission = match verb {
            "generateIdToken" => Permission::IdToken,
            "generateAccessToken" => Permission::AccessToken,
            _ => return refusal(StatusCode::NOT_FOUND, "NOT_FOUND", "Method not found."),
        };
        let Some(caller) = self.caller(headers) else {
            let text = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or \
                        other valid authentication credential.";
            return refusal(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", text);
        };
        if !self.state.lock().iam_api_is_enabled {
            return disabled();
        }
        let Some(wanted) = wanted(body, permission) else {
            let text = "Request contains an invalid argument.";
            return refusal(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", text);
        };
        if let Err(missing) = self.check(&caller, &wanted, account, permission) {
            return denied(missing, account);
        }
        if permission == Permission::AccessToken {
            let issued = self.access_token_for(account);
            let until = calendar::iso8601(self.clock.unix() + issued.expires_in);
            let body = json!({"accessToken": issued.token, "expireTime": until});
            return http::json(StatusCode::OK, &body);
        }
        let account = self.account(account);
        let token = self.issue_by_api(&account, &wanted.audience, wanted.include_email, scenario);
        http::json(StatusCode::OK, &json!({ "token": token }))
    }

    /// Whose access token the request carries.
    fn caller(&self, headers: &HeaderMap) -> Option<String> {
        let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
        self.access_token_owner(header.strip_prefix("Bearer ")?)
    }

    fn check(
        &self,
        caller: &str,
        wanted: &Wanted,
        account: &str,
        permission: Permission,
    ) -> Result<(), Missing> {
        let delegate = |name: &String| {
            let email = name.strip_prefix("projects/-/serviceAccounts/");
            email.unwrap_or(name).to_owned()
        };
        let delegates: Vec<_> = wanted.delegates.iter().map(delegate).collect();
        let iam = &self.state.lock().iam;
        iam.check(caller, &delegates, account, permission)
    }
}

/// What the body asks for, where it is whole; the lifetime is taken and not used, as the sandbox's lifetimes are set elsewhere.
fn wanted(body: &[u8], permission: Permission) -> Option<Wanted> {
    let wanted: Wanted = serde_json::from_slice(body).ok()?;
    let is_whole = match permission {
        Permission::AccessToken => !wanted.scope.is_empty() && wanted.audience.is_empty(),
        _ => !wanted.audience.is_empty() && wanted.scope.is_empty() && wanted.lifetime.is_none(),
    };
    is_whole.then_some(wanted)
}

/// The shape of all of Google's newer errors: <https://cloud.google.com/apis/design/errors#error_model>.
fn refusal(status: StatusCode, name: &str, message: &str) -> Response<Body> {
    detailed(status, name, message, &json!([]))
}

fn detailed(status: StatusCode, name: &str, message: &str, details: &Value) -> Response<Body> {
    let mut error = json!({"code": status.as_u16(), "message": message, "status": name});
    if details
        .as_array()
        .is_some_and(|details| !details.is_empty())
    {
        error["details"] = details.clone();
    }
    http::json(status, &json!({ "error": error }))
}

fn denied(missing: Missing, account: &str) -> Response<Body> {
    let Missing::Permission(permission) = missing else {
        let text = format!("Not found; Gaia id not found for email {account}");
        return refusal(StatusCode::NOT_FOUND, "NOT_FOUND", &text);
    };
    let name = permission.name();
    let text = format!("Permission '{name}' denied on resource (or it may not exist).");
    let details = json!([{
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "IAM_PERMISSION_DENIED",
        "domain": "iam.googleapis.com",
        "metadata": {"permission": name, "resource": format!("projects/-/serviceAccounts/{account}")},
    }]);
    detailed(StatusCode::FORBIDDEN, "PERMISSION_DENIED", &text, &details)
}

fn disabled() -> Response<Body> {
    let text = format!(
        "IAM Service Account Credentials API has not been used in project {PROJECT_NUMBER} before or it is disabled. Enable it by \
         visiting https://console.developers.google.com/apis/api/iamcredentials.googleapis.com/overview?project={PROJECT_NUMBER} \
         then retry."
    );
    let details = json!([{
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "SERVICE_DISABLED",
        "domain": "googleapis.com",
        "metadata": {"service": "iamcredentials.googleapis.com"},
    }]);
    detailed(StatusCode::FORBIDDEN, "PERMISSION_DENIED", &text, &details)
}

fn oauth_refusal(refused: &Refused) -> Response<Body> {
    let status = match refused.error {
        "invalid_client" => StatusCode::UNAUTHORIZED,
        _ => StatusCode::BAD_REQUEST,
    };
    let body = json!({"error": refused.error, "error_description": refused.description});
    http::json(status, &body)
}

/// Google's own form of the faults that a metadata server has in HTML.
fn googles_form(scenario: Scenario) -> Option<Response<Body>> {
    let (status, name, message) = match scenario {
        Scenario::NotFound => (
            StatusCode::NOT_FOUND,
            "NOT_FOUND",
            "Requested entity was not found.",
        ),
        Scenario::ServerError => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "INTERNAL",
            "Internal error encountered.",
        ),
        Scenario::Unavailable => (
            StatusCode::SERVICE_UNAVAILABLE,
            "UNAVAILABLE",
            "The service is currently unavailable.",
        ),
        Scenario::TooManyRequests => (
            StatusCode::TOO_MANY_REQUESTS,
            "RESOURCE_EXHAUSTED",
            "Quota exceeded for quota metric 'Generate credentials requests'.",
        ),
        _ => return None,
    };
    Some(refusal(status, name, message))
}

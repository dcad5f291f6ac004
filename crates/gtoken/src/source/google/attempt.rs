//! One attempt: the requests that lead from credentials to an ID token.

use std::borrow::Cow;
use std::time::SystemTime;

use gtoken_contract::Audience;
use serde_json::json;

use super::advice::{self, Caller, Step};
use super::{CredentialsError, GoogleApis, subject};
use crate::credentials::{
    AccountUrl, AuthorizedUser, Credentials, ExternalAccount, InvalidCredentials, Secret,
    ServiceAccountKey,
};
use crate::excerpt::excerpt;
use crate::exchange::Answer;
use crate::https::{Failure, Https};
use crate::source::{
    AN_ACCESS_TOKEN, AN_ID_TOKEN, ANSWER_WITHIN, SourceError, access_token, refusal,
};

/// What lets its holder call the APIs, as far as the roles of the account go.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// The requests of one attempt.
pub(super) struct Attempt<'a> {
    pub(super) apis: &'a GoogleApis,
    pub(super) https: Https,
    pub(super) audience: &'a Audience,
    pub(super) now: SystemTime,
}

/// A token, and who gave it.
pub(in crate::source) type Given = (String, Secret);

impl Attempt<'_> {
    /// The ID token of the account that is named, else of whom the credentials are.
    pub(super) fn id_token(&self, credentials: Option<&Credentials>) -> Result<Given, SourceError> {
        let settings = &self.apis.settings;
        let named = settings.service_account.as_ref();
        let named = named.map(|email| AccountUrl::new(&settings.iam, email));
        match (named, credentials) {
            (Some(account), Some(credentials)) if !credentials.are_of(account.account()) => {
                let (access, caller) = self.access_token(credentials)?;
                self.generate_id_token(&account, &[], &access, &caller)
            }
            (_, Some(credentials)) => self.own_id_token(credentials),
            (Some(account), None) => {
                let access = self
                    .apis
                    .metadata
                    .access_token(self.https.left().min(ANSWER_WITHIN))?;
                self.generate_id_token(&account, &[], &access, &Caller::Pod)
            }
            (None, None) => Err(CredentialsError::NoFile(settings.source).into()),
        }
    }

    fn own_id_token(&self, credentials: &Credentials) -> Result<Given, SourceError> {
        match credentials {
            Credentials::ServiceAccount(key) => self.assert(
                key,
                AN_ID_TOKEN,
                ("target_audience", self.audience.as_str()),
            ),
            Credentials::Impersonated(impersonated) => {
                let (access, caller) = self.access_token(&impersonated.source)?;
                let delegates = &impersonated.delegates;
                self.generate_id_token(&impersonated.account, delegates, &access, &caller)
            }
            Credentials::ExternalAccount(external) => match &external.account {
                Some(account) => {
                    let access = self.exchange(external)?;
                    self.generate_id_token(account, &[], &access, &Caller::Workload)
                }
                None => Err(self.needs_account(credentials)),
            },
            Credentials::AuthorizedUser(_) => Err(self.needs_account(credentials)),
        }
    }

    fn needs_account(&self, credentials: &Credentials) -> SourceError {
        let (path, kind) = (self.apis.path(), credentials.kind());
        CredentialsError::NeedsAccount { path, kind }.into()
    }

    /// An access token of whom the credentials are.
    fn access_token(&self, credentials: &Credentials) -> Result<(Secret, Caller), SourceError> {
        match credentials {
            Credentials::AuthorizedUser(user) => Ok((self.refresh(user)?, Caller::Person)),
            Credentials::ServiceAccount(key) => {
                let (_, access) = self.assert(key, AN_ACCESS_TOKEN, ("scope", SCOPE))?;
                Ok((access, Caller::Account(key.email().to_owned())))
            }
            Credentials::Impersonated(impersonated) => {
                let (access, caller) = self.access_token(&impersonated.source)?;
                let delegates = &impersonated.delegates;
                self.generate_access_token(&impersonated.account, delegates, &access, &caller)
            }
            Credentials::ExternalAccount(external) => {
                let access = self.exchange(external)?;
                match &external.account {
                    Some(account) => {
                        self.generate_access_token(account, &[], &access, &Caller::Workload)
                    }
                    None => Ok((access, Caller::Workload)),
                }
            }
        }
    }

    fn assert(
        &self,
        key: &ServiceAccountKey,
        wanted: &'static str,
        claim: (&str, &str),
    ) -> Result<Given, SourceError> {
        let assertion = key.assertion(claim, self.now);
        let assertion = assertion.ok_or_else(|| CredentialsError::Invalid {
            path: self.apis.path(),
            reason: InvalidCredentials::Key,
        })?;
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", assertion.expose()),
        ];
        let url = key.token_uri();
        let answer = self.https.post_form(url.as_str(), &form, None);
        let field = if wanted == AN_ID_TOKEN {
            "id_token"
        } else {
            "access_token"
        };
        let server = format!("Google's OAuth 2.0 at {}", url.server());
        given(server, wanted, field, answer, &Step::Assertion)
    }

    fn refresh(&self, user: &AuthorizedUser) -> Result<Secret, SourceError> {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", user.client_id.as_str()),
            ("client_secret", user.client_secret.expose()),
            ("refresh_token", user.refresh_token.expose()),
        ];
        let answer = self.https.post_form(user.token_uri.as_str(), &form, None);
        let server = format!("Google's OAuth 2.0 at {}", user.token_uri.server());
        let given = given(
            server,
            AN_ACCESS_TOKEN,
            "access_token",
            answer,
            &Step::Refresh,
        );
        given.map(|(_, access)| access)
    }

    fn exchange(&self, external: &ExternalAccount) -> Result<Secret, SourceError> {
        let subject = subject::token(external, self)?;
        let options = external.user_project.as_ref();
        let options = options.map(|project| json!({"userProject": project}).to_string());
        let mut form = vec![
            (
                "grant_type",
                "urn:ietf:params:oauth:grant-type:token-exchange",
            ),
            ("audience", external.audience.as_str()),
            ("scope", SCOPE),
            (
                "requested_token_type",
                "urn:ietf:params:oauth:token-type:access_token",
            ),
            ("subject_token_type", external.subject_token_type.as_str()),
            ("subject_token", subject.expose()),
        ];
        if let Some(options) = &options {
            form.push(("options", options));
        }
        let client = external.client_header();
        let url = &external.token_url;
        let answer = self.https.post_form(url.as_str(), &form, client.as_ref());
        let server = format!("Google's STS at {}", url.server());
        let given = given(
            server,
            AN_ACCESS_TOKEN,
            "access_token",
            answer,
            &Step::Exchange,
        );
        given.map(|(_, access)| access)
    }

    fn generate_id_token(
        &self,
        account: &AccountUrl,
        delegates: &[String],
        access: &Secret,
        caller: &Caller,
    ) -> Result<Given, SourceError> {
        let body = json!({
            "audience": self.audience.as_str(),
            "delegates": delegates,
            "includeEmail": true,
        });
        let answer = self
            .https
            .post_json(&account.id_token(), access, body.to_string());
        let step = Step::IdToken {
            caller,
            account: account.account(),
            through: !delegates.is_empty(),
        };
        given(iam(account), AN_ID_TOKEN, "token", answer, &step)
    }

    fn generate_access_token(
        &self,
        account: &AccountUrl,
        delegates: &[String],
        access: &Secret,
        caller: &Caller,
    ) -> Result<(Secret, Caller), SourceError> {
        let body = json!({"delegates": delegates, "scope": [SCOPE]});
        let answer = self
            .https
            .post_json(&account.access_token(), access, body.to_string());
        let step = Step::AccessToken {
            caller,
            account: account.account(),
        };
        let (_, access) = given(iam(account), AN_ACCESS_TOKEN, "accessToken", answer, &step)?;
        Ok((access, Caller::Account(account.account().to_owned())))
    }
}

fn iam(account: &AccountUrl) -> String {
    format!("IAM Credentials at {}", account.server())
}

/// The token in the field of an answer, or what the answer means.
fn given(
    server: String,
    wanted: &'static str,
    field: &str,
    answer: Result<Answer, Failure>,
    step: &Step<'_>,
) -> Result<Given, SourceError> {
    match answer {
        Ok(Answer {
            status: 200, body, ..
        }) => match access_token(&body, field) {
            Some(token) => Ok((server, token)),
            None => Err(SourceError::Malformed {
                server,
                wanted,
                said: excerpt(&body),
            }),
        },
        Ok(answer) => Err(refused(server, wanted, &answer, step)),
        Err(failure) => Err(failed(server, wanted, &failure)),
    }
}

/// What an answer means that is none of what was asked for.
pub(super) fn refused(
    server: String,
    wanted: &'static str,
    answer: &Answer,
    step: &Step<'_>,
) -> SourceError {
    let Answer {
        status,
        retry_after,
        body,
    } = answer;
    SourceError::Refused {
        server,
        wanted,
        status: *status,
        said: advice::said(body),
        advice: Cow::Owned(advice::advice(step, *status, body)),
        retry_after: refusal::retry_after(*status, retry_after.as_deref()),
    }
}

/// What no answer means.
pub(super) fn failed(server: String, wanted: &'static str, failure: &Failure) -> SourceError {
    let reason = failure.to_string();
    if failure.needs_person {
        SourceError::Untrusted {
            server,
            wanted,
            reason,
        }
    } else {
        SourceError::Unreachable {
            server,
            wanted,
            reason,
        }
    }
}

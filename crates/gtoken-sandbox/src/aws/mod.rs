//! AWS's side: an STS that verifies tokens and signatures, evaluates trust policies, and says why it refused.
//!
//! It knows of Google's tokens only what Google publishes: the keys. Its answers to clients are AWS's own, texts included;
//! the reasons are in the journal.

mod call;
mod caller_identity;
mod endpoint;
mod journal;
mod policy;
mod provider;
mod refusal;
mod role;
mod session;
mod sigv4;
pub(crate) mod token;
mod xml;

use std::collections::HashMap;
use std::sync::Arc;

use call::{AssumeRole, Operation};
pub(crate) use endpoint::names as endpoint_names;
use hyper::body::Incoming;
use hyper::header::{HOST, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
pub use journal::Entry;
pub use policy::PolicyError;
use policy::Verdict;
pub use provider::Provider;
use refusal::Refusal;
use role::CheckedRole;
pub use role::{Role, RoleError};
use rsa::Generate;
use session::{Session, Sessions};
use sigv4::SignedRequest;
use token::WebIdentityToken;
use xml::Element;

use crate::calendar;
use crate::clock::Clock;
use crate::form;
use crate::http::{self, Answer, Body};
use crate::lifetimes::Lifetimes;
use crate::shared::{Log, Shared};

/// An AWS with roles and an STS.
pub struct Aws {
    clock: Clock,
    lifetimes: Lifetimes,
    roles: Shared<HashMap<String, CheckedRole>>,
    providers: Shared<Vec<Provider>>,
    sessions: Shared<Sessions>,
    journal: Log<Entry>,
}

/// A call that succeeded: the fields of the answer, and the reason for the journal.
struct Success {
    operation: Operation,
    fields: Vec<Element>,
    reason: String,
}

impl Aws {
    pub(crate) fn new(clock: Clock, lifetimes: Lifetimes, google: Provider) -> Self {
        Self {
            clock,
            lifetimes,
            roles: Shared::default(),
            providers: Shared::new(vec![google]),
            sessions: Shared::default(),
            journal: Log::default(),
        }
    }

    /// Creates the role, or replaces the one with its ARN.
    pub fn put_role(&self, role: &Role) -> Result<(), RoleError> {
        let checked = role.check()?;
        self.roles.lock().insert(role.arn.clone(), checked);
        Ok(())
    }

    /// Adds an identity provider to those that tokens are taken of, or replaces the one of that account and issuer.
    pub fn put_provider(&self, provider: Provider) {
        let mut providers = self.providers.lock();
        providers.retain(|known| !known.is_same(&provider));
        providers.push(provider);
    }

    /// Whether STS takes this token for this role now, and why not: `AssumeRoleWithWebIdentity` without the way over the network,
    /// and without an entry in the journal.
    pub fn check_token(&self, role_arn: &str, token: &str) -> Result<(), String> {
        let parameters = [
            ("RoleArn", role_arn),
            ("RoleSessionName", "check"),
            ("WebIdentityToken", token),
        ];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let call = AssumeRole::parse(&parameters);
        let outcome = call.and_then(|call| self.assume_role(&call));
        outcome.map(|_| ()).map_err(|refusal| refusal.reason)
    }

    /// The calls, oldest first; the last 10,000.
    pub fn journal(&self) -> Vec<Entry> {
        self.journal.entries()
    }

    /// Answers one request to STS.
    pub(crate) async fn respond(self: Arc<Self>, request: Request<Incoming>) -> Answer {
        let (parts, body) = request.into_parts();
        let body = http::read(body).await?;
        Ok(self.answer(parts, &body))
    }

    fn answer(&self, mut parts: Parts, body: &[u8]) -> Response<Body> {
        let mut parameters = form::pairs(parts.uri.query().unwrap_or_default());
        if parts.method == Method::POST {
            parameters.extend(form::pairs(&String::from_utf8_lossy(body)));
        }
        name_host(&mut parts);
        let entry = Entry::of(&parts.headers, &parameters, &self.sessions.lock());
        let outcome = self.perform(&parts, &parameters, body);
        self.record(entry, &outcome);
        let request_id = request_id();
        let (status, xml) = match &outcome {
            Ok(success) => {
                let name = success.operation.name();
                (
                    StatusCode::OK,
                    xml::success(name, &success.fields, &request_id),
                )
            }
            Err(refusal) => (refusal.status, xml::failure(refusal, &request_id)),
        };
        let mut response = http::answer(status, "text/xml", xml);
        let id = HeaderValue::try_from(request_id).expect("hex digits and dashes");
        response.headers_mut().insert("x-amzn-requestid", id);
        response
    }

    fn perform(
        &self,
        parts: &Parts,
        parameters: &[(String, String)],
        body: &[u8],
    ) -> Result<Success, Refusal> {
        if parts.method != Method::GET && parts.method != Method::POST {
            return Err(Refusal::method_not_allowed(parts.method.as_str()));
        }
        match Operation::parse(parameters)? {
            Operation::AssumeRoleWithWebIdentity => {
                self.assume_role(&AssumeRole::parse(parameters)?)
            }
            Operation::GetCallerIdentity => self.caller_identity(&SignedRequest {
                method: parts.method.as_str(),
                path: parts.uri.path(),
                query: parts.uri.query().unwrap_or_default(),
                headers: &parts.headers,
                body,
            }),
        }
    }

    fn assume_role(&self, call: &AssumeRole) -> Result<Success, Refusal> {
        let now = self.clock.unix();
        let (token, provider) = self.verify(call, now)?;
        let role = self.roles.lock().get(&call.role_arn).cloned();
        let Some(role) = role else {
            let reason = format!("there is no role {}", call.role_arn);
            return Err(Refusal::access_denied(reason));
        };
        let principal = provider.principal(&role.arn.partition);
        let mut context = provider.context(token.claims());
        context.insert("sts:RoleSessionName", vec![call.session_name.clone()]);
        context.insert("aws:CurrentTime", vec![calendar::iso8601(now)]);
        context.insert("aws:EpochTime", vec![now.to_string()]);
        let action = "sts:AssumeRoleWithWebIdentity";
        if let Verdict::Refused(reason) = role.trust_policy.evaluate(action, &principal, &context) {
            return Err(Refusal::access_denied(reason));
        }
        let subject = token.text("sub")?;
        let longest = role.max_session_duration;
        let lifetime = self.lifetimes.of(&token.account());
        let usual = lifetime.session.as_secs().min(longest);
        let duration = call.duration.unwrap_or(usual);
        if duration > longest {
            let message =
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
            return Err(Refusal::validation(message));
        }
        let session = Session::new(
            &call.role_arn,
            &role.arn,
            &call.session_name,
            subject,
            now + duration,
        );
        let audience = provider.audience(token.claims());
        let success = assumed(&session, audience, principal);
        self.sessions.lock().add(session, now);
        Ok(success)
    }

    /// The token, once it is believed, and whose it is.
    fn verify(&self, call: &AssumeRole, now: u64) -> Result<(WebIdentityToken, Provider), Refusal> {
        let token = WebIdentityToken::parse(&call.token)?;
        let issuer = token.text("iss")?;
        let account = &call.role.account;
        let providers = self.providers.lock();
        let provider = providers
            .iter()
            .find(|known| known.issues(issuer, account))
            .cloned();
        drop(providers);
        let provider = provider.ok_or_else(|| Refusal::no_provider(issuer, account))?;
        let jwks = provider
            .jwks()
            .ok_or_else(|| Refusal::provider_unreachable(issuer))?;
        token.verify(&jwks)?;
        let grace = self.lifetimes.of(&token.account()).grace;
        token.check_times(now, grace.as_secs())?;
        token.text("sub")?;
        let audiences = provider::texts(token.claims().get("aud"));
        if audiences.is_empty() {
            return Err(token::TokenFault::Claim("aud").into());
        }
        if !provider.takes(&audiences) {
            return Err(Refusal::wrong_audience(&audiences));
        }
        Ok((token, provider))
    }

    fn caller_identity(&self, request: &SignedRequest<'_>) -> Result<Success, Refusal> {
        let sessions = self.sessions.lock();
        let session = caller_identity::caller(request, &sessions, self.clock.unix())?;
        Ok(Success {
            operation: Operation::GetCallerIdentity,
            fields: vec![
                Element::Text("Arn", session.arn.clone()),
                Element::Text("UserId", session.assumed_role_id.clone()),
                Element::Text("Account", session.account.clone()),
            ],
            reason: format!("the signature is {}'s", session.arn),
        })
    }

    fn record(&self, call: Entry, outcome: &Result<Success, Refusal>) {
        let (outcome, reason) = match outcome {
            Ok(success) => ("Success", success.reason.clone()),
            Err(refusal) => (refusal.code, refusal.reason.clone()),
        };
        self.journal.push(Entry {
            time: calendar::iso8601(self.clock.unix()),
            outcome: outcome.to_owned(),
            reason,
            ..call
        });
    }
}

fn assumed(session: &Session, audience: String, provider: String) -> Success {
    use Element::{Group, Text};
    let subject = session.subject.clone();
    let reason = format!("the trust policy allows {subject} of {provider}");
    let user = vec![
        Text("AssumedRoleId", session.assumed_role_id.clone()),
        Text("Arn", session.arn.clone()),
    ];
    let credentials = vec![
        Text("AccessKeyId", session.access_key_id.clone()),
        Text("SecretAccessKey", session.secret_access_key.clone()),
        Text("SessionToken", session.token.clone()),
        Text("Expiration", calendar::iso8601(session.expires)),
    ];
    let fields = vec![
        Text("SubjectFromWebIdentityToken", subject),
        Text("Audience", audience),
        Group("AssumedRoleUser", user),
        Group("Credentials", credentials),
        Text("Provider", provider),
        Text("PackedPolicySize", "0".into()),
    ];
    Success {
        operation: Operation::AssumeRoleWithWebIdentity,
        fields,
        reason,
    }
}

/// HTTP/2 carries the host in `:authority`, which signers call `host` all the same.
fn name_host(parts: &mut Parts) {
    if let Some(authority) = parts.uri.authority()
        && !parts.headers.contains_key(HOST)
        && let Ok(host) = HeaderValue::try_from(authority.as_str())
    {
        parts.headers.insert(HOST, host);
    }
}

/// A UUID of version 4 (RFC 9562).
fn request_id() -> String {
    let bits = u128::from_be_bytes(Generate::generate());
    let bits = bits & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    let ends = [8, 12, 16, 20, 32];
    let starts = [0, 8, 12, 16, 20];
    let groups = starts.into_iter().zip(ends);
    let groups: Vec<_> = groups.map(|(start, end)| &hex[start..end]).collect();
    groups.join("-")
}

//! The identity providers that STS takes tokens of: Google, which IAM has built in, and OIDC providers of an account.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::policy::Context;
use crate::google::{self, Google};

/// How trust policies and their keys name Google.
pub(crate) const GOOGLE: &str = "accounts.google.com";

/// An identity provider whose tokens may assume roles.
#[derive(Clone)]
pub struct Provider {
    issuer: String,
    kind: Kind,
    keys: Keys,
}

/// Fetches the provider's JWKS; nothing where it cannot be reached.
type Keys = Arc<dyn Fn() -> Option<Value> + Send + Sync>;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Google,
    Oidc {
        account: String,
        client_ids: Vec<String>,
    },
}

impl Provider {
    /// An OIDC provider created in an account (`aws iam create-open-id-connect-provider`): it takes tokens for these
    /// client ids only, and is the one that `arn:aws:iam::ACCOUNT:oidc-provider/HOST/PATH` names.
    pub fn oidc(
        account: &str,
        issuer: &str,
        client_ids: &[&str],
        keys: impl Fn() -> Option<Value> + Send + Sync + 'static,
    ) -> Self {
        Self {
            issuer: issuer.to_owned(),
            kind: Kind::Oidc {
                account: account.to_owned(),
                client_ids: client_ids.iter().map(ToString::to_string).collect(),
            },
            keys: Arc::new(keys),
        }
    }

    pub(crate) fn google(google: &Arc<Google>) -> Self {
        let google = Arc::clone(google);
        Self {
            issuer: google::ISSUER.to_owned(),
            kind: Kind::Google,
            keys: Arc::new(move || google.jwks()),
        }
    }

    /// Whether tokens with this `iss` are this provider's, for a role of `account`.
    pub(crate) fn issues(&self, issuer: &str, account: &str) -> bool {
        match &self.kind {
            // Google's tokens were long issued with the bare host.
            Kind::Google => [GOOGLE, google::ISSUER].contains(&issuer),
            Kind::Oidc { account: of, .. } => of == account && issuer == self.issuer,
        }
    }

    /// Whether it is the same provider, with other keys or client ids.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let account = |provider: &Self| match &provider.kind {
            Kind::Google => None,
            Kind::Oidc { account, .. } => Some(account.clone()),
        };
        self.issuer == other.issuer && account(self) == account(other)
    }

    pub(crate) fn jwks(&self) -> Option<Value> {
        (self.keys)()
    }

    /// Whether the token is meant for AWS at all, which a provider of an account says by its client ids.
    pub(crate) fn takes(&self, audiences: &[String]) -> bool {
        match &self.kind {
            Kind::Google => true,
            Kind::Oidc { client_ids, .. } => audiences
                .iter()
                .any(|audience| client_ids.contains(audience)),
        }
    }

    /// The provider as trust policies of the partition name it, and as STS's answer does.
    pub(crate) fn principal(&self, partition: &str) -> String {
        match &self.kind {
            Kind::Google => GOOGLE.to_owned(),
            Kind::Oidc { account, .. } => {
                format!(
                    "arn:{partition}:iam::{account}:oidc-provider/{}",
                    self.host()
                )
            }
        }
    }

    /// What the token's claims say for the keys of conditions.
    ///
    /// Google's `azp`, where there is one, stands under `aud`, and the `aud` claim under `oaud`; IAM's reference of keys says so
    /// of Google alone.
    pub(crate) fn context(&self, claims: &Map<String, Value>) -> Context {
        let mut context = Context::default();
        let mut insert = |key: &str, values: Vec<String>| {
            context.insert(&format!("{}:{key}", self.host()), values);
        };
        insert("sub", texts(claims.get("sub")));
        match &self.kind {
            Kind::Google => {
                let audience = texts(claims.get("aud"));
                insert("aud", texts(claims.get("azp").or(claims.get("aud"))));
                insert("oaud", audience);
                let number = claims
                    .get("google")
                    .and_then(|google| google.get("organization_number"));
                insert("google/organization_number", texts(number));
            }
            Kind::Oidc { .. } => {
                insert("aud", texts(claims.get("aud")));
                insert("amr", texts(claims.get("amr")));
            }
        }
        context
    }

    /// The audience that STS's answer names: what stands under the key `aud`.
    pub(crate) fn audience(&self, claims: &Map<String, Value>) -> String {
        let azp = claims.get("azp").filter(|_| self.kind == Kind::Google);
        let audience = texts(azp.or(claims.get("aud")));
        audience.into_iter().next().unwrap_or_default()
    }

    fn host(&self) -> &str {
        match self.kind {
            Kind::Google => GOOGLE,
            Kind::Oidc { .. } => {
                let stripped = self.issuer.strip_prefix("https://");
                stripped.unwrap_or(&self.issuer)
            }
        }
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider")
            .field("issuer", &self.issuer)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// The texts of a claim, which may be one value, a list of them, or missing.
pub(crate) fn texts(claim: Option<&Value>) -> Vec<String> {
    match claim {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(values)) => values.iter().map(plain).collect(),
        Some(value) => vec![plain(value)],
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

//! The Google and the AWS of the cluster: a sandbox, by its control API.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use ureq::Agent;

/// The AWS account that every role is of.
pub(crate) const AWS_ACCOUNT: &str = "123456789012";

/// What gtoken asks for unless it is told otherwise; a trust policy names it too.
const AUDIENCE: &str = "gtoken/sts/assume-role-with-web-identity";

/// The same of tokens that the cluster itself signs.
const CLUSTER_AUDIENCE: &str = "sts.amazonaws.com";

/// The longest that the control API takes for an answer.
const LIMIT: Duration = Duration::from_secs(20);

/// A sandbox.
#[derive(Clone, Debug)]
pub(crate) struct Cloud {
    agent: Agent,
    url: String,
    /// The authority of its STS, in PEM.
    authority: String,
}

impl Cloud {
    /// The sandbox whose control API is at `url`; it has to answer.
    pub(crate) fn connect(url: &str, authority: &Path) -> anyhow::Result<Self> {
        let config = Agent::config_builder()
            .timeout_global(Some(LIMIT))
            .http_status_as_error(false)
            .build();
        let cloud = Self {
            agent: config.into(),
            url: url.trim_end_matches('/').to_owned(),
            authority: fs::read_to_string(authority).with_context(|| {
                format!("could not read the STS authority {}", authority.display())
            })?,
        };
        cloud.get("/journal?outcome=none")?;
        Ok(cloud)
    }

    /// The authority of its STS, in PEM.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// Creates a role that trusts gtoken's tokens of one Google account and nothing else.
    pub(crate) fn put_role(&self, role: &str, account: &str) -> anyhow::Result<()> {
        let unique_id = self.get(&format!("/accounts?email={account}"))?["uniqueId"].take();
        let claims = json!({
            "accounts.google.com:sub": unique_id,
            "accounts.google.com:oaud": AUDIENCE,
        });
        self.put_trust(role, "accounts.google.com", &claims)
    }

    /// Creates a role that trusts tokens of one ServiceAccount, of the cluster with this issuer, and nothing else.
    pub(crate) fn put_cluster_role(
        &self,
        role: &str,
        issuer: &str,
        subject: &str,
    ) -> anyhow::Result<()> {
        let host = issuer.strip_prefix("https://").unwrap_or(issuer);
        let claims = json!({
            format!("{host}:sub"): subject,
            format!("{host}:aud"): CLUSTER_AUDIENCE,
        });
        let provider = format!("arn:aws:iam::{AWS_ACCOUNT}:oidc-provider/{host}");
        self.put_trust(role, &provider, &claims)
    }

    fn put_trust(&self, role: &str, provider: &str, claims: &Value) -> anyhow::Result<()> {
        self.put(
            "/roles",
            &json!({
                "arn": role_arn(role),
                "trustPolicy": {"Version": "2012-10-17", "Statement": [{
                    "Effect": "Allow",
                    "Principal": {"Federated": provider},
                    "Action": "sts:AssumeRoleWithWebIdentity",
                    "Condition": {"StringEquals": claims},
                }]},
            }),
        )
    }

    /// Makes AWS know the issuer of a cluster by its keys, as `aws iam create-open-id-connect-provider` does.
    pub(crate) fn put_provider(&self, issuer: &str, keys: &Value) -> anyhow::Result<()> {
        let provider = json!({
            "account": AWS_ACCOUNT,
            "issuer": issuer,
            "clientIds": [CLUSTER_AUDIENCE],
            "jwks": keys,
        });
        self.put("/providers", &provider)
    }

    /// How long an account's tokens and sessions live, in seconds, with no grace after their end.
    pub(crate) fn put_lifetimes(
        &self,
        account: &str,
        token: u64,
        session: u64,
    ) -> anyhow::Result<()> {
        let change = json!({"account": account, "token": token, "session": session, "grace": 0});
        self.put("/lifetimes", &change)
    }

    /// Lets the metadata server refuse the pods of a namespace that are younger than `age`.
    pub(crate) fn refuse_young_pods(&self, namespace: &str, age: Duration) -> anyhow::Result<()> {
        let seconds = age.as_secs();
        let path = format!("/scenario?namespace={namespace}&youngerThan={seconds}");
        self.put(&path, &json!("refused"))
    }

    /// The calls of STS that concern a role, oldest first.
    pub(crate) fn calls(&self, role: &str) -> anyhow::Result<Vec<Value>> {
        self.list(&format!("/journal?role={}", role_arn(role)))
    }

    /// What the pods of a namespace asked of the metadata server, oldest first.
    pub(crate) fn requests(&self, namespace: &str) -> anyhow::Result<Vec<Value>> {
        self.list(&format!("/requests?namespace={namespace}"))
    }

    fn list(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        match self.get(path)? {
            Value::Array(entries) => Ok(entries),
            other => bail!("the sandbox answered no list to GET {path}: {other}"),
        }
    }

    fn get(&self, path: &str) -> anyhow::Result<Value> {
        let tried = || self.tried("GET", path);
        let mut response = self
            .agent
            .get(format!("{}{path}", self.url))
            .call()
            .with_context(tried)?;
        let body = response.body_mut().read_to_string().with_context(tried)?;
        if response.status() != 200 {
            bail!("{}: {body}", tried());
        }
        serde_json::from_str(&body).with_context(tried)
    }

    fn put(&self, path: &str, body: &Value) -> anyhow::Result<()> {
        let tried = || self.tried("PUT", path);
        let mut response = self
            .agent
            .put(format!("{}{path}", self.url))
            .send(body.to_string())
            .with_context(tried)?;
        if response.status() != 204 {
            let said = response.body_mut().read_to_string().unwrap_or_default();
            bail!("{}: {said}", tried());
        }
        Ok(())
    }

    fn tried(&self, method: &str, path: &str) -> String {
        let url = &self.url;
        format!("could not {method} {url}{path} of the sandbox's control API")
    }
}

/// The ARN of a role of the account.
pub(crate) fn role_arn(role: &str) -> String {
    format!("arn:aws:iam::{AWS_ACCOUNT}:role/{role}")
}

//! HTTP and HTTPS to servers that this program started itself, trusting nothing but their authorities.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// A client for one server.
pub(crate) struct Client {
    agent: Agent,
    base: String,
    bearer: Option<String>,
}

impl Client {
    /// A client for the server at `base`, which presents a certificate that `ca_pem` signed.
    pub(crate) fn new(
        base: &str,
        ca_pem: Option<&str>,
        bearer: Option<&str>,
    ) -> anyhow::Result<Self> {
        let mut config = Agent::config_builder()
            // This program talks to itself only; a proxy from the environment would stand in between.
            .proxy(None)
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(20)));
        if let Some(pem) = ca_pem {
            let root =
                Certificate::from_pem(pem.as_bytes()).context("the CA is no certificate in PEM")?;
            config = config.tls_config(
                TlsConfig::builder()
                    .root_certs(RootCerts::new_with_certs(&[root]))
                    .build(),
            );
        }
        Ok(Self {
            agent: config.build().into(),
            base: base.trim_end_matches('/').to_owned(),
            bearer: bearer.map(|token| format!("Bearer {token}")),
        })
    }

    /// Sends JSON and reads JSON; any status but success is an error that holds the answer.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: &Value,
    ) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.base);
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(&url)
            .header("content-type", content_type);
        if let Some(bearer) = &self.bearer {
            request = request.header("authorization", bearer);
        }
        let request = request.body(serde_json::to_string(body)?)?;
        read(self.agent.run(request), method, &url)
    }

    /// Reads JSON.
    pub(crate) fn fetch(&self, path: &str) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.base);
        read(self.agent.get(&url).call(), "GET", &url)
    }

    /// Whether the server answers this path with success.
    pub(crate) fn is_well(&self, path: &str) -> bool {
        let answer = self.agent.get(format!("{}{path}", self.base)).call();
        answer.is_ok_and(|answer| answer.status().is_success())
    }
}

fn read(
    answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    method: &str,
    url: &str,
) -> anyhow::Result<Value> {
    let mut answer = answer.with_context(|| format!("{method} {url} failed"))?;
    let text = answer
        .body_mut()
        .read_to_string()
        .with_context(|| format!("{method} {url} broke off"))?;
    if !answer.status().is_success() {
        bail!(
            "{method} {url} was answered with {}: {}",
            answer.status(),
            text.trim()
        );
    }
    if text.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&text)
        .with_context(|| format!("{method} {url} was not answered with JSON"))
}

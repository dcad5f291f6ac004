//! Talking to a sandbox as clients do, and nothing that it could be asked as a library.

use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) flavor: Option<String>,
    pub(crate) body: String,
}

impl Reply {
    /// The text of an XML element, of which the answers here have at most one of a name.
    pub(crate) fn field(&self, name: &str) -> &str {
        let text = self.body.split_once(&format!("<{name}>"));
        let text = text.and_then(|(_, rest)| rest.split_once(&format!("</{name}>")));
        text.map_or("", |(text, _)| text)
    }

    /// The status and the code of an error of AWS.
    pub(crate) fn refusal(&self) -> (u16, &str) {
        (self.status, self.field("Code"))
    }
}

/// A client that trusts this authority only and follows no redirect.
pub(crate) fn agent(authority: &str) -> Agent {
    let authority = Certificate::from_pem(authority.as_bytes()).expect("a certificate");
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(vec![authority])))
        .build();
    Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(Duration::from_secs(20)))
        .proxy(None)
        .build()
        .new_agent()
}

/// Sends a GET with these headers.
pub(crate) fn get(
    agent: &Agent,
    url: &str,
    headers: &[(&str, &str)],
) -> Result<Reply, ureq::Error> {
    let mut request = agent.get(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    reply(request.call()?)
}

/// Sends a POST of a form with these headers.
pub(crate) fn post(
    agent: &Agent,
    url: &str,
    headers: &[(&str, &str)],
    form: &str,
) -> Result<Reply, ureq::Error> {
    let mut request = agent.post(url).header("content-type", FORM);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    reply(request.send(form)?)
}

/// The type of a form.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// Reads all of an answer.
pub(crate) fn reply(mut response: ureq::http::Response<ureq::Body>) -> Result<Reply, ureq::Error> {
    let flavor = response.headers().get("metadata-flavor");
    let flavor = flavor.and_then(|flavor| flavor.to_str().ok().map(str::to_owned));
    Ok(Reply {
        status: response.status().as_u16(),
        flavor,
        body: response.body_mut().read_to_string()?,
    })
}

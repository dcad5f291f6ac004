//! Talking to a sandbox as clients do, and nothing that it could be asked as a library.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpSocket;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Error};

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
    config(authority).new_agent()
}

/// The same client, for which every name leads to this address, and port.
pub(crate) fn agent_led_to(address: SocketAddr, authority: &str) -> Agent {
    let connector = DefaultConnector::default();
    Agent::with_parts(config(authority), connector, LedTo(address))
}

#[derive(Debug)]
struct LedTo(SocketAddr);

impl Resolver for LedTo {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let mut found = self.empty();
        found.push(self.0);
        Ok(found)
    }
}

fn config(authority: &str) -> Config {
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
}

/// Sends a GET with these headers.
pub(crate) fn get(agent: &Agent, url: &str, headers: &[(&str, &str)]) -> Result<Reply, Error> {
    let mut request = agent.get(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    reply(request.call()?)
}

/// Asks the metadata server from this address of ours; nothing where the connection ends without an answer.
pub(crate) fn get_from(from: IpAddr, to: SocketAddr, path: &str) -> Option<Reply> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let connected = runtime.block_on(async {
        let socket = TcpSocket::new_v4()?;
        socket.bind((from, 0).into())?;
        socket.connect(to).await?.into_std()
    });
    let mut stream = connected.expect("a connection");
    stream.set_nonblocking(false).expect("a socket");
    let limit = Some(Duration::from_secs(20));
    stream.set_read_timeout(limit).expect("a limit");
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: metadata.google.internal\r\nMetadata-Flavor: Google\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    // A connection that is cut instead of closed gives no answer either.
    let _ = stream.read_to_string(&mut answer);
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Reply {
        status,
        flavor: None,
        body: body.to_owned(),
    })
}

/// Sends a POST of a form with these headers.
pub(crate) fn post(
    agent: &Agent,
    url: &str,
    headers: &[(&str, &str)],
    form: &str,
) -> Result<Reply, Error> {
    let mut request = agent.post(url).header("content-type", FORM);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    reply(request.send(form)?)
}

/// The type of a form.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// Reads all of an answer.
pub(crate) fn reply(mut response: ureq::http::Response<ureq::Body>) -> Result<Reply, Error> {
    let flavor = response.headers().get("metadata-flavor");
    let flavor = flavor.and_then(|flavor| flavor.to_str().ok().map(str::to_owned));
    Ok(Reply {
        status: response.status().as_u16(),
        flavor,
        body: response.body_mut().read_to_string()?,
    })
}

//! Looks names up as ureq does; addresses without the thread that ureq starts for a time limit.

use std::net::{IpAddr, SocketAddr};

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// A resolver for which an address, the metadata server's common case, is no name.
#[derive(Debug, Default)]
pub(crate) struct NoThreadForAddresses(DefaultResolver);

impl Resolver for NoThreadForAddresses {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let host = uri.host().unwrap_or_default();
        let usual = if uri.scheme_str() == Some("https") {
            443
        } else {
            80
        };
        match host.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(address) => {
                let mut addresses = self.empty();
                addresses.push(SocketAddr::new(address, uri.port_u16().unwrap_or(usual)));
                Ok(addresses)
            }
            Err(_) => self
                .0
                .resolve(uri, config, timeout)
                .map_err(|error| match error {
                    // A name server's answer is no failure of the connection.
                    Error::Io(_) => Error::HostNotFound,
                    other => other,
                }),
        }
    }
}

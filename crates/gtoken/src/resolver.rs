//! Looks names up as ureq does, and survives where the system gives no thread for it; addresses need none.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::mpsc;
use std::thread;

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// As many addresses as ureq tries of a name.
const ADDRESSES: usize = 16;

/// A resolver for which an address, the metadata server's common case, is no name.
#[derive(Debug)]
pub(crate) struct NoThreadForAddresses;

impl Resolver for NoThreadForAddresses {
    fn resolve(
        &self,
        uri: &Uri,
        _: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let usual = if uri.scheme_str() == Some("https") {
            443
        } else {
            80
        };
        let port = uri.port_u16().unwrap_or(usual);
        let found = match host.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, port)],
            Err(_) => look_up(host.to_owned(), port, timeout)?,
        };
        let mut addresses = self.empty();
        for address in found.into_iter().take(ADDRESSES) {
            addresses.push(address);
        }
        Ok(addresses)
    }
}

/// Looks up on another thread, for nothing else bounds how long that takes. ureq's own would panic where there is none.
fn look_up(name: String, port: u16, timeout: NextTimeout) -> Result<Vec<SocketAddr>, Error> {
    let (sender, receiver) = mpsc::channel();
    let look = move || {
        let found = (name.as_str(), port).to_socket_addrs();
        // Nobody listens any more once the time is over.
        let _ = sender.send(found.map(Iterator::collect::<Vec<_>>));
    };
    thread::Builder::new().spawn(look).map_err(|error| {
        let reason = format!("the system gives no thread to look its name up: {error}");
        Error::Io(io::Error::new(error.kind(), reason))
    })?;
    match receiver.recv_timeout(*timeout.after) {
        Ok(Ok(found)) if !found.is_empty() => Ok(found),
        // A name server's answer is no failure of the connection.
        Ok(_) => Err(Error::HostNotFound),
        Err(_) => Err(Error::Timeout(timeout.reason)),
    }
}

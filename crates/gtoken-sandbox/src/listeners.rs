//! The sockets of a sandbox: all are opened before anything is served, so that what cannot be had is known at once.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use tokio_rustls::TlsAcceptor;

use crate::aws;
use crate::certificates::{Authority, TlsError};
use crate::google;
use crate::sandbox::{Config, StartError};

/// Where the servers listen.
#[derive(Clone, Copy)]
pub(crate) struct Addresses {
    pub(crate) metadata: SocketAddr,
    pub(crate) google: SocketAddr,
    pub(crate) sts: SocketAddr,
    pub(crate) kubernetes: SocketAddr,
    pub(crate) control: SocketAddr,
}

/// TLS for the servers that speak it, each with a certificate of its own.
pub(crate) struct Acceptors {
    pub(crate) google: TlsAcceptor,
    pub(crate) sts: TlsAcceptor,
    pub(crate) kubernetes: TlsAcceptor,
}

/// The servers' sockets, open but not served yet.
pub(crate) struct Listeners {
    pub(crate) metadata: TcpListener,
    pub(crate) google: TcpListener,
    pub(crate) sts: TcpListener,
    pub(crate) kubernetes: TcpListener,
    pub(crate) control: TcpListener,
}

impl Addresses {
    /// The lines of `/etc/hosts` for servers whose clients give no port but the usual one.
    pub(crate) fn hosts(&self) -> String {
        let metadata = ["metadata.google.internal".to_owned()];
        let sts = aws::endpoint_names();
        let google = google::API_NAMES.map(str::to_owned);
        let servers = [
            (self.metadata, 80, &metadata[..]),
            (self.google, 443, &google[..]),
            (self.sts, 443, &sts),
        ];
        let reachable = servers
            .into_iter()
            .filter(|(at, port, _)| at.port() == *port);
        let lines = reachable.map(|(at, _, names)| format!("{} {}\n", at.ip(), names.join(" ")));
        lines.collect()
    }
}

impl Acceptors {
    pub(crate) fn new(authority: &Authority, at: &Addresses) -> Result<Self, TlsError> {
        Ok(Self {
            google: authority.acceptor(at.google.ip(), &google::API_NAMES.map(str::to_owned))?,
            sts: authority.acceptor(at.sts.ip(), &aws::endpoint_names())?,
            kubernetes: authority.acceptor(at.kubernetes.ip(), &[])?,
        })
    }
}

impl Listeners {
    /// Opens all of them, or says which one cannot be had.
    pub(crate) fn bind(config: &Config) -> Result<Self, StartError> {
        Ok(Self {
            metadata: bind(
                config.metadata_address,
                "the metadata server",
                "--metadata-address",
            )?,
            google: bind(config.google_address, "Google's keys", "--google-address")?,
            sts: bind(config.sts_address, "AWS's STS", "--sts-address")?,
            kubernetes: bind(
                config.kubernetes_address,
                "the Kubernetes API",
                "--kubernetes-address",
            )?,
            control: bind(
                config.control_address,
                "the control API",
                "--control-address",
            )?,
        })
    }

    pub(crate) fn addresses(&self) -> io::Result<Addresses> {
        Ok(Addresses {
            metadata: self.metadata.local_addr()?,
            google: self.google.local_addr()?,
            sts: self.sts.local_addr()?,
            kubernetes: self.kubernetes.local_addr()?,
            control: self.control.local_addr()?,
        })
    }
}

fn bind(
    address: Option<SocketAddr>,
    server: &'static str,
    flag: &'static str,
) -> Result<TcpListener, StartError> {
    let address = address.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, 0).into());
    let opened = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    opened.map_err(|cause| StartError::Listen {
        address,
        server,
        flag,
        cause,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_servers_on_their_usual_ports_have_names() {
        let mut addresses = Addresses {
            metadata: ([169, 254, 169, 254], 80).into(),
            google: ([127, 0, 0, 1], 1).into(),
            sts: ([169, 254, 170, 53], 443).into(),
            kubernetes: ([127, 0, 0, 1], 2).into(),
            control: ([127, 0, 0, 1], 3).into(),
        };
        let hosts = addresses.hosts();
        let (metadata, sts) = hosts.split_once('\n').unwrap();
        assert_eq!(metadata, "169.254.169.254 metadata.google.internal");
        assert!(sts.starts_with("169.254.170.53 sts.amazonaws.com sts.af-south-1.amazonaws.com "));
        addresses.metadata.set_port(8080);
        addresses.sts.set_port(8443);
        assert_eq!(addresses.hosts(), "");
    }
}

//! Addresses to listen on, in the notation of Go that the flags of the Go gtoken had.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::str::FromStr;

use tokio::net::TcpListener;

/// `host:port`, `[v6]:port` or `:port`, which is every address of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    host: Option<String>,
    port: u16,
}

impl ListenAddress {
    /// Whether both cannot be listened on: the same port of the same host, or of every address of the machine.
    pub fn clashes_with(&self, other: &Self) -> bool {
        let everywhere = |host: &Option<String>| match host.as_deref() {
            None => true,
            Some(host) => host
                .parse()
                .is_ok_and(|address: IpAddr| address.is_unspecified()),
        };
        self.port == other.port
            && self.port != 0
            && (self.host == other.host || everywhere(&self.host) || everywhere(&other.host))
    }

    /// Whether only this machine itself reaches it.
    pub fn is_loopback(&self) -> bool {
        let host = self.host.as_deref().unwrap_or_default();
        let is_loopback = |address: IpAddr| address.to_canonical().is_loopback();
        host.parse().map_or(host == "localhost", is_loopback)
    }

    /// Opens the port; 0 lets the system choose one.
    pub async fn bind(&self) -> Result<TcpListener, CannotListen> {
        let listener = match &self.host {
            Some(host) => TcpListener::bind((host.as_str(), self.port)).await,
            None => bind_everywhere(self.port).await,
        };
        listener.map_err(|reason| CannotListen {
            address: self.clone(),
            reason,
        })
    }
}

/// As Go does: IPv6 takes IPv4 along; where there is no IPv6, IPv4 alone.
async fn bind_everywhere(port: u16) -> io::Result<TcpListener> {
    match TcpListener::bind(("::", port)).await {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            TcpListener::bind(("0.0.0.0", port)).await
        }
        result => result,
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Some(host) if host.contains(':') => write!(f, "[{host}]:{}", self.port),
            Some(host) => write!(f, "{host}:{}", self.port),
            None => write!(f, ":{}", self.port),
        }
    }
}

impl FromStr for ListenAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let (host, port) = text.rsplit_once(':').ok_or(InvalidAddress::NoPort)?;
        if port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidAddress::Port);
        }
        let port = port.parse().map_err(|_| InvalidAddress::Port)?;
        let bracketed = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let host = match bracketed {
            Some(inner) if inner.parse::<std::net::Ipv6Addr>().is_ok() => inner,
            None if !host.contains([':', '[', ']', '/', ' ']) => host,
            _ => return Err(InvalidAddress::Host),
        };
        Ok(Self {
            host: (!host.is_empty()).then(|| host.to_owned()),
            port,
        })
    }
}

/// Why a text is no [`ListenAddress`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// The part before the port is no host.
    #[error(
        "the host is a name or an IPv4 address, or an IPv6 address in brackets, as in [::]:8443"
    )]
    Host,
    /// There is no colon.
    #[error("an address ends with its port, as in :8443 or 127.0.0.1:8443")]
    NoPort,
    /// The port is no number of 16 bits.
    #[error("the port is a number from 0 to 65535")]
    Port,
}

/// The system does not let us listen there.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {reason}; {}", advice(reason))]
pub struct CannotListen {
    address: ListenAddress,
    reason: io::Error,
}

fn advice(reason: &io::Error) -> &'static str {
    match reason.kind() {
        io::ErrorKind::AddrInUse => "choose another address or end what uses it",
        io::ErrorKind::AddrNotAvailable => "choose an address that this machine has",
        io::ErrorKind::PermissionDenied => "choose a port from 1024 on",
        _ => "choose another address",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_reads_and_writes_it_back() {
        for text in [
            ":8443",
            "127.0.0.1:0",
            "localhost:8080",
            "[::]:8443",
            "[::1]:65535",
        ] {
            let address: Result<ListenAddress, _> = text.parse();
            assert_eq!(address.map(|a| a.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn says_what_is_wrong_with_an_address() {
        for (text, error) in [
            ("", InvalidAddress::NoPort),
            ("8443", InvalidAddress::NoPort),
            ("localhost", InvalidAddress::NoPort),
            (":", InvalidAddress::Port),
            (":https", InvalidAddress::Port),
            (":65536", InvalidAddress::Port),
            (":+80", InvalidAddress::Port),
            ("::1:80", InvalidAddress::Host),
            ("[::1:80", InvalidAddress::Host),
            ("[host]:80", InvalidAddress::Host),
            ("https://host:80", InvalidAddress::Host),
        ] {
            assert_eq!(text.parse::<ListenAddress>(), Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_port_may_be_listened_on_once() {
        for (one, other, clashes) in [
            (":8443", ":8443", true),
            (":8443", "127.0.0.1:8443", true),
            ("0.0.0.0:8443", "10.0.0.1:8443", true),
            ("[::]:8443", "10.0.0.1:8443", true),
            ("localhost:8443", "localhost:8443", true),
            ("10.0.0.1:8443", "127.0.0.1:8443", false),
            (":8443", ":8080", false),
            (":0", ":0", false),
        ] {
            let [one, other]: [ListenAddress; 2] = [one, other].map(|text| text.parse().unwrap());
            assert_eq!(one.clashes_with(&other), clashes, "{one} {other}");
            assert_eq!(other.clashes_with(&one), clashes, "{other} {one}");
        }
    }

    #[test]
    fn what_others_reach_is_told_from_the_loopback_interface() {
        for (text, is_loopback) in [
            ("127.0.0.1:80", true),
            ("[::1]:80", true),
            ("[::ffff:127.0.0.1]:80", true),
            ("localhost:80", true),
            (":80", false),
            ("[::]:80", false),
            ("10.0.0.1:80", false),
            ("gtoken:80", false),
        ] {
            let address: ListenAddress = text.parse().unwrap();
            assert_eq!(address.is_loopback(), is_loopback, "{text}");
        }
    }

    #[tokio::test]
    async fn a_port_alone_takes_connections_by_ipv4() {
        let address: ListenAddress = ":0".parse().unwrap();
        let listener = address.bind().await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = tokio::net::TcpStream::connect(("127.0.0.1", port));
        let (accepted, connected) = tokio::join!(listener.accept(), client);
        assert!(accepted.is_ok() && connected.is_ok());
    }

    #[tokio::test]
    async fn an_address_in_use_is_named() {
        let taken: ListenAddress = "127.0.0.1:0".parse().unwrap();
        let listener = taken.bind().await.unwrap();
        let text = listener.local_addr().unwrap().to_string();
        let error = text
            .parse::<ListenAddress>()
            .unwrap()
            .bind()
            .await
            .unwrap_err();
        assert!(error.to_string().contains(&text), "{error}");
    }
}

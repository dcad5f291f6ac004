//! Where to listen, in the notation of the webhook's flags.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::str::FromStr;

/// `IP:PORT`, `[IPv6]:PORT`, or `:PORT`, which is every address of the pod. No names: looking one up takes time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthAddress {
    ip: Option<IpAddr>,
    port: u16,
}

impl HealthAddress {
    /// Opens the port; 0 lets the system choose one.
    pub(super) fn listen(self) -> io::Result<TcpListener> {
        match self.ip {
            Some(ip) => TcpListener::bind((ip, self.port)),
            // IPv6 takes IPv4 along; where there is no IPv6, IPv4 alone.
            None => match TcpListener::bind((Ipv6Addr::UNSPECIFIED, self.port)) {
                Err(error) if error.kind() != ErrorKind::AddrInUse => {
                    TcpListener::bind((Ipv4Addr::UNSPECIFIED, self.port))
                }
                bound => bound,
            },
        }
    }
}

impl fmt::Display for HealthAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ip {
            Some(IpAddr::V6(ip)) => write!(f, "[{ip}]:{}", self.port),
            Some(ip) => write!(f, "{ip}:{}", self.port),
            None => write!(f, ":{}", self.port),
        }
    }
}

impl FromStr for HealthAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let (host, port) = text.rsplit_once(':').ok_or(InvalidAddress)?;
        if !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidAddress);
        }
        let port = port.parse().map_err(|_| InvalidAddress)?;
        let bracketed = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let ip = match bracketed {
            Some(ip) => Some(ip.parse::<Ipv6Addr>().map_err(|_| InvalidAddress)?.into()),
            None if host.is_empty() => None,
            None => Some(host.parse::<Ipv4Addr>().map_err(|_| InvalidAddress)?.into()),
        };
        Ok(Self { ip, port })
    }
}

/// The text is no [`HealthAddress`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is :PORT, IP:PORT or [IPv6]:PORT, as in :8080 or 127.0.0.1:8080")]
pub struct InvalidAddress;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for text in [":8080", "127.0.0.1:0", "[::]:65535", "[::1]:80"] {
            let address: Result<HealthAddress, _> = text.parse();
            assert_eq!(address.map(|a| a.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn refuses_what_is_no_address() {
        for text in [
            "",
            "8080",
            ":",
            ":http",
            ":65536",
            ":+80",
            ":-1",
            "localhost:8080",
            "::1:80",
            "[::1:80",
            "[127.0.0.1]:80",
            "http://127.0.0.1:80",
            "127.0.0.1:80/",
            "127.0.0.1 :80",
        ] {
            assert_eq!(
                text.parse::<HealthAddress>(),
                Err(InvalidAddress),
                "{text:?}"
            );
        }
    }
}

//! Clients below HTTP: connections by hand, and frames of HTTP/2 that no library would send.

use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::harness::{Webhook, client_config};

pub(crate) type Stream = TlsStream<TcpStream>;

/// A connection that speaks this protocol.
pub(crate) async fn tls(webhook: &Webhook, alpn: &[u8]) -> std::io::Result<Stream> {
    let mut config = client_config(&webhook.sandbox, &[&TLS13, &TLS12]);
    config.alpn_protocols = vec![alpn.to_vec()];
    let stream = TcpStream::connect(&webhook.address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

/// Frames of HTTP/2 (RFC 9113, section 6), one after the other.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    pub(crate) bytes: Vec<u8>,
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

impl Frames {
    /// The preface and empty settings.
    pub(crate) fn begin() -> Self {
        let frames = Self {
            bytes: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        };
        frames.frame(SETTINGS, 0, 0, &[])
    }

    fn frame(mut self, kind: u8, flags: u8, stream: u32, content: &[u8]) -> Self {
        let length = u32::try_from(content.len()).unwrap().to_be_bytes();
        self.bytes.extend_from_slice(&length[1..]);
        self.bytes.extend_from_slice(&[kind, flags]);
        self.bytes.extend_from_slice(&stream.to_be_bytes());
        self.bytes.extend_from_slice(content);
        self
    }

    /// The head of a review whose body is to come.
    pub(crate) fn post(self, stream: u32) -> Self {
        let mut head = head(0x83, "/pods");
        head.extend(literal("content-type", "application/json"));
        self.frame(HEADERS, END_HEADERS, stream, &head)
    }

    pub(crate) fn get(self, stream: u32, path: &str) -> Self {
        self.frame(HEADERS, END_HEADERS | END_STREAM, stream, &head(0x82, path))
    }

    /// A head of which more is to come.
    pub(crate) fn headers_without_end(self, stream: u32) -> Self {
        self.frame(HEADERS, 0, stream, &head(0x83, "/pods"))
    }

    /// More of a head, and not its end.
    pub(crate) fn continuation(self, stream: u32) -> Self {
        let more = literal("x", &"a".repeat(120)).repeat(100);
        self.frame(CONTINUATION, 0, stream, &more)
    }

    pub(crate) fn data(self, stream: u32, content: &[u8]) -> Self {
        self.frame(DATA, 0, stream, content)
    }

    /// The rest of a body.
    pub(crate) fn last_data(self, stream: u32, content: &[u8]) -> Self {
        self.frame(DATA, END_STREAM, stream, content)
    }

    pub(crate) fn reset(self, stream: u32) -> Self {
        self.frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())
    }

    pub(crate) fn ping(self) -> Self {
        self.frame(PING, 0, 0, &[7; 8])
    }

    pub(crate) fn settings(self, name: u16, value: u32) -> Self {
        let setting = [&name.to_be_bytes()[..], &value.to_be_bytes()].concat();
        self.frame(SETTINGS, 0, 0, &setting)
    }
}

/// A head in HPACK (RFC 7541), the method and the scheme by their places in its static table.
fn head(method: u8, path: &str) -> Vec<u8> {
    let mut head = vec![method, 0x87];
    for (name, value) in [(0x04, path), (0x01, "localhost")] {
        head.extend([name, u8::try_from(value.len()).unwrap()]);
        head.extend(value.bytes());
    }
    head
}

/// A field that enters no table.
fn literal(name: &str, value: &str) -> Vec<u8> {
    let mut field = vec![0];
    for text in [name, value] {
        field.push(u8::try_from(text.len()).unwrap());
        field.extend(text.bytes());
    }
    field
}

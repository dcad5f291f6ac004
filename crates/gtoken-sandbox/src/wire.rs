//! The connection under a request, for what no server of HTTP would send over it.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::Request;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::shared::Shared;

/// A connection by TCP, whatever is spoken over it.
pub(crate) trait Line: AsyncRead + AsyncWrite + Send + Unpin {
    /// The socket at the bottom.
    fn socket(&self) -> &TcpStream;
}

/// A connection that the server of HTTP and a fault hold together: while a request waits for its answer the server
/// writes nothing, and a fault may.
#[derive(Clone)]
pub(crate) struct Wire(Arc<Shared<Box<dyn Line>>>);

impl Line for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

impl Line for TlsStream<TcpStream> {
    fn socket(&self) -> &TcpStream {
        self.get_ref().0
    }
}

impl Wire {
    pub(crate) fn new(line: impl Line + 'static) -> Self {
        Self(Arc::new(Shared::new(Box::new(line))))
    }

    /// The connection that a request came over.
    pub(crate) fn of<B>(request: &Request<B>) -> Option<Self> {
        request.extensions().get().cloned()
    }

    /// Sends bytes past the server of HTTP.
    pub(crate) async fn send(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = poll_fn(|cx| self.poll(|line| line.poll_write(cx, bytes))).await?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            bytes = &bytes[written..];
        }
        poll_fn(|cx| self.poll(|line| line.poll_flush(cx))).await
    }

    /// Lets the connection end in a reset instead of an orderly close.
    pub(crate) fn end_in_reset(&self) -> io::Result<()> {
        self.0.lock().socket().set_zero_linger()
    }

    fn poll<T>(&self, act: impl FnOnce(Pin<&mut dyn Line>) -> T) -> T {
        act(Pin::new(&mut **self.0.lock()))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll(|line| line.poll_read(cx, buffer))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll(|line| line.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(|line| line.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(|line| line.poll_shutdown(cx))
    }
}

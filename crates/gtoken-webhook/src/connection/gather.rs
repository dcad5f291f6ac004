//! A stream on which the answers that are ready together go out together.
//!
//! HTTP/2 flushes behind each frame, and each flush is a TLS record, a system call and a packet. What is flushed here waits
//! for the connection's next turn, which is asked for at once: by then the other requests that came along are answered too.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The most bytes that wait: two records of TLS, and what 512 connections may take while nobody reads from them.
const MOST: usize = 32 << 10;

/// Writes at the beginning of a turn what was flushed in the one before. A turn begins with reading.
#[derive(Debug)]
pub(super) struct Gather<I> {
    stream: I,
    waiting: Vec<u8>,
    /// How many of the waiting bytes have gone.
    gone: usize,
    is_flushed: bool,
    /// Whether the client takes no more for now.
    is_blocked: bool,
}

impl<I> Gather<I> {
    pub(super) fn new(stream: I) -> Self {
        Self {
            stream,
            waiting: Vec::new(),
            gone: 0,
            is_flushed: false,
            is_blocked: false,
        }
    }
}

impl<I: AsyncWrite + Unpin> Gather<I> {
    /// Writes what waits.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.is_blocked = true;
        while self.gone < self.waiting.len() {
            let rest = &self.waiting[self.gone..];
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.gone += written;
        }
        // A connection that carries nothing holds nothing.
        self.waiting = Vec::new();
        self.gone = 0;
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        self.is_flushed = false;
        self.is_blocked = false;
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncRead for Gather<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_flushed {
            // Where the client takes no more, what it sends is read all the same.
            if let Poll::Ready(Err(error)) = self.poll_send(context) {
                return Poll::Ready(Err(error));
            }
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Gather<I> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.is_blocked || self.waiting.len() >= MOST {
            ready!(self.poll_send(context))?;
        }
        let before = self.waiting.len();
        for slice in slices {
            let room = MOST - self.waiting.len();
            self.waiting
                .extend_from_slice(&slice[..room.min(slice.len())]);
        }
        Poll::Ready(Ok(self.waiting.len() - before))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.waiting.is_empty() {
            return Pin::new(&mut self.stream).poll_flush(context);
        }
        if !self.is_flushed {
            self.is_flushed = true;
            context.waker().wake_by_ref();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    /// A turn that reads nothing.
    fn turn<I: AsyncRead + AsyncWrite + Unpin>(gather: &mut Gather<I>) {
        assert_eq!(gather.read_u8().now_or_never().map(|_| ()), None);
    }

    #[tokio::test]
    async fn what_is_flushed_in_one_turn_goes_out_at_the_next() {
        let (mut client, server) = duplex(1024);
        let mut gather = Gather::new(server);
        for text in ["one", "two"] {
            gather.write_all(text.as_bytes()).await.unwrap();
            gather.flush().await.unwrap();
        }
        let mut all = [0; 6];
        assert!(client.read_exact(&mut all).now_or_never().is_none());
        turn(&mut gather);
        client.read_exact(&mut all).await.unwrap();
        assert_eq!(&all, b"onetwo");
    }

    #[tokio::test]
    async fn more_than_may_wait_goes_out_at_once_and_a_client_that_takes_nothing_is_waited_for() {
        let (mut client, server) = duplex(1024);
        let mut gather = Gather::new(server);
        let bytes = vec![7; 2 * MOST];
        assert_eq!(gather.write(&bytes).await.unwrap(), MOST);
        assert!(gather.write(&bytes).now_or_never().is_none());
        let mut taken = vec![0; MOST];
        let (read, written) = tokio::join!(client.read_exact(&mut taken), gather.write(&bytes));
        assert_eq!((read.unwrap(), written.unwrap()), (MOST, MOST));
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_is_read_all_the_same() {
        let (mut client, server) = duplex(16);
        let mut gather = Gather::new(server);
        gather.write_all(&[7; 100]).await.unwrap();
        gather.flush().await.unwrap();
        client.write_all(b"ping").await.unwrap();
        let mut read = [0; 4];
        gather.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"ping");
    }

    #[tokio::test]
    async fn nothing_is_left_behind_at_the_end() {
        let (mut client, server) = duplex(1024);
        let mut gather = Gather::new(server);
        gather.write_all(b"bye").await.unwrap();
        gather.shutdown().await.unwrap();
        let mut all = Vec::new();
        client.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"bye");
    }
}

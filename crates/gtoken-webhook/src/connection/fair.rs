//! A stream that others are served beside, however fast its bytes come.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The bytes that a connection reads before it is another's turn. What is read is held until whoever asked for it has
/// its turn, so this times all connections is what may be held between two turns.
const TURN: usize = 64 << 10;

/// Reads no more than its share in a turn.
#[derive(Debug)]
pub(super) struct Fair<I> {
    stream: I,
    read: usize,
}

impl<I> Fair<I> {
    pub(super) fn new(stream: I) -> Self {
        Self { stream, read: 0 }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Fair<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read >= TURN {
            self.read = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_pending() {
            self.read = 0;
        }
        ready!(read)?;
        self.read += buffer.filled().len() - before;
        Poll::Ready(Ok(()))
    }
}

write_through!(Fair);

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    #[tokio::test]
    async fn a_turn_ends_though_more_is_there() {
        let (mut client, server) = duplex(4 * TURN);
        client.write_all(&vec![7; 2 * TURN]).await.unwrap();
        let mut fair = Fair::new(server);
        let mut all = vec![0; 2 * TURN];
        assert!(fair.read_exact(&mut all[..TURN]).now_or_never().is_some());
        let mut rest = Box::pin(fair.read_exact(&mut all[TURN..]));
        assert!(rest.as_mut().now_or_never().is_none());
        rest.await.unwrap();
        assert!(all.iter().all(|byte| *byte == 7));
    }
}

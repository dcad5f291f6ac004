//! A stream that others are served beside, however fast its bytes come.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::intake::Inlet;

/// Reads no more than its share in a turn.
#[derive(Debug)]
pub(super) struct Fair<I> {
    stream: I,
    inlet: Inlet,
    read: usize,
}

impl<I> Fair<I> {
    pub(super) fn new(stream: I, inlet: Inlet) -> Self {
        Self {
            stream,
            inlet,
            read: 0,
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Fair<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read >= self.inlet.turn() {
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
    use std::sync::Arc;

    use futures_util::FutureExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    #[tokio::test]
    async fn a_turn_ends_though_more_is_there() {
        let inlet = Inlet::open(&Arc::default());
        let turn = inlet.turn();
        let (mut client, server) = duplex(4 * turn);
        client.write_all(&vec![7; 2 * turn]).await.unwrap();
        let mut fair = Fair::new(server, inlet);
        let mut all = vec![0; 2 * turn];
        assert!(fair.read_exact(&mut all[..turn]).now_or_never().is_some());
        let mut rest = Box::pin(fair.read_exact(&mut all[turn..]));
        assert!(rest.as_mut().now_or_never().is_none());
        rest.await.unwrap();
        assert!(all.iter().all(|byte| *byte == 7));
    }
}

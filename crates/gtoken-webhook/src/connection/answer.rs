//! An answer's body, which takes its share of the room until the last byte of it has gone.

use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use futures_util::{FutureExt as _, StreamExt as _};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Frame, SizeHint};

use crate::room::Share;

/// An answer on its way.
#[derive(Debug)]
pub(super) struct Answer {
    length: usize,
    /// None once the bytes are on their way.
    share: Option<Share>,
}

/// The bytes of an answer.
#[derive(Debug)]
pub(super) struct Held {
    bytes: Bytes,
    _share: Share,
}

/// The answer had to make room for others, since nobody took it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an answer that nobody took made room for others")]
pub(super) struct Untaken;

impl Answer {
    /// Holds `share` until the body has gone.
    pub(super) fn new(body: Full<Bytes>, mut share: Share) -> Self {
        let frame = body.into_data_stream().next().now_or_never().flatten();
        let bytes = frame.and_then(Result::ok).unwrap_or_default();
        let length = bytes.len();
        share.answers(bytes);
        Self {
            length,
            share: (length > 0).then_some(share),
        }
    }
}

impl Body for Answer {
    type Data = Held;
    type Error = Untaken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Held>, Untaken>>> {
        let held = self.share.take().map(|share| {
            let bytes = share.answer().ok_or(Untaken)?;
            let held = Held {
                bytes,
                _share: share,
            };
            Ok(Frame::data(held))
        });
        Poll::Ready(held)
    }

    fn is_end_stream(&self) -> bool {
        self.share.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length as u64)
    }
}

impl Buf for Held {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        self.bytes.chunks_vectored(slices)
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }
}

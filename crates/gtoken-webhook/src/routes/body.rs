//! A request's body, whole and of a bounded size.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Body;
use tokio::time::timeout;

use crate::room::{NoRoom, Share};

/// The largest body that is answered, in bytes: the largest object of an API server (3 MiB), twice (old and new), and more.
pub(super) const MAX_BODY: usize = 8 << 20;

/// The most bytes that are made room for before they have come: more than nearly all reviews have.
const MOST_PROMISED: usize = 256 << 10;

/// The most bytes that are read and thrown away of a body that is not wanted.
const MAX_DISCARDED: usize = 64 << 20;

/// How long nothing may come of a body that is not wanted: nobody is writing it any more.
const STALLED: Duration = Duration::from_secs(1);

/// Why there is no body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It broke off.
    Broken(String),
    /// It had to make room for others.
    NoRoom,
    /// It is larger than [`MAX_BODY`].
    TooLarge,
    /// It did not end in time.
    TooSlow,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(reason) => write!(f, "the body broke off: {reason}"),
            Self::NoRoom => f.write_str("there is too much to answer at once"),
            Self::TooLarge => write!(f, "the body is larger than {MAX_BODY} bytes"),
            Self::TooSlow => f.write_str("the body did not end in time"),
        }
    }
}

impl From<NoRoom> for Unread {
    fn from(_: NoRoom) -> Self {
        Self::NoRoom
    }
}

/// Reads a body to its end, as far as its share of the room goes; no more than [`MAX_BODY`] bytes of it are ever held,
/// and none of one that says by itself that it is larger.
pub(super) async fn read<B>(mut body: Pin<&mut B>, share: &Share) -> Result<Bytes, Unread>
where
    B: Body<Data = Bytes>,
    B::Error: fmt::Display,
{
    if body.size_hint().lower() > MAX_BODY as u64 {
        return Err(Unread::TooLarge);
    }
    let mut whole = Whole {
        promised: usize::try_from(body.size_hint().lower()).unwrap_or(MAX_BODY),
        ..Whole::default()
    };
    let mut length = 0;
    loop {
        let frame = tokio::select! {
            biased;
            frame = body.frame() => frame,
            () = share.sent_away() => return Err(Unread::NoRoom),
        };
        let Some(frame) = frame else {
            return Ok(whole.into_bytes());
        };
        let frame = frame.map_err(|error| Unread::Broken(error.to_string()))?;
        let Ok(chunk) = frame.into_data() else {
            continue;
        };
        length += chunk.len();
        if length > MAX_BODY {
            return Err(Unread::TooLarge);
        }
        share.grow(chunk.len())?;
        whole.push(chunk);
    }
}

/// Reads on and throws away what comes, as long as it does come: a client of HTTP/1.1 that is still writing reads no
/// answer, and a connection that is closed under it takes the answer along.
pub(super) async fn discard<B>(mut body: Pin<&mut B>)
where
    B: Body<Data = Bytes>,
{
    let mut length = 0;
    while let Ok(Some(Ok(frame))) = timeout(STALLED, body.frame()).await {
        length += frame.data_ref().map_or(0, Bytes::len);
        if length > MAX_DISCARDED {
            return;
        }
    }
}

/// What has come of a body. Most reviews come in one piece, which is not copied; pieces are, since many small ones
/// would each take more memory than they hold.
#[derive(Debug, Default)]
struct Whole {
    /// How long the body says that it is.
    promised: usize,
    first: Bytes,
    all: BytesMut,
}

impl Whole {
    fn push(&mut self, chunk: Bytes) {
        if self.all.is_empty() && self.first.is_empty() {
            self.first = chunk;
        } else {
            if self.all.is_empty() {
                self.all.reserve(self.promised.min(MOST_PROMISED));
            }
            self.all.extend_from_slice(&std::mem::take(&mut self.first));
            self.all.extend_from_slice(&chunk);
        }
    }

    fn into_bytes(self) -> Bytes {
        if self.all.is_empty() {
            self.first
        } else {
            self.all.freeze()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;

    use futures_util::stream;
    use http_body_util::StreamBody;
    use hyper::body::Frame;

    use super::*;
    use crate::room::Room;

    async fn read_chunks(chunks: Vec<&'static [u8]>) -> Result<Bytes, Unread> {
        let frames = chunks
            .iter()
            .map(|chunk| Ok::<_, String>(Frame::data(Bytes::from_static(chunk))));
        let body = StreamBody::new(stream::iter(frames.collect::<Vec<_>>()));
        let share = Room::enter(&Arc::default(), &Arc::default());
        read(pin!(body), &share).await
    }

    #[tokio::test]
    async fn pieces_make_the_whole() {
        assert_eq!(read_chunks(vec![]).await.unwrap(), "");
        assert_eq!(read_chunks(vec![b"a"]).await.unwrap(), "a");
        assert_eq!(
            read_chunks(vec![b"", b"a", b"", b"b", b"c"]).await.unwrap(),
            "abc"
        );
    }

    #[test]
    fn one_piece_is_not_copied() {
        let mut whole = Whole::default();
        let only = Bytes::from(vec![1, 2, 3]);
        whole.push(only.clone());
        assert_eq!(whole.into_bytes().as_ptr(), only.as_ptr());
    }
}

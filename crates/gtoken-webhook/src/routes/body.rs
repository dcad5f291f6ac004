//! A request's body, whole and of a bounded size.

use std::fmt;
use std::pin::pin;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Body;

/// The largest body that is answered, in bytes: the largest object of an API server (3 MiB), twice (old and new), and more.
pub(super) const MAX_BODY: usize = 8 << 20;

/// The most bytes of a larger body that are read and thrown away: a client that is still writing reads no answer.
const MAX_DISCARDED: usize = 64 << 20;

/// Why there is no body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It broke off.
    Broken(String),
    /// It is larger than [`MAX_BODY`].
    TooLarge,
    /// It did not end in time.
    TooSlow,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(reason) => write!(f, "the body broke off: {reason}"),
            Self::TooLarge => write!(f, "the body is larger than {MAX_BODY} bytes"),
            Self::TooSlow => f.write_str("the body did not end in time"),
        }
    }
}

/// Reads a body to its end; no more than [`MAX_BODY`] bytes of it are ever held.
pub(super) async fn read<B>(body: B) -> Result<Bytes, Unread>
where
    B: Body<Data = Bytes>,
    B::Error: fmt::Display,
{
    let mut body = pin!(body);
    let mut chunks: Vec<Bytes> = Vec::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Unread::Broken(error.to_string()))?;
        let Ok(chunk) = frame.into_data() else {
            continue;
        };
        length += chunk.len();
        if length <= MAX_BODY {
            chunks.push(chunk);
        } else if length <= MAX_DISCARDED {
            chunks.clear();
        } else {
            break;
        }
    }
    if length > MAX_BODY {
        return Err(Unread::TooLarge);
    }
    // Most reviews come in one piece.
    match <[Bytes; 1]>::try_from(chunks) {
        Ok([chunk]) => Ok(chunk),
        Err(chunks) => Ok(chunks.concat().into()),
    }
}

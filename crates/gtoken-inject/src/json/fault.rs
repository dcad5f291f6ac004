//! What can be wrong with a JSON text.

use std::fmt;

use serde::de::Error;

/// A text that is no JSON, or not the JSON that is expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault}, at byte {at}")]
pub struct Malformed {
    /// What is wrong.
    pub fault: Fault,
    /// Where it was noticed: how many bytes come before.
    pub at: usize,
}

/// What is wrong with a JSON text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Lists and objects stand deeper in each other than is read.
    #[error("it is nested too deep")]
    Depth,
    /// The text is no UTF-8.
    #[error("it is not UTF-8")]
    Encoding,
    /// The text ends within a value.
    #[error("it ends too early")]
    End,
    /// A list stands where an object should.
    #[error("a list stands where an object should")]
    List,
    /// It is JSON of another type than is expected, or holds a member twice.
    #[error("{0}")]
    Type(String),
    /// This byte cannot stand there.
    #[error("unexpected {:?}", char::from(*.0))]
    Unexpected(u8),
}

impl Error for Fault {
    /// Messages of serde's may hold a value, of any length; whoever sent it knows the rest.
    fn custom<T: fmt::Display>(message: T) -> Self {
        const MAX: usize = 160;
        Self::Type(message.to_string().chars().take(MAX).collect())
    }
}

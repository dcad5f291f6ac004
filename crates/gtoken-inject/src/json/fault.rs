//! What can be wrong with a JSON text.

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
    /// The text is no UTF-8.
    #[error("it is not UTF-8")]
    Encoding,
    /// The text ends within a value.
    #[error("it ends too early")]
    End,
    /// It is JSON of another type than this.
    #[error("something else stands where {0} should")]
    Other(&'static str),
    /// A string holds half of a pair of surrogates.
    #[error("a string holds half of a pair of surrogates")]
    Surrogate,
    /// An object holds this member twice.
    #[error("{0} stands there twice")]
    Twice(&'static str),
    /// This byte cannot stand there.
    #[error("unexpected {:?}", char::from(*.0))]
    Unexpected(u8),
}

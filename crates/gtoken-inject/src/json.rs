//! Reading JSON as Go reads it, without copying: `null` is the zero value, and unknown fields are passed over.
//!
//! What a review says and nobody reads, `managedFields` before all, is most of it. [`read`] finds the ends of all strings,
//! lists and objects at once, and makes of what is read the same as `serde_json` (`fuzz/promises/codec.rs`); of what is
//! passed over it sees only that it ends.

mod fault;
mod marks;
mod reader;
mod scanner;
mod values;
mod writer;

pub use fault::{Fault, Malformed};
pub(crate) use reader::read_members;
pub use reader::{Key, Read, Reader, Stop, read};
pub use values::Text;
pub(crate) use values::{Map, Present, Raw};
pub(crate) use writer::{quote_within, quoted, write};

//! The crate's outside: reviews in, answers out.

mod cases;
mod properties;

//! The crate's outside: reviews in, answers out.

#![expect(
    clippy::disallowed_methods,
    reason = "cases are read from files; the crate itself reads none"
)]

mod bad_annotations;
mod cases;
mod corpus;
mod generated;
mod properties;
mod reached;

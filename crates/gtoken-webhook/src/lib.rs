//! The mutating admission webhook: a review comes in, a decision of `gtoken-inject` goes out.
//!
//! The way of a review: [`serve`] takes the connection, [`routes`] the request, [`admit`] reads it,
//! [`accounts`] knows what its ServiceAccount asks for, `gtoken_inject::decide` decides.
//! Whatever can fail at start fails before anything is served ([`serve::ServeArgs::bind`]).

pub mod accounts;
pub mod address;
pub mod admin;
pub mod admit;
mod app;
pub mod certs;
pub mod cli;
pub mod cluster;
mod connection;
mod dry_start;
pub mod log;
pub mod metrics;
pub mod ready;
pub mod room;
pub mod routes;
pub mod serve;
pub mod signals;
#[cfg(test)]
mod testing;

pub use app::main;

//! The agent: gets a Google ID token for the pod it runs in and keeps a token file fresh.
//!
//! It runs in every injected pod, so its tree of dependencies is small, and while it waits it has one thread, and that of [`health`]
//! where that is asked for; what needs TLS happens in a child process ([`source::apart`]).
//! The way of a token: [`source`] fetches it, [`token`] checks it, [`agent`] decides whether it is
//! newer, [`sink`] publishes it, [`schedule`] says when to ask again, and `reckoning` what time it is.

pub mod agent;
mod app;
mod beside;
pub mod check;
pub mod cli;
pub mod clock;
pub mod config;
pub mod credentials;
pub mod excerpt;
mod exchange;
mod exit;
pub mod health;
pub mod https;
pub mod inspect;
pub mod log;
pub mod reader;
mod reckoning;
mod regular;
mod resolver;
pub mod schedule;
pub mod signals;
pub mod sink;
pub mod source;
pub mod timestamp;
mod tls;
pub mod token;
mod trouble;
pub mod vitals;

#[cfg(test)]
mod testing;

pub use app::main;

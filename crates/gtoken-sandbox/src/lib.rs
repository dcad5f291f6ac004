//! A Google, an AWS STS and a Kubernetes API to try gtoken against.

pub mod aws;
mod calendar;
mod certificates;
mod clock;
mod control;
mod form;
pub mod google;
mod hex;
pub(crate) mod http;
pub mod kubernetes;
mod sandbox;
mod shared;

pub use certificates::TlsError;
pub use clock::Clock;
pub use sandbox::{Config, Sandbox, StartError};

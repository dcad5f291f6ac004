//! A Google, an AWS STS and a Kubernetes API on one machine, to try gtoken against.
//!
//! It is an oracle: it depends on nothing of the product, so that a mistake shared by both cannot hide.
//!
//! - [`google`] is a metadata server as pods on GKE see it. It signs real RS256 tokens, publishes its keys, and plays the
//!   faults that such servers have been seen to have ([`google::Scenario`]).
//!   Its OAuth 2.0, STS and IAM Credentials turn credentials into tokens; the files for that are made by
//!   [`Sandbox::service_account_key`] and its neighbours, and who may impersonate whom is granted by [`google::Google::grant`].
//! - [`aws`] is an STS that verifies those tokens from the published keys alone, evaluates the role's trust policy as IAM does,
//!   and verifies the signature of `GetCallerIdentity`. It answers with AWS's codes and texts; why it refused is in
//!   [`aws::Aws::journal`]. A trust policy that it does not fully understand it refuses to load.
//! - [`kubernetes`] is as much of a Kubernetes API as ServiceAccounts need.
//! - With a [`ClusterConfig`] the metadata server stands in a real cluster and tells its pods apart by address, as GKE's does; the
//!   program is also the CNI plugin that says whose an address is.
//!
//! ```
//! use gtoken_sandbox::aws::Role;
//! use gtoken_sandbox::{Config, Sandbox};
//!
//! let sandbox = Sandbox::start(Config::default())?;
//! sandbox.aws().put_role(&Role::reader())?;
//! println!("GCE_METADATA_HOST={}", sandbox.metadata_address());
//! println!("AWS_ENDPOINT_URL_STS={}", sandbox.sts_url());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A test that must see a token expire does not wait: it keeps a clone of [`Config::clock`] and moves it.
//! A test of a failing Google calls [`google::Google::play`], and looks at [`google::Google::requests`] afterwards.
//!
//! `gtoken-sandbox up` serves the same to processes, and prints the environment that leads them here; what tests do by
//! calling, they do over the control API ([`control`]).
//!
//! What it cannot be: AWS's permissions (a session may do nothing but ask who it is), session policies, tags, and
//! signatures in query strings (presigned URLs).

pub mod aws;
mod calendar;
mod certificates;
pub mod cli;
mod clock;
mod cluster;
mod cni;
pub mod control;
mod credentials;
mod form;
pub mod google;
mod hex;
pub(crate) mod http;
pub mod kubernetes;
mod lifetimes;
mod listeners;
mod sandbox;
mod shared;
mod wire;

pub use certificates::TlsError;
pub use clock::Clock;
pub use cluster::{ClusterConfig, KubeconfigError};
pub use lifetimes::LifetimeChange;
pub use sandbox::{Config, Sandbox, StartError};

//! Decides what a pod gets and renders it as a JSON patch: (pod, binding, settings) → decision → patch.
//!
//! Pods are read as raw JSON through small borrowed views that know only the fields a decision needs.
//! There is no typed Pod anywhere, so no field of any Kubernetes version can be lost, and what is not read is not copied.
//! Nothing here does I/O or knows the time (ARCHITECTURE, invariant 1).

pub mod annotation;
mod binding;
mod clash;
mod decision;
mod form;
mod injection;
pub mod json;
mod patch;
mod pod;
mod reason;
mod review;
mod server_version;
mod session;
mod settings;

pub use binding::{Binding, Unbound};
pub use decision::{Decision, decide};
pub use form::{SidecarMode, UnknownSidecarMode};
pub use injection::Injection;
pub use patch::{Operation, Patch};
pub use pod::Pod;
pub use reason::{Clash, MAX_WARNING, Reason, Warning};
pub use review::{InvalidReview, Review, Subject};
pub use server_version::ServerVersion;
pub use settings::{AgentResources, PullPolicy, Settings, UnknownPullPolicy};

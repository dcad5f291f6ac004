//! Decides what a pod gets and renders it as a JSON patch: (pod, binding, settings) → decision → patch.
//!
//! Pods are read as raw JSON through small borrowed views that know only the fields a decision needs.
//! There is no typed Pod anywhere, so no field of any Kubernetes version can be lost, and what is not read is not copied.
//! Nothing here does I/O or knows the time (ARCHITECTURE, invariant 1).

mod agent;
pub mod annotation;
mod binding;
mod block;
mod clash;
mod decision;
mod dialect;
mod form;
mod injection;
pub mod json;
mod options;
mod patch;
mod pod;
mod reason;
mod record;
mod review;
mod server_version;
mod service_account;
mod session;
mod settings;
mod variables;

pub use binding::{Binding, Unbound};
pub use decision::{Decision, decide};
pub use dialect::{Dialect, InvalidPrefixes, Prefixes};
pub use form::{SidecarMode, UnknownSidecarMode};
pub use injection::Injection;
pub use options::{
    ContainerNames, InvalidContainerNames, InvalidTokenExpiration, Options, TokenExpiration,
    TokenSource, UnknownTokenSource,
};
pub use patch::Patch;
pub use pod::Pod;
pub use reason::{Clash, MAX_WARNING, Reason, Warning};
pub use review::{InvalidReview, Review, Subject};
pub use server_version::ServerVersion;
pub use service_account::advise;
pub use session::{InvalidSessionTemplate, SessionTemplate};
pub use settings::{AgentResources, PullPolicy, Settings, UnknownPullPolicy};

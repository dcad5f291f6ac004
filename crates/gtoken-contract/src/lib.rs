//! What the `gtoken` agent and `gtoken-webhook` must agree on: flags as a value, names, and the types that go between them.
//!
//! The webhook renders, the agent parses; neither may spell a name of its own.
//! Nothing here does I/O or knows the time (ARCHITECTURE, invariant 1).

mod account;
mod agent;
mod audience;
mod aws;
pub mod duration;
mod google;
mod region;
pub mod token_file;

pub use account::{AccountId, AwsAccount, InvalidAccountId, InvalidPartition, Partition};
pub use agent::{AgentFlags, DEFAULT_TIMEOUT, Mode, Source, UnknownSource, flag};
pub use audience::{Audience, InvalidAudience};
pub use aws::{InvalidRoleArn, InvalidSessionName, RoleArn, SessionName, env};
pub use google::{GoogleIdentity, InvalidGoogleIdentity};
pub use region::{InvalidRegion, Region};

/// The agent's image, pinned to the version of the webhook that injects it.
pub const AGENT_IMAGE: &str = concat!("doitintl/gtoken:v", env!("CARGO_PKG_VERSION"));

/// The webhook's image, of the same version as the agent that it injects.
pub const WEBHOOK_IMAGE: &str = concat!("doitintl/gtoken-webhook:v", env!("CARGO_PKG_VERSION"));

/// Where the agent's binary stands in its image.
pub const AGENT_COMMAND: &str = "/gtoken";

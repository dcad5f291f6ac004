//! The token file: where it stands and who may read it.

/// The folder of the token file in every injected container, as the Go gtoken had it.
pub const DEFAULT_DIRECTORY: &str = "/var/run/secrets/aws/token";

/// The name of the token file in its folder, as the Go gtoken had it.
pub const DEFAULT_NAME: &str = "gtoken";

/// The token file's mode: applications run as any user, so all of the pod may read it.
pub const MODE: u32 = 0o644;

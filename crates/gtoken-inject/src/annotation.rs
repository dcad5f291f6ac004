//! The annotations and labels that are read, and the names of what is injected.

/// On a ServiceAccount: the role its pods assume.
pub const ROLE_ARN: &str = "amazonaws.com/role-arn";
/// On a ServiceAccount or a pod: how the refresher runs, instead of what the flag says.
pub const SIDECAR_MODE: &str = "amazonaws.com/sidecar-mode";
/// On a ServiceAccount: the Google service account that GKE links it to.
pub const GOOGLE_SERVICE_ACCOUNT: &str = "iam.gke.io/gcp-service-account";
/// On a pod: kubelet's mark of a static pod's mirror.
pub const MIRROR: &str = "kubernetes.io/config.mirror";

/// The label on a pod that demands injection (`true`) or declines it (`false`).
pub const INJECT_LABEL: &str = "amazonaws.com/inject";

/// The init container that no application starts before.
pub const GENERATE_CONTAINER: &str = "generate-gcp-id-token";
/// The container that keeps the token fresh.
pub const UPDATE_CONTAINER: &str = "update-gcp-id-token";

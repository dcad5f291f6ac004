//! The annotations and labels that are read, and the names of what is injected.

/// What a ServiceAccount or a pod may ask for by an annotation: a prefix, a slash and one of these names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// Whom the tokens are meant for.
    Audience,
    /// The only containers that get credentials.
    IncludeContainers,
    /// Where applications call AWS.
    Region,
    /// The role that pods assume; on a ServiceAccount only.
    RoleArn,
    /// What the session is called in CloudTrail.
    SessionName,
    /// How the refresher runs.
    SidecarMode,
    /// Containers that get no credentials.
    SkipContainers,
    /// Whether older SDKs ask the STS of their region.
    StsRegionalEndpoints,
    /// How long a token of the cluster lives.
    TokenExpiration,
    /// Who signs the tokens.
    TokenSource,
}

impl Name {
    /// All of them, in the order of their values.
    pub const ALL: [Self; 10] = [
        Self::Audience,
        Self::IncludeContainers,
        Self::Region,
        Self::RoleArn,
        Self::SessionName,
        Self::SidecarMode,
        Self::SkipContainers,
        Self::StsRegionalEndpoints,
        Self::TokenExpiration,
        Self::TokenSource,
    ];

    /// The part behind the slash.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Audience => "audience",
            Self::IncludeContainers => "include-containers",
            Self::Region => "region",
            Self::RoleArn => "role-arn",
            Self::SessionName => "session-name",
            Self::SidecarMode => "sidecar-mode",
            Self::SkipContainers => "skip-containers",
            Self::StsRegionalEndpoints => "sts-regional-endpoints",
            Self::TokenExpiration => "token-expiration",
            Self::TokenSource => "token-source",
        }
    }
}

/// The prefix that is read before all others unless the operator says otherwise.
pub const PREFIX: &str = "amazonaws.com";
/// The prefix of Amazon's own charts, read after ours.
pub const EKS_PREFIX: &str = "eks.amazonaws.com";

/// On a ServiceAccount: the role its pods assume.
pub const ROLE_ARN: &str = "amazonaws.com/role-arn";
/// On a ServiceAccount or a pod: how the refresher runs, instead of what the flag says.
pub const SIDECAR_MODE: &str = "amazonaws.com/sidecar-mode";
/// On a ServiceAccount: the Google service account that GKE links it to.
pub const GOOGLE_SERVICE_ACCOUNT: &str = "iam.gke.io/gcp-service-account";
/// On a pod: kubelet's mark of a static pod's mirror.
pub const MIRROR: &str = "kubernetes.io/config.mirror";
/// On a pod, by us: what was added to it.
pub const INJECTED: &str = "amazonaws.com/gtoken-injected";

/// The label on a pod that demands injection (`true`) or declines it (`false`).
pub const INJECT_LABEL: &str = "amazonaws.com/inject";

/// The init container that no application starts before.
pub const GENERATE_CONTAINER: &str = "generate-gcp-id-token";
/// The container that keeps the token fresh.
pub const UPDATE_CONTAINER: &str = "update-gcp-id-token";

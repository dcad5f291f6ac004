//! The command line: what was typed, each value checked where it is read.

#[cfg(test)]
mod tests;

use std::str::FromStr;

use clap::{ArgAction, Args, Parser, Subcommand};
use gtoken_contract::{
    AGENT_IMAGE, AccountId, Audience, AwsAccount, Partition, Region, flag, token_file,
};
use gtoken_inject::{
    AgentResources, ContainerNames, Dialect, Options, Prefixes, PullPolicy, SessionTemplate,
    Settings, SidecarMode, TokenExpiration, TokenSource,
};

use crate::address::ListenAddress;
use crate::admin::AdminArgs;
use crate::admit::OnUnknown;
use crate::log::LogLevel;
use crate::serve::ServeArgs;

/// Gives pods on GKE AWS credentials: injects the gtoken agent where a ServiceAccount asks for a role.
#[derive(Debug, Parser)]
#[command(
    name = "gtoken-webhook",
    version,
    disable_version_flag = true,
    propagate_version = true,
    args_override_self = true
)]
pub struct Cli {
    /// What the log looks like.
    #[command(flatten)]
    pub log: LogArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Print the version.
    #[arg(short = 'v', long, short_alias = 'V', action = ArgAction::Version)]
    version: Option<bool>,
}

/// The log; taken before and after the command.
#[derive(Args, Debug)]
pub struct LogArgs {
    /// How much is logged: trace, debug, info, warning, error, fatal or panic.
    #[arg(
        long,
        global = true,
        env = "LOG_LEVEL",
        default_value = "info",
        value_name = "LEVEL"
    )]
    pub log_level: LogLevel,
    /// Log JSON.
    #[arg(
        long,
        global = true,
        env = "LOG_JSON",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_value = "false",
        default_missing_value = "true",
        action = ArgAction::Set,
        value_parser = boolean
    )]
    pub json: bool,
}

/// What the program does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the webhook.
    #[command(args_override_self = true)]
    Server(Box<ServerArgs>),
}

/// Everything that the server is told.
#[derive(Args, Debug)]
pub struct ServerArgs {
    /// Where and how reviews are taken.
    #[command(flatten)]
    pub serve: ServeArgs,
    /// Where metrics are shown.
    #[command(flatten)]
    pub admin: AdminArgs,
    /// What becomes of a pod whose ServiceAccount cannot be read just now: retry has the API server ask again, and admit
    /// admits it without credentials and with a warning, unless it is labelled amazonaws.com/inject=true.
    #[arg(long, default_value_t, value_name = "WHAT")]
    pub on_unknown: OnUnknown,
    /// What is injected.
    #[command(flatten)]
    pub inject: InjectArgs,
    /// Serve nothing: try configuration, certificate, addresses, API server and permissions, say what was found in a
    /// line each, and end with 0 if all of it is good, else with 1.
    #[arg(long)]
    pub dry_start: bool,
}

impl ServerArgs {
    /// Both listeners cannot have the same address.
    pub fn check_addresses(&self) -> Result<(), SameAddress> {
        let listen = &self.serve.listen_address;
        match &self.admin.telemetry_listen_address {
            Some(telemetry) if listen.clashes_with(telemetry) => Err(SameAddress {
                listen: listen.clone(),
                telemetry: telemetry.clone(),
            }),
            _ => Ok(()),
        }
    }
}

/// Two listeners are to have one address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "--listen-address {listen} and --telemetry-listen-address {telemetry} are the same; give each a port of its own, or leave the latter empty to have /metrics on the former"
)]
pub struct SameAddress {
    listen: ListenAddress,
    telemetry: ListenAddress,
}

/// What is injected, the same for every pod.
#[derive(Args, Debug)]
#[command(next_help_heading = "Injection")]
pub struct InjectArgs {
    /// The agent's image.
    #[arg(long, default_value = AGENT_IMAGE, value_parser = not_blank, value_name = "IMAGE")]
    image: String,
    #[arg(
        long,
        default_value_t,
        help = "When kubelet pulls the agent's image: Always, IfNotPresent or Never",
        value_name = "POLICY"
    )]
    pull_policy: PullPolicy,
    /// The name of the token's volume.
    #[arg(long, default_value = "gtoken-volume", value_parser = volume_name, value_name = "NAME")]
    volume_name: String,
    /// Where the token's volume is mounted in every container.
    #[arg(long, default_value = token_file::DEFAULT_DIRECTORY, value_parser = volume_path, value_name = "PATH")]
    volume_path: String,
    /// The token file's name in that folder.
    #[arg(long, default_value = token_file::DEFAULT_NAME, value_parser = token_file_name, value_name = "NAME")]
    token_file: String,
    /// Prefixes of annotations with commas between, the one that counts most first.
    #[arg(long, default_value_t, value_name = "PREFIXES")]
    annotation_prefixes: Prefixes,
    /// The AWS account of roles that annotations name without an ARN.
    #[arg(long, value_name = "ACCOUNT")]
    aws_account_id: Option<AccountId>,
    #[arg(
        long,
        requires = "aws_account_id",
        help = "The partition of --aws-account-id, as aws-cn [default: aws]",
        value_name = "PARTITION"
    )]
    aws_partition: Option<Partition>,
    /// What ServiceAccounts and pods may say otherwise.
    #[command(flatten)]
    options: OptionArgs,
    /// The agent's containers.
    #[command(flatten)]
    agent: AgentArgs,
}

/// What counts unless a ServiceAccount or pod says otherwise, by annotations of the same names.
#[derive(Args, Debug)]
#[command(next_help_heading = "Injection, unless annotations of the same names say otherwise")]
struct OptionArgs {
    /// Whom the tokens are meant for [default: gtoken/sts/assume-role-with-web-identity, of the cluster sts.amazonaws.com].
    #[arg(long, value_name = "AUDIENCE")]
    audience: Option<Audience>,
    /// The only containers that get credentials, with commas between.
    #[arg(long, value_name = "NAMES")]
    include_containers: Option<ContainerNames>,
    /// Where applications call AWS: `AWS_REGION` and `AWS_DEFAULT_REGION`.
    #[arg(long, value_name = "REGION")]
    region: Option<Region>,
    /// What sessions are called in CloudTrail, of {namespace}, {pod}, {serviceaccount} and {uid}.
    #[arg(long, default_value_t, value_name = "TEMPLATE")]
    session_name: SessionTemplate,
    /// How the refresher runs: auto, classic or native.
    #[arg(long, default_value_t, value_name = "MODE")]
    sidecar_mode: SidecarMode,
    /// Containers that get no credentials, with commas between.
    #[arg(long, value_name = "NAMES")]
    skip_containers: Option<ContainerNames>,
    /// Have older SDKs ask the STS of their region.
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_value = "false",
        default_missing_value = "true",
        action = ArgAction::Set,
        value_parser = boolean
    )]
    sts_regional_endpoints: bool,
    /// How long a token of the cluster lives, in seconds.
    #[arg(long, default_value_t, value_name = "SECONDS")]
    token_expiration: TokenExpiration,
    /// Who signs the tokens: google or cluster.
    #[arg(long, default_value_t, value_name = "SOURCE")]
    token_source: TokenSource,
}

/// The containers that run the agent.
#[derive(Args, Debug)]
#[command(next_help_heading = "The agent's containers")]
struct AgentArgs {
    /// One more flag of the agent; may be given several times.
    #[arg(long = "agent-flag", allow_hyphen_values = true, action = ArgAction::Append, value_parser = agent_flag, value_name = "FLAG")]
    flags: Vec<String>,
    /// A Secret of the pod's namespace that pulls the agent's image; may be given several times.
    #[arg(long = "agent-image-pull-secret", action = ArgAction::Append, value_parser = object_name, value_name = "NAME")]
    image_pull_secrets: Vec<String>,
    /// CPU that each injected container requests.
    #[arg(
        long = "agent-cpu-request",
        default_value = "10m",
        value_name = "QUANTITY"
    )]
    cpu_request: Quantity,
    /// CPU that each injected container may use.
    #[arg(
        long = "agent-cpu-limit",
        default_value = "100m",
        value_name = "QUANTITY"
    )]
    cpu_limit: Quantity,
    /// Memory that each injected container requests.
    #[arg(
        long = "agent-memory-request",
        default_value = "16Mi",
        value_name = "QUANTITY"
    )]
    memory_request: Quantity,
    /// Memory that each injected container may use.
    #[arg(
        long = "agent-memory-limit",
        default_value = "32Mi",
        value_name = "QUANTITY"
    )]
    memory_limit: Quantity,
    /// The user id that injected containers run as; not 0.
    #[arg(long = "agent-run-as-user", default_value_t = 65532, value_parser = clap::value_parser!(u32).range(1..=i64::from(i32::MAX)), value_name = "UID")]
    run_as_user: u32,
}

impl InjectArgs {
    /// The settings that these arguments make.
    pub fn settings(&self) -> Result<Settings, RequestOverLimit> {
        Ok(Settings {
            image: self.image.clone(),
            pull_policy: self.pull_policy,
            volume_name: self.volume_name.clone(),
            volume_path: self.volume_path.clone(),
            token_file: self.token_file.clone(),
            dialect: Dialect {
                prefixes: self.annotation_prefixes.clone(),
                account: self.aws_account_id.clone().map(|id| AwsAccount {
                    id,
                    partition: self.aws_partition.clone().unwrap_or_default(),
                }),
            },
            options: self.options.options(),
            agent_flags: self.agent.flags.clone(),
            image_pull_secrets: self.agent.image_pull_secrets.clone(),
            resources: self.agent.resources()?,
            run_as_user: self.agent.run_as_user,
        })
    }
}

impl OptionArgs {
    fn options(&self) -> Options {
        Options {
            audience: self.audience.clone(),
            include_containers: self.include_containers.clone(),
            region: self.region.clone(),
            session_name: Some(self.session_name.clone()),
            sidecar_mode: Some(self.sidecar_mode),
            skip_containers: self.skip_containers.clone(),
            sts_regional_endpoints: Some(self.sts_regional_endpoints),
            token_expiration: Some(self.token_expiration),
            token_source: Some(self.token_source),
        }
    }
}

impl AgentArgs {
    fn resources(&self) -> Result<AgentResources, RequestOverLimit> {
        for (resource, request, limit) in [
            ("cpu", &self.cpu_request, &self.cpu_limit),
            ("memory", &self.memory_request, &self.memory_limit),
        ] {
            if request.value > limit.value {
                return Err(RequestOverLimit {
                    resource,
                    request: request.text.clone(),
                    limit: limit.text.clone(),
                });
            }
        }
        Ok(AgentResources {
            cpu_request: self.cpu_request.text.clone(),
            cpu_limit: self.cpu_limit.text.clone(),
            memory_request: self.memory_request.text.clone(),
            memory_limit: self.memory_limit.text.clone(),
        })
    }
}

/// The API server would reject every pod with such a container.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("--agent-{resource}-request {request} is more than --agent-{resource}-limit {limit}")]
pub struct RequestOverLimit {
    resource: &'static str,
    request: String,
    limit: String,
}

/// A Kubernetes quantity that is not negative, in the forms that people write for CPU and memory.
#[derive(Clone, Debug, PartialEq)]
struct Quantity {
    text: String,
    value: f64,
}

impl FromStr for Quantity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const SUFFIXES: [(&str, f64); 10] = [
            ("", 1.0),
            ("m", 1e-3),
            ("k", 1e3),
            ("M", 1e6),
            ("G", 1e9),
            ("T", 1e12),
            ("Ki", 1024.0),
            ("Mi", 1_048_576.0),
            ("Gi", 1_073_741_824.0),
            ("Ti", 1_099_511_627_776.0),
        ];
        let is_digit = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
        let (number, suffix) = text.split_at(text.bytes().take_while(is_digit).count());
        let factor = SUFFIXES.iter().find(|(known, _)| *known == suffix);
        match (number.parse::<f64>(), factor) {
            (Ok(number), Some((_, factor))) => Ok(Self {
                text: text.to_owned(),
                value: number * factor,
            }),
            _ => Err("it is a Kubernetes quantity, as in 10m or 32Mi".to_owned()),
        }
    }
}

/// A duration in the notation of Go, as in `1m30s`.
pub(crate) fn duration(
    text: &str,
) -> Result<std::time::Duration, gtoken_contract::duration::InvalidDuration> {
    gtoken_contract::duration::parse(text)
}

/// The words that Go takes for a boolean; an empty one is an unset variable in a manifest.
fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("it is true or false".to_owned()),
    }
}

/// A flag of the agent that the webhook does not render itself.
fn agent_flag(text: &str) -> Result<String, String> {
    let name = text
        .strip_prefix("--")
        .ok_or("it is a flag of gtoken with its value, as in --log-level=debug")?;
    let name = name.split('=').next().unwrap_or_default();
    if flag::ALL.contains(&name) {
        return Err(format!("--{name} of the agent is the webhook's to set"));
    }
    Ok(text.to_owned())
}

/// The name of a Secret, a webhook configuration or an entry of one, which the API server holds to the same characters.
pub(crate) fn object_name(text: &str) -> Result<String, String> {
    let inner =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    if (1..=253).contains(&text.len()) && text.bytes().all(inner) {
        Ok(text.to_owned())
    } else {
        Err("a name has 1 to 253 characters of a-z, 0-9, - and .".to_owned())
    }
}

fn not_blank(text: &str) -> Result<String, String> {
    if text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("it is not empty and has no spaces".to_owned());
    }
    Ok(text.to_owned())
}

/// The API server takes a DNS label of at most 63 characters; anything else would reject every pod.
fn volume_name(text: &str) -> Result<String, String> {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = (1..=63).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-');
    if fits {
        Ok(text.to_owned())
    } else {
        Err("a volume's name has 1 to 63 characters of a-z, 0-9 and - inside".to_owned())
    }
}

/// The API server refuses a mount path with a colon; the rest would lead elsewhere than it says.
fn volume_path(text: &str) -> Result<String, String> {
    let fits = text.starts_with('/')
        && !text.trim_matches('/').is_empty()
        && !text.split('/').any(|part| part == "..")
        && !text.contains(|c: char| c == ':' || c.is_control());
    if fits {
        Ok(text.to_owned())
    } else {
        Err("it is an absolute path below /, without .. and colons".to_owned())
    }
}

fn token_file_name(text: &str) -> Result<String, String> {
    let fits =
        !matches!(text, "" | "." | "..") && !text.contains(|c: char| c == '/' || c.is_control());
    if fits {
        Ok(text.to_owned())
    } else {
        Err("it is a file's name without slashes".to_owned())
    }
}

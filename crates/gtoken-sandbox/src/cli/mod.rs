//! The command line: `gtoken-sandbox up` serves until it is told to end, `gtoken-sandbox cni` is a CNI plugin.
//!
//! Exit codes: 0 after SIGINT or SIGTERM, 1 where something cannot be used, 2 for a wrong command line.

mod cni;
mod files;
mod folder;
mod settings;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use folder::Folder;
use settings::Settings;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::sandbox::Sandbox;

/// A Google, an AWS STS and a Kubernetes API on this machine, to try gtoken against.
///
/// The tokens are really signed and really verified, and roles are assumed only where their trust policy allows it.
/// Nothing leaves this machine, and no account with Google or AWS is needed.
#[derive(Parser)]
#[command(name = "gtoken-sandbox", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until Ctrl-C, and print the environment that makes programs use the sandbox.
    #[command(after_help = settings::HELP)]
    Up(Box<Up>),
    /// Be a chained CNI plugin, which tells `up` whose address is whose.
    #[command(after_help = cni::HELP)]
    Cni,
}

/// Every address may have port 0, which lets the system choose.
#[derive(Args)]
struct Up {
    /// A file with identity, roles and lifetimes, in JSON; its form is shown below.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where ca.pem, kubeconfig, hosts and files of credentials are written, and removed at the end [default: a new temporary folder].
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// Where the metadata server listens, in plain HTTP [default: 127.0.0.1:0].
    #[arg(long, value_name = "ADDRESS:PORT")]
    metadata_address: Option<SocketAddr>,
    /// Where Google's keys and discovery document are served [default: 127.0.0.1:0].
    #[arg(long, value_name = "ADDRESS:PORT")]
    google_address: Option<SocketAddr>,
    /// Where AWS's STS listens [default: 127.0.0.1:0].
    #[arg(long, value_name = "ADDRESS:PORT")]
    sts_address: Option<SocketAddr>,
    /// Where the Kubernetes API listens [default: 127.0.0.1:0].
    #[arg(long, value_name = "ADDRESS:PORT")]
    kubernetes_address: Option<SocketAddr>,
    /// Where the sandbox can be told what to do, in plain HTTP [default: 127.0.0.1:0].
    #[arg(long, value_name = "ADDRESS:PORT")]
    control_address: Option<SocketAddr>,
}

/// Runs the command with these arguments, of which the first is the program's name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut arguments = arguments.into_iter().peekable();
    if arguments
        .peek()
        .is_some_and(|program| cni::is_called_by(Path::new(program)))
    {
        return cni::run();
    }
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Where even the explanation cannot be printed, the exit code remains.
            let _ = error.print();
            return if error.use_stderr() {
                ExitCode::from(2)
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    let up = match cli.command {
        Command::Up(up) => up,
        Command::Cni => return cni::run(),
    };
    match up.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "gtoken-sandbox: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Up {
    fn run(self) -> anyhow::Result<()> {
        let settings = match &self.config {
            Some(file) => Settings::read(file)?,
            None => Settings::default(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start")?;
        // Listened for before anything is written, so that all that is written is removed again.
        let ends = {
            let _entered = runtime.enter();
            [SignalKind::interrupt(), SignalKind::terminate()].map(signal)
        };
        let [interrupt, terminate] = ends;
        let (interrupt, terminate) = (interrupt?, terminate?);
        let sandbox = self.start(&settings)?;
        let mut folder = Folder::open(self.dir.as_deref())?;
        let authority = folder.write("ca.pem", sandbox.ca_pem())?;
        let kubeconfig = folder.write("kubeconfig", &sandbox.kubeconfig())?;
        folder.write("hosts", &sandbox.hosts())?;
        let files = files::write(&sandbox, &mut folder, &settings.account())?;
        let mut out = io::stdout().lock();
        let text =
            explain(&sandbox, &settings, &files) + &exports(&sandbox, &authority, &kubeconfig);
        out.write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .context("cannot print what is served")?;
        runtime.block_on(first_of(interrupt, terminate));
        Ok(())
    }

    fn start(&self, settings: &Settings) -> anyhow::Result<Sandbox> {
        let mut config = settings.config();
        config.metadata_address = self.metadata_address;
        config.google_address = self.google_address;
        config.sts_address = self.sts_address;
        config.kubernetes_address = self.kubernetes_address;
        config.control_address = self.control_address;
        let sandbox = Sandbox::start(config)?;
        for role in &settings.roles {
            sandbox.aws().put_role(role)?;
        }
        Ok(sandbox)
    }
}

async fn first_of(mut interrupt: Signal, mut terminate: Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// What is served, as comments of a shell, so that all of the output can be sourced.
fn explain(sandbox: &Sandbox, settings: &Settings, files: &[PathBuf]) -> String {
    let mut text = String::from("# The sandbox serves until Ctrl-C:\n");
    let metadata = format!("http://{}", sandbox.metadata_address());
    for (what, url) in [
        ("Google's metadata server", metadata),
        ("Google's keys", sandbox.jwks_url()),
        ("Google's APIs", sandbox.google_url()),
        ("AWS STS", sandbox.sts_url()),
        ("Kubernetes API", sandbox.kubernetes_url()),
        ("its own control API", sandbox.control_url()),
    ] {
        let _ = writeln!(text, "#   {what:<25} {url}");
    }
    let whose = match &settings.cluster {
        Some(cluster) => format!(
            "each pod's own account; other callers are {}",
            cluster.node.email
        ),
        None => settings.identity.for_people(),
    };
    let _ = writeln!(text, "# Tokens are of {whose}.");
    for role in &settings.roles {
        let _ = writeln!(text, "# There is the role {}.", role.arn);
    }
    text.push_str("# For GOOGLE_APPLICATION_CREDENTIALS there are:\n");
    for file in files {
        let _ = writeln!(text, "#   {}", file.display());
    }
    text.push_str("# To use it from another shell:\n");
    text
}

fn exports(sandbox: &Sandbox, authority: &Path, kubeconfig: &Path) -> String {
    let path = |path: &Path| path.display().to_string();
    let variables = [
        ("GCE_METADATA_HOST", sandbox.metadata_address().to_string()),
        (
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS",
            sandbox.google_url() + "/",
        ),
        ("AWS_ENDPOINT_URL_STS", sandbox.sts_url()),
        ("AWS_CA_BUNDLE", path(authority)),
        ("SSL_CERT_FILE", path(authority)),
        ("KUBECONFIG", path(kubeconfig)),
        ("GTOKEN_SANDBOX_CONTROL", sandbox.control_url()),
    ];
    let lines = variables.map(|(name, value)| format!("export {name}={}\n", quoted(&value)));
    lines.concat()
}

/// The value as a POSIX shell reads it back.
fn quoted(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/:._-[]".contains(&byte);
    if value.bytes().all(plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_where_a_shell_would_split_them() {
        assert_eq!(quoted("/tmp/a:1"), "/tmp/a:1");
        assert_eq!(quoted("/my files/it's"), r"'/my files/it'\''s'");
    }

    #[test]
    fn the_command_line_is_sound() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}

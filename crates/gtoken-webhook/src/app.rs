//! Wiring: arguments and environment in, exit code out.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};
use gtoken_inject::{ServerVersion, Settings};
use kube::Client;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tracing::{error, info};

use crate::accounts::api::ServiceAccounts;
use crate::accounts::index::Doubt;
use crate::accounts::{self, Accounts};
use crate::admin::Admin;
use crate::admit::{Admitter, OnUnknown};
use crate::certs::api::{Api, Trouble};
use crate::certs::keeper::Keeper;
use crate::certs::mode::Tls;
use crate::certs::reload::Reload;
use crate::cli::{Cli, Command, ServerArgs};
use crate::dry_start::{self, Finding};
use crate::metrics::Metrics;
use crate::ready::Readiness;
use crate::routes::Routes;
use crate::serve::{Bound, Certificates};
use crate::signals::Signals;
use crate::{cluster, log};

/// Something that was configured cannot be used.
const UNUSABLE: u8 = 1;

/// How long a task rests that a defect has ended.
const REST_AFTER_DEFECT: Duration = Duration::from_secs(1);

/// Runs the webhook to its end: 0 when it was asked to end, 1 when something configured cannot be used, 2 for wrong usage.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let (cli, settings, tls) = match parse(args) {
        Ok(parsed) => parsed,
        Err(error) => {
            // A reader that has gone away is no failure of ours.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    log::init(cli.log.log_level, cli.log.json);
    let Command::Server(args) = cli.command;
    // One thread answers tens of thousands of reviews a second; more would only cost memory.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let result = runtime
        .context("cannot start the runtime")
        .and_then(|runtime| runtime.block_on(run(*args, settings, tls)));
    result.unwrap_or_else(|error| {
        error!("{error:#}");
        ExitCode::from(UNUSABLE)
    })
}

/// What was typed, and what it means for pods and for TLS.
fn parse(args: impl IntoIterator<Item = OsString>) -> Result<(Cli, Settings, Tls), clap::Error> {
    let cli = Cli::try_parse_from(args)?;
    let Command::Server(server) = &cli.command;
    let same = |error| Cli::command().error(ErrorKind::ArgumentConflict, error);
    server.check_addresses().map_err(same)?;
    let invalid = |error| Cli::command().error(ErrorKind::ValueValidation, error);
    let settings = server.inject.settings().map_err(invalid)?;
    let invalid = |error| Cli::command().error(ErrorKind::ValueValidation, error);
    let tls = server.serve.tls.parse(&server.serve.listen_address);
    let tls = tls.map_err(invalid)?;
    Ok((cli, settings, tls))
}

async fn run(args: ServerArgs, settings: Settings, tls: Tls) -> anyhow::Result<ExitCode> {
    if args.dry_start {
        return dry_start(&args, &tls).await;
    }
    let signals = Signals::listen().context("cannot listen for signals")?;
    let bound = args.serve.bind(tls).await?;
    let telemetry = args.admin.bind().await?;
    let client = cluster::client(|name| std::env::var_os(name)).await?;
    let metrics = Arc::new(Metrics::default());
    let client = cluster::counted(client, Arc::clone(&metrics));
    let webhook = Webhook::new(&client, settings, args.on_unknown, metrics);
    webhook.follow(client.clone());
    let refused = webhook.keep_certificates(bound.certificates(), client)?;
    tokio::select! {
        ended = webhook.serve(bound, telemetry, args.serve.drain_delay, signals) => ended,
        trouble = refused => Err(trouble.into()),
    }
}

async fn dry_start(args: &ServerArgs, tls: &Tls) -> anyhow::Result<ExitCode> {
    let findings = dry_start::run(args, tls, |name| std::env::var_os(name)).await;
    let mut stdout = std::io::stdout().lock();
    for found in &findings {
        writeln!(stdout, "{found}").context("cannot write to standard output")?;
    }
    let is_good = findings.iter().all(Finding::is_good);
    Ok(ExitCode::from(if is_good { 0 } else { UNUSABLE }))
}

/// Everything that answering takes, before a connection is served.
struct Webhook {
    accounts: Arc<Accounts>,
    admin: Arc<Admin>,
    settings: Settings,
    on_unknown: OnUnknown,
    version: watch::Sender<ServerVersion>,
}

impl Webhook {
    fn new(
        client: &Client,
        settings: Settings,
        on_unknown: OnUnknown,
        metrics: Arc<Metrics>,
    ) -> Self {
        let api = ServiceAccounts::new(client.clone(), settings.dialect.clone());
        let accounts = Arc::new(Accounts::new(api, Doubt::default(), Arc::clone(&metrics)));
        let admin = Arc::new(Admin {
            metrics,
            readiness: Readiness::default(),
            accounts: Arc::clone(&accounts),
        });
        Self {
            accounts,
            admin,
            settings,
            on_unknown,
            version: watch::Sender::default(),
        }
    }

    /// Starts following the cluster; readiness waits for what is read first.
    fn follow(&self, client: Client) {
        let listed = self.admin.readiness.awaits("the ServiceAccounts");
        let accounts = Arc::clone(&self.accounts);
        supervise(move || {
            let (accounts, listed) = (Arc::clone(&accounts), listed.clone());
            async move { accounts::watch::run(accounts, Doubt::default(), &listed).await }
        });
        let allowed = self.admin.readiness.awaits("single ServiceAccounts");
        let accounts = Arc::clone(&self.accounts);
        supervise(move || {
            let (accounts, allowed) = (Arc::clone(&accounts), allowed.clone());
            async move { accounts::permission::run(accounts, &allowed).await }
        });
        let read = self.admin.readiness.awaits("the API server's version");
        let version = self.version.clone();
        supervise(move || {
            let (client, version, read) = (client.clone(), version.clone(), read.clone());
            async move { cluster::follow_version(client, version, &read).await }
        });
    }

    /// Starts keeping the certificate that is served; what this gives ends when that cannot be as it was configured.
    fn keep_certificates(
        &self,
        certificates: &Certificates,
        client: Client,
    ) -> anyhow::Result<impl Future<Output = Trouble> + use<>> {
        let (metrics, readiness) = (&self.admin.metrics, &self.admin.readiness);
        let (refuse, mut refused) = mpsc::channel(1);
        match certificates {
            Certificates::Files(leaf, files, pem) => {
                let (leaf, files) = (Arc::clone(leaf), files.clone());
                let reload = Reload::new(files, pem, leaf, Arc::clone(metrics), readiness.clone());
                supervise(move || reload.clone().run());
            }
            Certificates::Off => {}
            Certificates::SelfKept(leaf, settings) => {
                let namespace = client.default_namespace().to_owned();
                let policy = settings.policy(&namespace)?;
                let api = Api::new(client, settings.places(&namespace));
                let (leaf, metrics) = (Arc::clone(leaf), Arc::clone(metrics));
                let keeper = Keeper::new(api, policy, leaf, metrics, readiness.clone(), refuse);
                supervise(move || keeper.clone().run());
            }
        }
        Ok(async move {
            match refused.recv().await {
                Some(trouble) => trouble,
                None => std::future::pending().await,
            }
        })
    }

    async fn serve(
        self,
        bound: Bound,
        telemetry: Option<TcpListener>,
        drain_delay: Duration,
        mut signals: Signals,
    ) -> anyhow::Result<ExitCode> {
        let address = bound.address();
        let routes = Arc::new(Routes {
            admitter: Admitter {
                accounts: self.accounts,
                settings: self.settings,
                on_unknown: self.on_unknown,
                server: self.version.subscribe(),
                metrics: Arc::clone(&self.admin.metrics),
            },
            admin: Arc::clone(&self.admin),
            shows_metrics: telemetry.is_none(),
            room: Arc::default(),
            intake: Arc::default(),
        });
        info!(%address, version = env!("CARGO_PKG_VERSION"), "listening");
        if let Some(listener) = telemetry {
            let address = listener
                .local_addr()
                .context("cannot read the telemetry address")?;
            info!(%address, "listening for telemetry");
            tokio::spawn(Arc::clone(&self.admin).serve(listener));
        }
        let listener = self.admin.readiness.awaits("the listener");
        let (end, ending) = watch::channel(false);
        let served = tokio::spawn(bound.serve(routes, ending));
        listener.arrived();

        let asked = signals.next().await;
        info!(
            ?asked,
            ?drain_delay,
            "ending: new connections are served for the delay"
        );
        self.admin.readiness.end();
        let finish = async {
            tokio::time::sleep(drain_delay).await;
            end.send_replace(true);
            served.await
        };
        tokio::select! {
            finished = finish => finished.context("the server ended by a defect")?,
            asked = signals.next() => {
                info!(?asked, "ending at once");
                return Ok(ExitCode::from(asked.exit_code()));
            }
        }
        info!("every request has its answer");
        Ok(ExitCode::SUCCESS)
    }
}

/// Runs what never ends, and begins it anew where a defect ends it: without it every answer would grow old.
fn supervise<F>(begin: impl Fn() -> F + Send + 'static)
where
    F: Future<Output = Infallible> + Send + 'static,
{
    tokio::spawn(async move {
        loop {
            // The panic itself has been reported by its hook.
            let Err(ended) = tokio::spawn(begin()).await;
            error!(%ended, "a task ended by a defect; beginning it anew");
            tokio::time::sleep(REST_AFTER_DEFECT).await;
        }
    });
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_a_defect_ends_is_begun_anew() {
        let begun = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&begun);
        supervise(move || {
            let counted = Arc::clone(&counted);
            async move {
                assert!(counted.fetch_add(1, Ordering::Relaxed) >= 2, "a defect");
                std::future::pending().await
            }
        });
        tokio::time::sleep(REST_AFTER_DEFECT * 5).await;
        assert_eq!(begun.load(Ordering::Relaxed), 3);
    }
}

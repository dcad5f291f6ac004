//! One running sandbox: its settings, its listeners and the thread that serves them.

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt;
use serde_json::json;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::aws::{Aws, Provider};
use crate::certificates::{Authority, TlsError};
use crate::clock::Clock;
use crate::cluster::{Cluster, ClusterConfig, KubeconfigError};
use crate::control::Control;
use crate::google::{self, Google, GoogleIdentity, Identity};
use crate::http;
use crate::kubernetes::Kubernetes;
use crate::lifetimes::{Lifetime, LifetimeChange, Lifetimes};
use crate::listeners::{Acceptors, Addresses, Listeners};

/// What a sandbox starts with; all but the addresses can be changed while it runs.
///
/// An address that is not given is on 127.0.0.1, at a port that the system chooses.
#[derive(Clone, Debug)]
pub struct Config {
    /// The time that tokens and sessions go by.
    pub clock: Clock,
    /// How long Google's tokens live; an hour, as Google's do.
    pub token_lifetime: Duration,
    /// How long a session lives that asks for no duration; an hour, as AWS's do. AWS knows none below 15 minutes.
    pub session_lifetime: Duration,
    /// How long past its end AWS takes a token; five minutes, as IAM's guide says. Zero is strict.
    pub expiry_grace: Duration,
    /// Whose tokens the metadata server hands out where it does not tell pods apart.
    pub identity: Identity,
    /// The cluster whose pods it tells apart.
    pub cluster: Option<ClusterConfig>,
    /// Where the metadata server listens.
    pub metadata_address: Option<SocketAddr>,
    /// Where Google's discovery document and keys are served.
    pub google_address: Option<SocketAddr>,
    /// Where AWS's STS listens.
    pub sts_address: Option<SocketAddr>,
    /// Where the Kubernetes API listens.
    pub kubernetes_address: Option<SocketAddr>,
    /// Where the sandbox itself can be told what to do.
    pub control_address: Option<SocketAddr>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            clock: Clock::real(),
            token_lifetime: Duration::from_hours(1),
            session_lifetime: Duration::from_hours(1),
            expiry_grace: Duration::from_mins(5),
            identity: Identity::Linked(GoogleIdentity::reader()),
            cluster: None,
            metadata_address: None,
            google_address: None,
            sts_address: None,
            kubernetes_address: None,
            control_address: None,
        }
    }
}

/// A sandbox that serves until it is dropped.
///
/// It owns its runtime and thread, so that it can be started and dropped from synchronous and asynchronous code alike.
pub struct Sandbox {
    addresses: Addresses,
    authority: Authority,
    bearer_token: String,
    google: Arc<Google>,
    aws: Arc<Aws>,
    kubernetes: Arc<Kubernetes>,
    lifetimes: Lifetimes,
    shutdown: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

/// Why a sandbox cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A listener's address is taken or not ours.
    #[error(
        "cannot listen on {address} for {server}: {cause}; free that address or choose another with {flag}"
    )]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// Which of the servers it is for.
        server: &'static str,
        /// The flag of the command line that sets it.
        flag: &'static str,
        /// What the system said.
        cause: io::Error,
    },
    /// The certificates could not be made.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The kubeconfig of the cluster cannot be used.
    #[error(transparent)]
    Cluster(#[from] KubeconfigError),
    /// The system gave no thread or event queue to serve on.
    #[error("cannot start the thread that serves")]
    Runtime(#[source] io::Error),
}

/// How long connections get to notice that the sandbox ends.
const LAST_WORDS: Duration = Duration::from_secs(1);

impl Sandbox {
    /// Opens all listeners and serves them; every server answers once this returns.
    pub fn start(config: Config) -> Result<Self, StartError> {
        let listeners = Listeners::bind(&config)?;
        let addresses = listeners.addresses().map_err(StartError::Runtime)?;
        let authority = Authority::new().map_err(TlsError::from)?;
        let acceptors = Acceptors::new(&authority, &addresses)?;
        let cluster = config.cluster.map(Cluster::new).transpose()?;
        let lifetimes = Lifetimes::new(Lifetime {
            token: config.token_lifetime,
            session: config.session_lifetime,
            grace: config.expiry_grace,
        });
        let google = Arc::new(Google::new(
            config.clock.clone(),
            lifetimes.clone(),
            config.identity,
            cluster,
            Arc::new(google::Key::generate()),
        ));
        let provider = Provider::google(&google);
        let aws = Arc::new(Aws::new(config.clock, lifetimes.clone(), provider));
        let bearer_token = random_text();
        let kubernetes = Kubernetes::new(bearer_token.clone());
        let (shutdown, stop) = watch::channel(false);
        let mut sandbox = Self {
            addresses,
            authority,
            bearer_token,
            google,
            aws,
            kubernetes,
            lifetimes,
            shutdown,
            thread: None,
        };
        sandbox.thread = Some(sandbox.spawn(listeners, acceptors, stop)?);
        Ok(sandbox)
    }

    /// The metadata server, in plain HTTP; the value for `GCE_METADATA_HOST`.
    pub fn metadata_address(&self) -> SocketAddr {
        self.addresses.metadata
    }

    /// The `iss` of Google's tokens, which is the real one's: AWS knows Google by it.
    pub fn issuer_url(&self) -> &'static str {
        google::ISSUER
    }

    /// Where Google's keys are published.
    pub fn jwks_url(&self) -> String {
        url("https", self.addresses.google, google::JWKS_PATH)
    }

    /// Where Google's discovery document is published.
    pub fn discovery_url(&self) -> String {
        url("https", self.addresses.google, google::DISCOVERY_PATH)
    }

    pub(crate) fn google_path(&self, path: &str) -> String {
        url("https", self.addresses.google, path)
    }

    /// The endpoint of AWS's STS, for `AWS_ENDPOINT_URL_STS`.
    pub fn sts_url(&self) -> String {
        url("https", self.addresses.sts, "")
    }

    /// The Kubernetes API.
    pub fn kubernetes_url(&self) -> String {
        url("https", self.addresses.kubernetes, "")
    }

    /// Where the sandbox can be told what to do, in plain HTTP.
    pub fn control_url(&self) -> String {
        url("http", self.addresses.control, "")
    }

    /// The certificate of the authority that signed every certificate here.
    pub fn ca_pem(&self) -> &str {
        self.authority.pem()
    }

    /// A server certificate for these names and addresses and its key, in PEM.
    ///
    /// # Panics
    ///
    /// Panics where a name is no DNS name and no address.
    pub fn issue_certificate(&self, names: &[&str]) -> (String, String) {
        let issued = self.authority.issue(names);
        issued.expect("names are DNS names or addresses")
    }

    /// What a Kubernetes client needs to reach the sandbox's API: JSON, which is YAML too.
    pub fn kubeconfig(&self) -> String {
        let cluster = json!({
            "server": self.kubernetes_url(),
            "certificate-authority-data": STANDARD.encode(self.ca_pem()),
        });
        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "sandbox",
            "clusters": [{"name": "sandbox", "cluster": cluster}],
            "users": [{"name": "sandbox", "user": {"token": self.bearer_token}}],
            "contexts": [{"name": "sandbox", "context": {"cluster": "sandbox", "user": "sandbox"}}],
        });
        format!("{kubeconfig:#}\n")
    }

    /// The names that programs know the servers by, in the form of `/etc/hosts`: of the metadata server where it listens on
    /// port 80, of STS where on 443, for a name leads to no other port.
    pub fn hosts(&self) -> String {
        self.addresses.hosts()
    }

    /// Google's side.
    pub fn google(&self) -> &Google {
        &self.google
    }

    /// AWS's side.
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    /// Changes how long tokens and sessions live, for everybody or for one account.
    pub fn change_lifetimes(&self, change: &LifetimeChange) {
        self.lifetimes.change(change);
    }

    /// The Kubernetes API's state.
    pub fn kubernetes(&self) -> &Kubernetes {
        &self.kubernetes
    }

    fn spawn(
        &self,
        listeners: Listeners,
        acceptors: Acceptors,
        mut stop: watch::Receiver<bool>,
    ) -> Result<JoinHandle<()>, StartError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(StartError::Runtime)?;
        self.serve(&runtime, listeners, acceptors, &stop)
            .map_err(StartError::Runtime)?;
        std::thread::Builder::new()
            .name("gtoken-sandbox".into())
            .spawn(move || {
                // An error means that the sender is gone, which ends the sandbox as well.
                let _ = runtime.block_on(stop.changed());
                runtime.shutdown_timeout(LAST_WORDS);
            })
            .map_err(StartError::Runtime)
    }

    /// Starts the five servers; only the sockets' registration with the runtime can fail.
    fn serve(
        &self,
        runtime: &Runtime,
        listeners: Listeners,
        acceptors: Acceptors,
        stop: &watch::Receiver<bool>,
    ) -> io::Result<()> {
        let _entered = runtime.enter();
        let stop = || stop.clone();
        let listen = tokio::net::TcpListener::from_std;

        let google = Arc::clone(&self.google);
        let metadata = move |request| Arc::clone(&google).respond_metadata(request);
        let listener = listen(listeners.metadata)?;
        runtime.spawn(http::serve(listener, None, stop(), metadata));

        let google = Arc::clone(&self.google);
        let base = url("https", self.addresses.google, "");
        let public = move |request| Arc::clone(&google).respond_public(request, base.clone());
        let listener = listen(listeners.google)?;
        runtime.spawn(http::serve(
            listener,
            Some(acceptors.google),
            stop(),
            public,
        ));

        let aws = Arc::clone(&self.aws);
        let sts = move |request| Arc::clone(&aws).respond(request);
        let listener = listen(listeners.sts)?;
        runtime.spawn(http::serve(listener, Some(acceptors.sts), stop(), sts));

        let cluster = Arc::clone(&self.kubernetes);
        let kubernetes = move |request| Arc::clone(&cluster).respond(request).map(Ok);
        let listener = listen(listeners.kubernetes)?;
        let tls = Some(acceptors.kubernetes);
        runtime.spawn(http::serve(listener, tls, stop(), kubernetes));

        let control = Control::new(&self.google, &self.aws, &self.lifetimes);
        let control = move |request| control.clone().respond(request);
        let listener = listen(listeners.control)?;
        runtime.spawn(http::serve(listener, None, stop(), control));
        Ok(())
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.shutdown.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A panic of the serving thread was printed when it happened.
            let _ = thread.join();
        }
    }
}

fn url(scheme: &str, address: SocketAddr, path: impl Display) -> String {
    format!("{scheme}://{address}{path}")
}

/// Thirty-two hex digits that nobody can guess.
fn random_text() -> String {
    let bits: u128 = u128::from_be_bytes(rsa::Generate::generate());
    format!("{bits:032x}")
}

/// Tests share a sandbox between threads.
const _: () = {
    const fn is_shareable<T: Send + Sync>() {}
    is_shareable::<Sandbox>();
};

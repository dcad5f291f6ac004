//! The main listener: everything that can fail fails in [`ServeArgs::bind`], what follows cannot.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use futures_util::FutureExt as _;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tracing::warn;

use crate::address::{CannotListen, ListenAddress};
use crate::certs::files::{CannotLoad, Files, Pem};
use crate::certs::mode::{SelfKept, Tls, TlsArgs};
use crate::certs::{self, Leaf};
use crate::cli;
use crate::connection::{self, Crowd, MOST_CONNECTIONS};
use crate::routes::Routes;

/// How long requests on their way may take to finish when the process ends; with the longest drain delay that
/// the shipped `terminationGracePeriodSeconds` of 40 has room for.
const FINISH_TIMEOUT: Duration = Duration::from_secs(25);

/// Where and how reviews are taken.
#[derive(Args, Debug)]
pub struct ServeArgs {
    /// Where reviews are taken, as :PORT or HOST:PORT.
    #[arg(long, default_value = ":8443", value_name = "ADDRESS")]
    pub listen_address: ListenAddress,
    /// How long new connections are still served after SIGTERM, until all know that this replica ends.
    #[arg(long, default_value = "10s", value_parser = cli::duration, value_name = "DURATION")]
    pub drain_delay: Duration,
    /// Where the certificate comes from.
    #[command(flatten)]
    pub tls: TlsArgs,
}

/// An open port, and what is served there.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    /// None where plain HTTP is served.
    tls: Option<Arc<ServerConfig>>,
    certificates: Certificates,
}

/// Where the certificate of a listener comes from from now on.
#[derive(Clone, Debug)]
pub enum Certificates {
    /// From files, in which this stood when it was loaded.
    Files(Arc<Leaf>, Files, Arc<Pem>),
    /// From nowhere.
    Off,
    /// From us; there is none yet.
    SelfKept(Arc<Leaf>, SelfKept),
}

impl ServeArgs {
    /// Opens the port, and loads the certificate where it is in files.
    pub async fn bind(&self, tls: Tls) -> Result<Bound, CannotServe> {
        let certificates = match tls {
            Tls::Files(files) => {
                let pem = files.read()?;
                let leaf = Leaf::new(files.parse(&pem)?);
                Certificates::Files(leaf, files, Arc::new(pem))
            }
            Tls::Off => Certificates::Off,
            Tls::SelfKept(settings) => Certificates::SelfKept(Arc::default(), settings),
        };
        let tls = match &certificates {
            Certificates::Files(leaf, ..) | Certificates::SelfKept(leaf, _) => {
                let tls = certs::server_config(Arc::clone(leaf), self.tls.tls_min_version);
                Some(Arc::new(tls.map_err(CannotServe::Tls)?))
            }
            Certificates::Off => None,
        };
        let listener = self.listen_address.bind().await?;
        let address = listener.local_addr().map_err(CannotServe::Address)?;
        Ok(Bound {
            listener,
            address,
            tls,
            certificates,
        })
    }
}

impl Bound {
    /// Where it listens, the port chosen by the system included.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its certificate comes from.
    pub fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// Serves until `ending` says so, and then until what was on its way has its answer.
    pub async fn serve(self, routes: Arc<Routes>, mut ending: watch::Receiver<bool>) {
        let acceptor = self.tls.map(TlsAcceptor::from);
        // Every connection holds a receiver, so that the sender sees the last one go.
        let (closing, closed) = watch::channel(false);
        let crowd = Crowd::new(MOST_CONNECTIONS, Arc::clone(&routes.admin.metrics));
        let serve = |(stream, place)| {
            let (acceptor, routes, closed) =
                (acceptor.clone(), Arc::clone(&routes), closed.clone());
            tokio::spawn(connection::serve(stream, acceptor, routes, place, closed));
        };
        loop {
            tokio::select! {
                stream = connection::accept(&self.listener, &crowd) => serve(stream),
                () = connection::told(&mut ending) => break,
            }
        }
        // Whoever has connected already would see the listener's end as a reset.
        while let Some(stream) = connection::accept(&self.listener, &crowd).now_or_never() {
            serve(stream);
        }
        drop((self.listener, closed));
        closing.send_replace(true);
        if timeout(FINISH_TIMEOUT, closing.closed()).await.is_err() {
            warn!(
                connections = closing.receiver_count(),
                "ending although connections are open"
            );
        }
    }
}

/// Why reviews cannot be taken; it is for the operator to mend.
#[derive(Debug, thiserror::Error)]
pub enum CannotServe {
    /// The system does not tell which port it opened.
    #[error("cannot read the address of the port that was opened: {0}")]
    Address(std::io::Error),
    /// The certificate's files.
    #[error(transparent)]
    Certificate(#[from] CannotLoad),
    /// The address.
    #[error(transparent)]
    Listen(#[from] CannotListen),
    /// The TLS library refuses its configuration.
    #[error("cannot set up TLS: {0}")]
    Tls(rustls::Error),
}

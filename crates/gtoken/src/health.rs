//! `/healthz` and `/metrics`, for kubelet and Prometheus, where `--health-address` asks for them.
//!
//! They are served by a thread of their own, which exists only then. On the agent's thread, by poll(2), they would cost
//! next to nothing, but an attempt holds that one for 20 s an answer, and a pod whose token is good would fail its probes
//! because the metadata server is slow. The thread costs 15 KiB, 20 once somebody has asked. Once the port is open it
//! allocates nothing and takes no lock, so that the process may still fork.

mod address;
mod page;
pub mod request;

use std::array;
use std::fmt;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

pub use address::{HealthAddress, InvalidAddress};

use crate::cli::HEALTH_ADDRESS;
use crate::clock::Started;
use crate::log::{Level, Line};
use crate::vitals::{Snapshot, Vitals};
use page::Page;
use request::{Head, Request};

/// How long a client may take for its request and to take our answer.
const CLIENT_WITHIN: Duration = Duration::from_secs(2);

/// How many clients are served at once; when one more comes, the oldest has to go, so that nobody can lock others out.
const CLIENTS: usize = 4;

/// No more than 200 times a second does anything happen here: clients who flood us must not use up the processor time
/// that a container's limit leaves to the next attempt.
const PACE: Duration = Duration::from_millis(5);

/// How soon a port that could not be opened is tried again.
const PAUSE: Duration = Duration::from_secs(3);

/// More than the thread's few buffers take.
const STACK: usize = 64 * 1024;

/// Opens the port and serves it for as long as the process lives; between clients nothing ever wakes up.
///
/// A port that cannot be had now is tried again, for no token has to wait for it.
pub fn serve(
    address: HealthAddress,
    vitals: Arc<Vitals>,
    started: Started,
    say: impl Fn(&Line) + Copy + Send + 'static,
) -> Result<(), CannotListen> {
    let opened = Server::open(address);
    match &opened {
        Ok(server) => say(&server.opened()),
        Err(error) if error.is_usage() => return Err(error.clone()),
        Err(error) => say(&error.to_be_tried_again()),
    }
    let thread = thread::Builder::new()
        .name("health".to_owned())
        .stack_size(STACK);
    let spawned = thread.spawn(move || {
        let mut server = opened.unwrap_or_else(|_| {
            let server = keep_trying(address);
            say(&server.opened());
            server
        });
        loop {
            server.round(|| (vitals.snapshot(), started.uptime()));
            thread::sleep(PACE);
        }
    });
    if let Err(error) = spawned {
        let lost = CannotListen::new(address, &error).to_string();
        say(&Line::new(Level::Warning, lost));
    }
    Ok(())
}

fn keep_trying(address: HealthAddress) -> Server {
    loop {
        thread::sleep(PAUSE);
        if let Ok(server) = Server::open(address) {
            return server;
        }
    }
}

/// The open port, and who came there.
#[derive(Debug)]
struct Server {
    listener: TcpListener,
    bound: SocketAddr,
    clients: [Option<Client>; CLIENTS],
}

/// A connection.
#[derive(Debug)]
struct Client {
    stream: TcpStream,
    deadline: Instant,
    head: Head,
    /// Its answer is written; it is read to its end only so that closing does not reset it.
    answered: bool,
}

impl Server {
    fn open(address: HealthAddress) -> Result<Self, CannotListen> {
        let open = || {
            let listener = address.listen()?;
            listener.set_nonblocking(true)?;
            let bound = listener.local_addr()?;
            Ok(Self {
                listener,
                bound,
                clients: Default::default(),
            })
        };
        open().map_err(|error: io::Error| CannotListen::new(address, &error))
    }

    /// What the log says of it.
    fn opened(&self) -> Line {
        let bound = self.bound.to_string();
        let message = format!("telling how it is at http://{bound}/healthz and /metrics");
        Line::new(Level::Info, message).with("address", bound)
    }

    /// Waits until something happens, and serves it.
    fn round(&mut self, look: impl Fn() -> (Snapshot, Duration)) {
        let now = Instant::now();
        for client in &mut self.clients {
            client.take_if(|client| client.deadline <= now);
        }
        // What fails here passes, or there is nothing to serve anybody with.
        let ready = self.wait(now).unwrap_or_default();
        for (client, ready) in self.clients.iter_mut().zip(ready) {
            if ready {
                client.take_if(|client| client.serve(&look).is_err());
            }
        }
        if ready[CLIENTS] {
            // No more than have a place, so that each of them was listened to once before it has to go.
            for _ in 0..CLIENTS {
                if self.accept().is_err() {
                    break;
                }
            }
        }
    }

    /// Of which clients there is something to read, and last whether there is a new one.
    fn wait(&self, now: Instant) -> rustix::io::Result<[bool; CLIENTS + 1]> {
        let mut fds = array::from_fn(|place| match self.clients.get(place) {
            Some(Some(client)) => PollFd::new(&client.stream, PollFlags::IN),
            // Stands for nobody: the only event that a listener has is not asked for.
            Some(None) => PollFd::new(&self.listener, PollFlags::empty()),
            None => PollFd::new(&self.listener, PollFlags::IN),
        });
        let deadlines = self.clients.iter().flatten().map(|client| client.deadline);
        let left = deadlines
            .min()
            .map(|end| end.saturating_duration_since(now));
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        poll(&mut fds, timeout.as_ref())?;
        Ok(fds.map(|fd: PollFd<'_>| !fd.revents().is_empty()))
    }

    fn accept(&mut self) -> io::Result<()> {
        let (stream, _) = self.listener.accept()?;
        stream.set_nonblocking(true)?;
        let since = |place: &&mut Option<Client>| place.as_ref().map(|client| client.deadline);
        // A free place counts as the oldest.
        if let Some(place) = self.clients.iter_mut().min_by_key(since) {
            *place = Some(Client {
                stream,
                deadline: Instant::now() + CLIENT_WITHIN,
                head: Head::default(),
                answered: false,
            });
        }
        Ok(())
    }
}

impl Client {
    /// Reads what is there; an error is the end of the connection.
    fn serve(&mut self, look: impl Fn() -> (Snapshot, Duration)) -> io::Result<()> {
        let mut bytes = [0; 256];
        let read = match self.stream.read(&mut bytes) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(read) => read,
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        match self.head.take(&bytes[..read]) {
            Some(request) if !self.answered => {
                self.answered = true;
                self.answer(request, look())
            }
            _ => Ok(()),
        }
    }

    /// Apart from the rest, whose stack need not hold a page while nobody asks.
    #[inline(never)]
    fn answer(&mut self, request: Request, (seen, uptime): (Snapshot, Duration)) -> io::Result<()> {
        let mut page = Page::empty();
        page::answer(&mut page, request, &seen, uptime.as_secs())
            .map_err(|fmt::Error| ErrorKind::OutOfMemory)?;
        // It fits into the send buffer of a connection on which nothing was sent.
        self.stream.write_all(page.as_bytes())?;
        self.stream.shutdown(Shutdown::Write)
    }
}

/// The system does not let us listen there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("--{HEALTH_ADDRESS} `{address}` cannot be used: {reason}; {}", advice(*.kind))]
pub struct CannotListen {
    address: HealthAddress,
    kind: ErrorKind,
    reason: String,
}

impl CannotListen {
    fn new(address: HealthAddress, error: &io::Error) -> Self {
        Self {
            address,
            kind: error.kind(),
            reason: error.to_string(),
        }
    }

    /// What the log says of it, while it may pass.
    fn to_be_tried_again(&self) -> Line {
        Line::new(Level::Warning, format!("{self}; trying again"))
    }

    /// Whether no time can help, but another address.
    pub fn is_usage(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::AddrNotAvailable | ErrorKind::PermissionDenied
        )
    }
}

fn advice(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::AddrInUse => "end what listens there, or choose another port",
        ErrorKind::AddrNotAvailable => "choose an address that this pod has",
        ErrorKind::PermissionDenied => "choose a port from 1024 on",
        _ => "without the flag there is no need to listen",
    }
}

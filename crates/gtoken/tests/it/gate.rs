//! A way to a server that can be shut: behind it nobody listens, and the kernel refuses connections.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A gate to one server; shut when dropped.
pub(crate) struct Gate {
    address: SocketAddr,
    server: SocketAddr,
    is_shut: Arc<AtomicBool>,
    keeper: Option<JoinHandle<()>>,
}

impl Gate {
    /// A gate that is shut.
    pub(crate) fn to(server: SocketAddr) -> Self {
        // The system gives a port that was just closed to nobody else for a good while.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        Self {
            address: port.local_addr().unwrap(),
            server,
            is_shut: Arc::default(),
            keeper: None,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn open(&mut self) {
        let listener = TcpListener::bind(self.address).unwrap();
        listener.set_nonblocking(true).unwrap();
        self.is_shut = Arc::default();
        let (is_shut, server) = (Arc::clone(&self.is_shut), self.server);
        self.keeper = Some(thread::spawn(move || {
            while !is_shut.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((client, _)) => lead(client, server),
                    Err(_) => thread::sleep(Duration::from_millis(5)),
                }
            }
        }));
    }

    pub(crate) fn shut(&mut self) {
        self.is_shut.store(true, Ordering::Relaxed);
        if let Some(keeper) = self.keeper.take() {
            keeper.join().unwrap();
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.shut();
    }
}

/// Carries bytes either way until both ends have nothing more to say.
fn lead(client: TcpStream, server: SocketAddr) {
    client.set_nonblocking(false).unwrap();
    let server = TcpStream::connect(server).unwrap();
    let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
    for (mut from, mut to) in [(client, server), back] {
        thread::spawn(move || {
            // Who hangs up in the middle is no fault of the gate's.
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
    }
}

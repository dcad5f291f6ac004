//! Whatever answers in place of the metadata server, head and body, it brings a token or an error in one line.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant, UNIX_EPOCH};

use gtoken::source::{MetadataServer, Source as _};
use gtoken::token::Expectation;

use super::complaint;

/// When the answer arrives, in seconds since 1970: 2026-11-23.
const NOW: u64 = 1_795_392_000;

/// What the next connection is answered with.
static ANSWER: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Panics where a promise is broken. The bytes are all that comes before the connection ends.
pub(super) fn hold(bytes: &[u8]) {
    let host = server().to_string();
    bytes.clone_into(&mut ANSWER.lock().unwrap_or_else(PoisonError::into_inner));
    let source = MetadataServer::new(host.parse().expect("an address"));
    let expectation = Expectation {
        audience: "aws".parse().expect("an audience"),
        identity: None,
    };
    let begun = Instant::now();
    let now = UNIX_EPOCH + Duration::from_secs(NOW);
    match source.id_token(&expectation, now, Duration::from_secs(10)) {
        Ok(token) => assert!(token.lifetime().expires_at > now),
        Err(error) => complaint::hold(&error, 2000),
    }
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "the answer was over, and it waited on"
    );
}

/// The address of the server, which is started once.
fn server() -> SocketAddr {
    static SERVER: OnceLock<SocketAddr> = OnceLock::new();
    *SERVER.get_or_init(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                answer(&connection);
            }
        });
        address
    })
}

/// Reads the request to its end, for what is left unread would reset the connection, and answers it.
fn answer(connection: &TcpStream) {
    let mut lines = BufReader::new(connection).lines();
    while lines
        .next()
        .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
    {}
    let bytes = ANSWER
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let mut connection = connection;
    // Who has heard enough hangs up.
    let _ = connection.write_all(&bytes);
}

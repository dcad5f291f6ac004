//! SIGTERM and SIGINT end the process at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// From here on SIGTERM and SIGINT end the process with this code.
///
/// The handler itself calls `_exit`, so it makes no difference what the one thread is waiting for;
/// and that there is a handler is what makes the kernel deliver these signals to PID 1 at all.
pub fn end_at_once(code: u8) -> io::Result<()> {
    let always = Arc::new(AtomicBool::new(true));
    for signal in [SIGINT, SIGTERM] {
        flag::register_conditional_shutdown(signal, i32::from(code), Arc::clone(&always))?;
    }
    Ok(())
}

//! `caller-identity`: see the library.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    caller_identity::main(std::env::args_os().skip(1)).await
}

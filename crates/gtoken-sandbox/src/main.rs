//! The command `gtoken-sandbox`.

use std::process::ExitCode;

fn main() -> ExitCode {
    gtoken_sandbox::cli::run(std::env::args_os())
}

//! The CNI plugin as a process: a call comes as variables and standard input, the answer goes to standard output.

use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use crate::cni;

/// The file name under which the program is the plugin and nothing else, for CNI gives no arguments.
const PLUGIN: &str = "gtoken-sandbox-cni";

pub(super) const HELP: &str = r#"Container runtimes run a plugin by its file name alone: link this program as gtoken-sandbox-cni into their folder
of plugins, and end the list of plugins in their configuration with
  {"type": "gtoken-sandbox-cni", "podsFolder": "/run/gtoken-sandbox/pods"}"#;

/// Whether the program was started as the plugin.
pub(super) fn is_called_by(program: &Path) -> bool {
    program.file_name().is_some_and(|name| name == PLUGIN)
}

/// Does what the runtime asks.
pub(super) fn run() -> ExitCode {
    let environment = |name: &str| std::env::var(name).ok();
    let mut input = Vec::new();
    // What could not be read is no JSON, which the plugin says in CNI's form.
    let _ = io::stdin().read_to_end(&mut input);
    let (text, code) = match cni::run(&environment, &input, SystemTime::now()) {
        Ok(text) => (text, ExitCode::SUCCESS),
        Err(failure) => (failure.to_json().to_string(), ExitCode::FAILURE),
    };
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => code,
        Err(_) => ExitCode::FAILURE,
    }
}

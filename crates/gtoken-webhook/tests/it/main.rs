//! The webhook as it is shipped, a process, against the sandbox's Kubernetes API.

mod bad_input;
mod certificates;
mod clients;
mod draining;
mod ending;
mod harness;
mod hostile;
mod injecting;
mod outside;
mod plain;
mod reviews;
mod self_kept;
mod starting;
mod watching;

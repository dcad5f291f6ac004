//! The sandbox as its users see it: over the wire, and as a process.

mod apis;
mod caller;
mod cluster;
mod cni;
mod faults;
mod keys;
mod kubernetes;
mod lifetimes;
mod metadata;
mod roles;
mod sts;
mod up;
mod wire;

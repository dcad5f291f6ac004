//! The sandbox as its users see it: over the wire, and as a process.

mod kubernetes;

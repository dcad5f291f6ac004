//! Fuzzes the claims of ID tokens.

#![no_main]

#[path = "../promises/claims.rs"]
mod claims;
#[path = "../promises/complaint.rs"]
mod complaint;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| claims::hold(bytes));

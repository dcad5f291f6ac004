//! Fuzzes files of credentials.

#![no_main]

#[path = "../promises/complaint.rs"]
mod complaint;
#[path = "../promises/credentials.rs"]
mod credentials;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| credentials::hold(bytes));

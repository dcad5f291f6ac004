//! Fuzzes ID tokens.

#![no_main]

#[path = "../promises/complaint.rs"]
mod complaint;
#[path = "../promises/token.rs"]
mod token;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| token::hold(bytes));

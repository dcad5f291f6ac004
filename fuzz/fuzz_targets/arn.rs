//! Fuzzes ARNs of roles, and what else is told of AWS by a name.

#![no_main]

#[path = "../promises/arn.rs"]
mod arn;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| arn::hold(bytes));

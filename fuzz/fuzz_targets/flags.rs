//! Fuzzes command lines.

#![no_main]

#[path = "../promises/complaint.rs"]
mod complaint;
#[path = "../promises/flags.rs"]
mod flags;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| flags::hold(bytes));

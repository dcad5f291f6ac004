//! Fuzzes durations.

#![no_main]

#[path = "../promises/durations.rs"]
mod durations;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| durations::hold(bytes));

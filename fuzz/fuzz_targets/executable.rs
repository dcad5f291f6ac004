//! Fuzzes what a program prints that gives a subject token.

#![no_main]

#[path = "../promises/complaint.rs"]
mod complaint;
#[path = "../promises/executable.rs"]
mod executable;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| executable::hold(bytes));

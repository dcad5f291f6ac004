//! Fuzzes the metadata server's answers.

#![no_main]

#[path = "../promises/answer.rs"]
mod answer;
#[path = "../promises/complaint.rs"]
mod complaint;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| answer::hold(bytes));

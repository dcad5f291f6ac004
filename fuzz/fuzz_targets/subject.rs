//! Fuzzes texts that hold a subject token.

#![no_main]

#[path = "../promises/complaint.rs"]
mod complaint;
#[path = "../promises/subject.rs"]
mod subject;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| subject::hold(bytes));

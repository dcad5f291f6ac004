//! Fuzzes annotations of ServiceAccounts and pods.

#![no_main]

#[path = "../promises/admission.rs"]
mod admission;
#[path = "../promises/annotations.rs"]
mod annotations;
#[path = "../promises/reader.rs"]
mod reader;
#[path = "../promises/warnings.rs"]
mod warnings;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| annotations::hold(bytes));

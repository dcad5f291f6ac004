//! Fuzzes pods.

#![no_main]

#[path = "../promises/admission.rs"]
mod admission;
#[path = "../promises/pod.rs"]
mod pod;
#[path = "../promises/reader.rs"]
mod reader;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pod::hold(bytes));

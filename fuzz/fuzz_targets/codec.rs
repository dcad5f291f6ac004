//! Fuzzes our reader of JSON against serde's.

#![no_main]

#[path = "../promises/codec.rs"]
mod codec;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| codec::hold(bytes));

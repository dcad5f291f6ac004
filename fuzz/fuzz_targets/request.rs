//! Fuzzes requests of kubelets and of whoever else asks for health or metrics.

#![no_main]

#[path = "../promises/request.rs"]
mod request;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| request::hold(bytes));

//! Fuzzes AdmissionReviews.

#![no_main]

#[path = "../promises/admission.rs"]
mod admission;
#[path = "../promises/reader.rs"]
mod reader;
#[path = "../promises/review.rs"]
mod review;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| review::hold(bytes));

//! Fuzzes pods, their ServiceAccounts and settings.

#![no_main]

#[path = "../promises/admission.rs"]
mod admission;
#[path = "../promises/annotations.rs"]
mod annotations;
#[path = "../promises/choices.rs"]
mod choices;
#[path = "../promises/patch.rs"]
mod patch;
#[path = "../promises/pods.rs"]
mod pods;
#[path = "../promises/world.rs"]
mod world;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| patch::hold(bytes));

//! Fuzzes pods, their ServiceAccounts and settings.

#![no_main]

#[path = "../promises/admission.rs"]
mod admission;
#[path = "../promises/annotated.rs"]
mod annotated;
#[path = "../promises/choices.rs"]
mod choices;
#[path = "../promises/patch.rs"]
mod patch;
#[path = "../promises/pods.rs"]
mod pods;
#[path = "../promises/warnings.rs"]
mod warnings;
#[path = "../promises/world.rs"]
mod world;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| patch::hold(bytes));

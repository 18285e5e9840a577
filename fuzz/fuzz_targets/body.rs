//! `cargo +nightly fuzz run body`
#![no_main]

#[path = "../checks/body.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| check::check(input));

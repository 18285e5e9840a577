//! `cargo +nightly fuzz run lines`
#![no_main]

#[path = "../checks/lines.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| check::check(input));

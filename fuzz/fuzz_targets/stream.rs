//! `cargo +nightly fuzz run stream`
#![no_main]

#[path = "../checks/stream.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| check::check(input));

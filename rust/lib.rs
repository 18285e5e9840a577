//! The hot path of sluicegate: what happens on every request and every chunk.
//!
//! Imports point up this list, never down. Everything but `py` is plain Rust that knows no Python.
#![deny(unsafe_code)]

pub mod error;
pub mod sse;
pub mod body;
pub mod limit;
pub mod tokens;
pub mod dialect;
pub mod stream;
pub mod meter;
pub mod journal;

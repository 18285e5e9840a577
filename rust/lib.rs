//! The hot path of sluicegate: what happens on every request and every chunk.
//!
//! Imports point up this list, never down. Everything but `py` is plain Rust that knows no Python.
#![deny(unsafe_code)]

pub mod aws;
pub mod body;
pub mod budget;
pub mod cache;
pub mod dialect;
mod disk;
pub mod drive;
pub mod embed;
pub mod embedder;
pub mod error;
pub mod front;
pub mod govern;
pub mod journal;
pub mod ledger;
pub mod likeness;
pub mod limit;
pub mod line;
pub mod live;
mod mapped;
pub mod media;
pub mod meter;
pub mod observe;
pub mod price;
pub mod prompt_cache;
#[cfg(feature = "python")]
mod py;
pub mod rerank;
pub mod run;
pub mod semantic;
pub mod share;
pub mod similarity;
pub mod sse;
pub mod stream;
pub mod tokens;
pub mod transport;

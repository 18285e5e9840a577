//! Streamed answers: one neutral piece, a decoder and an encoder per dialect.
//!
//! A decoder turns one event into [`Delta`]s that borrow from it; an encoder writes deltas as events of
//! its own dialect. Neither does I/O, and neither knows who counts, limits or bills.

pub mod anthropic;
mod decoder;
mod delta;
mod finish;
pub mod openai_chat;
mod text;
mod usage;

pub use decoder::Decoder;
pub use delta::{Delta, UpstreamError};
pub use finish::FinishReason;
pub use usage::{MAX_REPORTED_TOKENS, Usage};

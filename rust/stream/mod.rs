//! Streamed answers: one neutral piece, a decoder and an encoder per dialect.
//!
//! A decoder turns one event into [`Delta`]s that borrow from it; an encoder writes deltas as events of
//! its own dialect. Neither does I/O, and neither knows who counts, limits or bills.

pub mod anthropic;
pub mod bedrock;
mod call;
mod citation;
pub mod cohere;
mod collected;
mod decoder;
mod delta;
mod encoder;
mod error_body;
mod finish;
mod free_text;
pub mod gemini;
mod lenient;
mod mould;
mod nesting;
pub mod ollama;
mod open_calls;
pub mod openai_chat;
pub mod openai_completions;
pub mod openai_responses;
mod plain;
mod text;
mod tool_form;
mod trail;
mod transcoder;
mod usage;

pub use collected::Collected;
pub use decoder::Decoder;
pub use delta::{Delta, UpstreamError};
pub use encoder::{Encoder, Options, StreamError};
pub use finish::FinishReason;
pub(crate) use text::{Label, Text, write_json};
pub use tool_form::{ToolForm, ToolForms};
pub use trail::Trail;
pub use transcoder::Transcoder;
pub(crate) use usage::{Count, Seconds, sum};
pub use usage::{Counting, MAX_REPORTED_TOKENS, ServiceTier, Usage};

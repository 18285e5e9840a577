//! `OpenAI` Chat Completions, as `OpenAI` and some thirty other hosts send it.

mod decoder;
mod tools;
mod wire;

pub use decoder::Decoder;

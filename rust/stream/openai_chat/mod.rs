//! `OpenAI` Chat Completions, as `OpenAI` and some thirty other hosts send it.

mod decoder;
mod encoder;
mod sources;
mod tools;
mod whole;
mod wire;

pub use decoder::Decoder;
pub use encoder::Encoder;
pub(super) use encoder::{write_error, write_tier, write_usage};
pub use whole::write_whole;

//! Anthropic Messages.

mod decoder;
mod wire;

pub use decoder::Decoder;

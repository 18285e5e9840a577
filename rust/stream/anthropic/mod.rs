//! Anthropic Messages.

mod decoder;
mod encoder;
mod wire;

pub use decoder::Decoder;
pub use encoder::Encoder;

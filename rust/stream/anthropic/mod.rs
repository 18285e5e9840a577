//! Anthropic Messages.

mod decoder;
mod encoder;
mod sources;
mod whole;
mod wire;

pub use decoder::Decoder;
pub use encoder::Encoder;
pub use whole::write_whole;

//! Gemini's `generateContent` and `streamGenerateContent`.

mod decoder;
mod encoder;
mod partial;
mod seal;
mod whole;
mod wire;

pub use decoder::Decoder;
pub use encoder::Encoder;
pub use whole::write_whole;

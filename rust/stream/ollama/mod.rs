//! Ollama's own chat, which hosts speak and no client.

mod decoder;
mod wire;

pub use decoder::Decoder;

//! Cohere's chat, version 2, which hosts speak and no client.

mod decoder;
mod wire;

pub use decoder::Decoder;

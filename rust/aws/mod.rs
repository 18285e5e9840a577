//! What AWS has of its own: signatures over requests, and binary frames where others stream lines.

mod base64;
mod chunk;
mod event_stream;
mod sign;

pub use base64::{decode as decode_base64, encode as encode_base64};
pub use chunk::write_bytes;
pub use event_stream::{Kind, Message, Parser, Value};
pub use sign::{Asked, Signed, Signer};

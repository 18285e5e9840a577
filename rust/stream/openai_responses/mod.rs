//! `OpenAI` Responses, as `OpenAI`, Azure, xAI, `OpenRouter`, Bedrock and `DeepSeek` send it.

mod decoder;
mod encoder;
mod items;
mod origin;
mod response;
mod trail;
mod usage;
mod whole;
mod wire;

pub use decoder::Decoder;
pub use encoder::Encoder;
pub use response::echo;
pub(super) use trail::Trail;
pub use whole::write_whole;

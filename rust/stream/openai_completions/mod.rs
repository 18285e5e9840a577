//! `OpenAI`'s older completions: one text that goes on. Source:
//! <https://platform.openai.com/docs/api-reference/completions>.
//!
//! What hosts send is read with Chat Completions, of which it is a variant.

mod encoder;
mod whole;

pub use encoder::Encoder;
pub use whole::write_whole;

//! How many tokens a text is, offline: whole, or while it streams.
//!
//! - [`Vocabulary`] counts a whole text, exactly as the model family's own tokenizer does.
//! - [`StreamCounter`] counts a text that arrives in pieces, equal to the whole at any cut.
//! - [`vocabulary_of`] says which vocabulary a model uses, and whether that is known or a guess.
//! - [`Framing`] is what a model writes around its texts and calls.
//! - [`ChatOverhead`] is what a chat model adds around the texts of its messages.

mod chat;
mod cut;
mod framing;
mod model;
mod stream;
mod vocabulary;

pub use chat::ChatOverhead;
pub use framing::{Asked, Framing, framing_of};
pub use model::{Exactness, vocabulary_of};
pub use stream::{MAX_TAIL_BYTES, StreamCounter};
pub use vocabulary::Vocabulary;

//! Server-sent events: the wire format of nearly every streamed answer.
//!
//! Source: WHATWG HTML, "Server-sent events", 9.2.6. Gemini also streams the items of one JSON array, which [`Items`]
//! finds as if they were events, and Ollama lines of JSON, which [`Lines`] does.

mod event;
mod items;
mod lines;
mod open;
mod parser;
mod pending;

pub use event::{Event, Frame};
pub use items::Items;
pub use lines::Lines;
pub use parser::Parser;

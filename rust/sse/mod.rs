//! Server-sent events: the wire format of every streamed answer.
//!
//! Source: WHATWG HTML, "Server-sent events", 9.2.6.

mod event;
mod open;
mod parser;

pub use event::{Event, Frame};
pub use parser::Parser;

//! What a parser finds.

use std::borrow::Cow;

/// Everything up to and including one blank line.
///
/// The `raw` of all frames, one behind the other, are exactly the bytes fed: a relay may pass them on untouched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The bytes as they came, comments and line ends included.
    pub raw: &'a [u8],
    /// The event in them; none where there is no `data` line (comments, `retry` alone).
    pub event: Option<Event<'a>>,
    /// The reconnection time in milliseconds, if a `retry` line set one.
    pub retry: Option<u64>,
    /// Whether its blank line came. Only the tail that [`super::Parser::finish`] hands out lacks one.
    pub complete: bool,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    pub(super) name: &'a [u8],
    /// The `data` lines, joined by line feeds. Bytes: UTF-8 is the reader's to check.
    pub data: Cow<'a, [u8]>,
    pub(super) id: Option<&'a [u8]>,
    pub(super) last_event_id: &'a [u8],
}

impl<'a> Event<'a> {
    /// An event that did not come as lines.
    pub const fn new(name: &'a [u8], data: Cow<'a, [u8]>) -> Self {
        Self { name, data, id: None, last_event_id: b"" }
    }

    /// The event's type: `message` where it has none, U+FFFD where it is not UTF-8.
    pub fn name(&self) -> &'a str {
        match std::str::from_utf8(self.name) {
            Ok("") => "message",
            Ok(name) => name,
            Err(_) => "\u{FFFD}",
        }
    }

    /// The `id` line's value, if the event has one.
    pub const fn id(&self) -> Option<&'a [u8]> {
        self.id
    }

    /// The last `id` of the stream so far, this event's included; empty where there was none.
    pub const fn last_event_id(&self) -> &'a [u8] {
        self.last_event_id
    }
}

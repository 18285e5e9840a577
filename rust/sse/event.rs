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
}

impl Event<'_> {
    /// The event's type, `message` where it has none or one that is not UTF-8.
    pub fn name(&self) -> &str {
        match std::str::from_utf8(self.name) {
            Ok(name) if !name.is_empty() => name,
            _ => "message",
        }
    }

    /// The `id` line's value, if the event has one.
    pub const fn id(&self) -> Option<&[u8]> {
        self.id
    }
}

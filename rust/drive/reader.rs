//! How an upstream puts the events of its stream: as server-sent events, or as the items of one JSON array.

use crate::dialect::Dialect;
use crate::error::Error;
use crate::sse::{Frame, Items, Parser};

/// Finds events in a stream that arrives in pieces.
#[derive(Debug)]
pub(super) enum Reader {
    Events(Parser),
    Items(Items),
}

impl Reader {
    /// A reader at the start of a stream.
    pub fn new(is_array: bool, max_event_bytes: usize) -> Self {
        if is_array {
            Self::Items(Items::new(max_event_bytes))
        } else {
            Self::Events(Parser::new(max_event_bytes))
        }
    }

    /// One for whole frames out of the middle of the same stream.
    pub fn for_frames(&self, max_event_bytes: usize) -> Self {
        match self {
            Self::Events(_) => Self::Events(Parser::new(max_event_bytes)),
            Self::Items(_) => Self::Items(Items::resumed(max_event_bytes)),
        }
    }

    /// Hands out the frames that `chunk` completes.
    pub fn feed(&mut self, chunk: &[u8], on_frame: impl FnMut(Frame<'_>)) -> Result<(), Error> {
        match self {
            Self::Events(parser) => parser.feed(chunk, on_frame),
            Self::Items(items) => items.feed(chunk, on_frame),
        }
    }

    /// The stream ended: hands out what is no whole frame.
    pub fn finish(&mut self, on_frame: impl FnOnce(Frame<'_>)) {
        match self {
            Self::Events(parser) => parser.finish(on_frame),
            Self::Items(items) => items.finish(on_frame),
        }
    }

    /// What a client needs behind the last item that it gets, so that it can read any.
    pub const fn closing(&self) -> &'static [u8] {
        match self {
            Self::Items(_) => b"\n]",
            Self::Events(_) => b"",
        }
    }

    /// The success terminator, where the upstream left it out.
    pub fn terminator(&self, dialect: Dialect) -> &'static [u8] {
        match (self, dialect) {
            (Self::Items(items), _) if !items.is_closed() => self.closing(),
            (_, Dialect::OpenAiChat) => b"data: [DONE]\n\n",
            (_, Dialect::Anthropic) => {
                b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
            }
            // Their streams end with the chunk, or the event, that has the reason to stop.
            (_, Dialect::Gemini | Dialect::OpenAiResponses) => b"",
        }
    }
}

//! How an upstream puts the events of its stream: as server-sent events, as the items of one JSON array, as lines of JSON,
//! as AWS's binary messages, or within these.

use std::borrow::Cow;

use super::chunks::Chunks;
use crate::aws::{self, Kind};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::sse::{Event, Frame, Items, Lines, Parser};

/// In which form a stream comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `text/event-stream`.
    Events,
    /// One JSON array.
    Array,
    /// `application/x-ndjson`.
    Lines,
    /// `application/vnd.amazon.eventstream`.
    Messages,
    /// The same around the events of a model's own dialect.
    Chunks,
}

/// Finds events in a stream that arrives in pieces.
#[derive(Debug)]
pub(super) enum Reader {
    Events(Parser),
    Items(Items),
    Lines(Lines),
    Messages(aws::Parser),
    Chunks(Chunks),
}

impl Reader {
    /// A reader at the start of a stream.
    pub fn new(form: Form, max_event_bytes: usize) -> Self {
        match form {
            Form::Events => Self::Events(Parser::new(max_event_bytes)),
            Form::Array => Self::Items(Items::new(max_event_bytes)),
            Form::Lines => Self::Lines(Lines::new(max_event_bytes)),
            Form::Messages => Self::Messages(aws::Parser::new(max_event_bytes)),
            Form::Chunks => Self::Chunks(Chunks::new(max_event_bytes)),
        }
    }

    /// One for whole frames out of the middle of the same stream.
    pub fn for_frames(&self, max_event_bytes: usize) -> Self {
        match self {
            // Chunks were made events of.
            Self::Events(_) | Self::Chunks(_) => Self::Events(Parser::new(max_event_bytes)),
            Self::Items(_) => Self::Items(Items::resumed(max_event_bytes)),
            Self::Lines(_) => Self::Lines(Lines::new(max_event_bytes)),
            Self::Messages(_) => Self::Messages(aws::Parser::new(max_event_bytes)),
        }
    }

    /// Hands out the frames that `chunk` completes.
    pub fn feed(&mut self, chunk: &[u8], mut on_frame: impl FnMut(Frame<'_>)) -> Result<(), Error> {
        match self {
            Self::Events(parser) => parser.feed(chunk, on_frame),
            Self::Items(items) => items.feed(chunk, on_frame),
            Self::Lines(lines) => lines.feed(chunk, on_frame),
            Self::Messages(parser) => parser.feed(chunk, |message| on_frame(frame(&message))),
            Self::Chunks(chunks) => chunks.feed(chunk, on_frame),
        }
    }

    /// The stream ended: hands out what is no whole frame.
    pub fn finish(&mut self, on_frame: impl FnOnce(Frame<'_>)) {
        match self {
            Self::Events(parser) => parser.finish(on_frame),
            Self::Items(items) => items.finish(on_frame),
            Self::Lines(lines) => lines.finish(on_frame),
            Self::Messages(parser) => on_rest(parser.pending(), on_frame),
            Self::Chunks(chunks) => on_rest(chunks.pending(), on_frame),
        }
    }

    /// What a client needs behind the last item that it gets, so that it can read any.
    pub const fn closing(&self) -> &'static [u8] {
        match self {
            Self::Items(_) => b"\n]",
            Self::Events(_) | Self::Lines(_) | Self::Messages(_) | Self::Chunks(_) => b"",
        }
    }

    /// The success terminator, where the upstream left it out.
    pub fn terminator(&self, dialect: Dialect) -> &'static [u8] {
        match (self, dialect) {
            (Self::Items(items), _) if !items.is_closed() => self.closing(),
            (_, Dialect::OpenAiChat | Dialect::OpenAiCompletions) => b"data: [DONE]\n\n",
            (_, Dialect::Anthropic) => {
                b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
            }
            // The streams of these end with what has the reason to stop; the others never pass as they are.
            _ => b"",
        }
    }
}

fn on_rest(raw: &[u8], on_frame: impl FnOnce(Frame<'_>)) {
    if !raw.is_empty() {
        on_frame(Frame { raw, event: None, retry: None, complete: false });
    }
}

/// A message as the decoders read events: an error is one of that name.
fn frame<'a>(message: &aws::Message<'a>) -> Frame<'a> {
    let event = match message.kind() {
        Kind::Event(name) | Kind::Exception(name) => {
            Some(Event::new(name.as_bytes(), Cow::Borrowed(message.payload)))
        }
        Kind::Error { code, message } => {
            let told = serde_json::json!({"code": code, "message": message});
            Some(Event::new(b"error", Cow::Owned(told.to_string().into_bytes())))
        }
        Kind::Unknown => None,
    };
    Frame { raw: message.raw, event, retry: None, complete: true }
}

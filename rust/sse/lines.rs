//! Finds the lines of newline-delimited JSON in a stream that arrives in pieces cut anywhere.

use std::borrow::Cow;

use super::pending::Pending;
use super::{Event, Frame};
use crate::error::Error;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// An incremental reader of one stream of lines; the counterpart of [`super::Parser`].
///
/// A frame is a line with its end; those of all lines, one behind the other, are exactly the bytes fed.
///
/// Cost: linear in the bytes fed. A line that lies whole in one piece is borrowed from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines {
    pending: Pending,
}

impl Lines {
    /// A reader at the start of a line. One of more than `max_event_bytes`, its end included, is an error.
    pub const fn new(max_event_bytes: usize) -> Self {
        Self { pending: Pending::new(max_event_bytes) }
    }

    /// Hands out the lines that `chunk` completes; the rest waits for the next call.
    ///
    /// After an error the rest of the stream means nothing: what was pending is dropped with the line.
    pub fn feed(&mut self, chunk: &[u8], mut on_frame: impl FnMut(Frame<'_>)) -> Result<(), Error> {
        let mut rest = chunk;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, behind) = rest.split_at_checked(end + 1).unwrap_or((rest, &[]));
            rest = behind;
            if self.pending.is_empty() {
                self.pending.admit(line.len())?;
                on_frame(frame(line, true));
                continue;
            }
            self.pending.push(line)?;
            let joined = self.pending.take();
            on_frame(frame(&joined, true));
            self.pending.reuse(joined);
        }
        self.pending.push(rest)
    }

    /// The stream ended: hands out the line that has no end, which may be a whole one all the same.
    pub fn finish(&mut self, on_frame: impl FnOnce(Frame<'_>)) {
        let tail = self.pending.take();
        if !tail.is_empty() {
            on_frame(frame(&tail, false));
        }
    }

    /// Bytes that wait for the end of their line.
    pub const fn pending_bytes(&self) -> usize {
        self.pending.bytes().len()
    }
}

fn frame(raw: &[u8], complete: bool) -> Frame<'_> {
    let data = raw.strip_prefix(BOM).unwrap_or(raw).trim_ascii();
    let event = (!data.is_empty()).then(|| Event::new(b"", Cow::Borrowed(data)));
    Frame { raw, event, retry: None, complete }
}

//! Finds events in a stream that arrives in pieces cut anywhere.

use super::Frame;
use super::open::OpenFrame;
use crate::error::Error;

/// A buffer larger than this is given back once its frame is done: one frame of megabytes must not keep its memory
/// for the stream's whole life.
const KEPT_BYTES: usize = 64 * 1024;

/// An incremental parser of one stream.
///
/// Cost: linear in the bytes fed, whatever the cut. A frame that lies whole in one piece is borrowed from it;
/// only a frame that spans pieces is copied, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parser {
    max_event_bytes: usize,
    /// The bytes of the frame that has begun, as far as they came in earlier pieces.
    pending: Vec<u8>,
    open: OpenFrame,
    last_event_id: Vec<u8>,
}

impl Parser {
    /// A parser at the start of a stream. A frame of more than `max_event_bytes`, blank line included, is an error.
    pub fn new(max_event_bytes: usize) -> Self {
        Self {
            max_event_bytes,
            pending: Vec::new(),
            open: OpenFrame::default(),
            last_event_id: Vec::new(),
        }
    }

    /// Hands out the frames that `chunk` completes; the rest waits for the next call.
    ///
    /// After an error the rest of the stream means nothing: what was pending is dropped with the event.
    pub fn feed(&mut self, chunk: &[u8], mut on_frame: impl FnMut(Frame<'_>)) -> Result<(), Error> {
        let mut rest = self.feed_pending(chunk, &mut on_frame)?;
        while let Some(length) = self.open.advance(rest) {
            let (raw, behind) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            self.hand_out(raw, &mut on_frame)?;
            rest = behind;
        }
        self.keep(rest)
    }

    /// The stream ended: hands out what has no blank line behind it as a frame that is not complete.
    ///
    /// WHATWG discards such a frame; a relay that must judge whether the answer was whole looks at it. Only a blank
    /// line that might have been half of one (`CR` without its `LF`) makes the last frame complete here.
    pub fn finish(&mut self, on_frame: impl FnOnce(Frame<'_>)) {
        let tail = std::mem::take(&mut self.pending);
        if !tail.is_empty() {
            let complete = self.open.end(&tail);
            if complete {
                self.set_last_event_id(&tail);
            }
            on_frame(self.open.frame(&tail, complete, &self.last_event_id));
        }
        self.open = OpenFrame::default();
    }

    /// The last `id` that a complete frame set; empty before there was one.
    pub fn last_event_id(&self) -> &[u8] {
        &self.last_event_id
    }

    /// Bytes that wait for the end of their frame.
    pub const fn pending_bytes(&self) -> usize {
        self.pending.len()
    }

    /// Moves lines of `chunk` behind the pending bytes until their frame is done; returns what is left of it.
    ///
    /// Line by line, so that the frames behind that one are borrowed and not copied.
    fn feed_pending<'c>(
        &mut self,
        chunk: &'c [u8],
        on_frame: &mut impl FnMut(Frame<'_>),
    ) -> Result<&'c [u8], Error> {
        let mut rest = chunk;
        while !self.pending.is_empty() && !rest.is_empty() {
            let (line, behind) = split_line(rest);
            self.keep(line)?;
            rest = behind;
            if let Some(length) = self.open.advance(&self.pending) {
                // A CR that waited for its LF in vain ends the frame before this line.
                let unread = self.pending.len() - length;
                rest = chunk.get(chunk.len() - behind.len() - unread..).unwrap_or_default();
                let mut raw = std::mem::take(&mut self.pending);
                raw.truncate(length);
                self.hand_out(&raw, on_frame)?;
                self.reuse(raw);
            }
        }
        Ok(rest)
    }

    fn hand_out(&mut self, raw: &[u8], on_frame: &mut impl FnMut(Frame<'_>)) -> Result<(), Error> {
        if raw.len() > self.max_event_bytes {
            return Err(self.too_large());
        }
        self.set_last_event_id(raw);
        on_frame(self.open.frame(raw, true, &self.last_event_id));
        self.open.reset();
        Ok(())
    }

    fn set_last_event_id(&mut self, raw: &[u8]) {
        if let Some(id) = self.open.id(raw) {
            self.last_event_id.clear();
            self.last_event_id.extend_from_slice(id);
        }
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.pending.len() + bytes.len() > self.max_event_bytes {
            return Err(self.too_large());
        }
        self.pending.extend_from_slice(bytes);
        Ok(())
    }

    fn reuse(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() <= KEPT_BYTES {
            buffer.clear();
            self.pending = buffer;
        }
    }

    fn too_large(&mut self) -> Error {
        self.pending = Vec::new();
        self.open = OpenFrame::default();
        Error::EventTooLarge { max_event_bytes: self.max_event_bytes }
    }
}

/// The first line of `input` with its end, and what follows; all of it where there is no line end.
fn split_line(input: &[u8]) -> (&[u8], &[u8]) {
    let Some(end) = memchr::memchr2(b'\n', b'\r', input) else { return (input, &[]) };
    let length = if input.get(end..).is_some_and(|rest| rest.starts_with(b"\r\n")) { 2 } else { 1 };
    input.split_at_checked(end + length).unwrap_or((input, &[]))
}

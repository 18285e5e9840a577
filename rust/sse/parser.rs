//! Finds events in a stream that arrives in pieces cut anywhere.

use super::Frame;
use super::open::OpenFrame;
use super::pending::Pending;
use crate::error::Error;

/// An incremental parser of one stream.
///
/// Cost: linear in the bytes fed, whatever the cut. A frame that lies whole in one piece is borrowed from it;
/// only a frame that spans pieces is copied, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parser {
    pending: Pending,
    open: OpenFrame,
    last_event_id: Vec<u8>,
}

impl Parser {
    /// A parser at the start of a stream. A frame of more than `max_event_bytes`, blank line included, is an error.
    pub fn new(max_event_bytes: usize) -> Self {
        Self {
            pending: Pending::new(max_event_bytes),
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
        let tail = self.pending.take();
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
        self.pending.bytes().len()
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
            if let Some(length) = self.open.advance(self.pending.bytes()) {
                // A CR that waited for its LF in vain ends the frame before this line.
                let unread = self.pending.bytes().len() - length;
                rest = chunk.get(chunk.len() - behind.len() - unread..).unwrap_or_default();
                let mut raw = self.pending.take();
                raw.truncate(length);
                self.hand_out(&raw, on_frame)?;
                self.pending.reuse(raw);
            }
        }
        Ok(rest)
    }

    fn hand_out(&mut self, raw: &[u8], on_frame: &mut impl FnMut(Frame<'_>)) -> Result<(), Error> {
        self.pending.admit(raw.len()).inspect_err(|_| self.open = OpenFrame::default())?;
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
        self.pending.push(bytes).inspect_err(|_| self.open = OpenFrame::default())
    }
}

/// The first line of `input` with its end, and what follows; all of it where there is no line end.
fn split_line(input: &[u8]) -> (&[u8], &[u8]) {
    let Some(end) = memchr::memchr2(b'\n', b'\r', input) else { return (input, &[]) };
    let length = if input.get(end..).is_some_and(|rest| rest.starts_with(b"\r\n")) { 2 } else { 1 };
    input.split_at_checked(end + length).unwrap_or((input, &[]))
}

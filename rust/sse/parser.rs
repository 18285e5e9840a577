//! Finds events in a stream that arrives in pieces cut anywhere.

use std::borrow::Cow;
use std::ops::Range;

use super::{Event, Frame};
use crate::error::Error;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// An incremental parser of one stream.
///
/// Cost: every byte is looked at once, whatever the cut. A frame that lies whole in one piece is borrowed from it;
/// only a frame that spans pieces is copied, once.
#[derive(Debug)]
pub struct Parser {
    max_event_bytes: usize,
    /// The frame that has begun, as far as it came.
    pending: Vec<u8>,
    open: OpenFrame,
    last_event_id: Vec<u8>,
}

/// What is known of the frame that has begun; offsets count from its first byte.
#[derive(Debug, Default)]
struct OpenFrame {
    /// Where the search for the next line end goes on.
    searched: usize,
    /// Where the current line begins.
    line: usize,
    /// The line before ended in CR at the end of what was there: an LF next belongs to it.
    after_cr: bool,
    /// The line before ended in CR LF.
    crlf: bool,
    /// The stream's first bytes were looked at for a byte order mark.
    begun: bool,
    name: Range<usize>,
    data: Range<usize>,
    has_data: bool,
    more_data: Vec<Range<usize>>,
    id: Option<Range<usize>>,
    retry: Option<u64>,
}

impl Parser {
    /// A parser at the start of a stream. A frame of more than `max_event_bytes` is an error.
    pub fn new(max_event_bytes: usize) -> Self {
        Self {
            max_event_bytes,
            pending: Vec::new(),
            open: OpenFrame::default(),
            last_event_id: Vec::new(),
        }
    }

    /// Hands out the frames that `chunk` completes; the rest waits for the next call.
    pub fn feed(&mut self, chunk: &[u8], mut on_frame: impl FnMut(Frame<'_>)) -> Result<(), Error> {
        if self.pending.is_empty() {
            let consumed = self.scan(chunk, &mut on_frame)?;
            self.pending.extend_from_slice(chunk.get(consumed..).unwrap_or_default());
            return Ok(());
        }
        let mut pending = std::mem::take(&mut self.pending);
        pending.extend_from_slice(chunk);
        let consumed = self.scan(&pending, &mut on_frame)?;
        if consumed == pending.len() {
            pending.clear();
        } else if consumed > 0 {
            pending.drain(..consumed);
        }
        // A frame of megabytes must not keep its memory for the stream's whole life.
        if pending.is_empty() && pending.capacity() > 64 * 1024 {
            pending = Vec::new();
        }
        self.pending = pending;
        Ok(())
    }

    /// The stream ended: hands out what has no blank line behind it as a frame that is not complete.
    ///
    /// WHATWG discards it; a relay that must judge whether the answer was whole looks at it.
    pub fn finish(&mut self, on_frame: impl FnOnce(Frame<'_>)) {
        let tail = std::mem::take(&mut self.pending);
        if tail.is_empty() {
            return;
        }
        let line = tail.get(self.open.line..).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if !line.is_empty() {
            self.open.field(line, self.open.line);
        }
        let frame = self.open.frame(&tail, 0..tail.len(), false);
        on_frame(frame);
        self.open = OpenFrame { begun: true, ..OpenFrame::default() };
    }

    /// The last `id` that an event set.
    pub fn last_event_id(&self) -> &[u8] {
        &self.last_event_id
    }

    /// Bytes that wait for the end of their frame.
    pub fn pending_bytes(&self) -> usize {
        self.pending.len()
    }

    /// Goes through `input`, which begins where the open frame begins; returns how much of it is done with.
    fn scan(&mut self, input: &[u8], on_frame: &mut impl FnMut(Frame<'_>)) -> Result<usize, Error> {
        let mut start = 0;
        if !self.open.begun {
            if input.len() < BOM.len() && BOM.starts_with(input) {
                return Ok(0);
            }
            self.open.begun = true;
            if input.starts_with(BOM) {
                self.open.line = BOM.len();
                self.open.searched = BOM.len();
            }
        }
        loop {
            let open = &mut self.open;
            if open.after_cr && start + open.searched < input.len() {
                open.after_cr = false;
                if input.get(start + open.searched) == Some(&b'\n') {
                    open.crlf = true;
                    open.searched += 1;
                    open.line = open.searched;
                }
            }
            let Some(rest) = input.get(start + open.searched..) else { break };
            let Some(found) = memchr::memchr2(b'\n', b'\r', rest) else {
                open.searched += rest.len();
                break;
            };
            let end = open.searched + found;
            let next = match rest.get(found..found + 2) {
                Some(b"\r\n") => {
                    open.crlf = true;
                    end + 2
                }
                Some(_) => end + 1,
                // Half of a CR LF, if lines end like that here: the frame ends with the other half.
                None if end == open.line && open.crlf => {
                    open.searched = end;
                    break;
                }
                None => {
                    open.after_cr = rest.get(found) == Some(&b'\r');
                    end + 1
                }
            };
            open.searched = next;
            if end > open.line {
                let from = open.line;
                if let Some(line) = input.get(start + from..start + end) {
                    open.field(line, from);
                }
                open.line = next;
                continue;
            }
            if next > self.max_event_bytes {
                return Err(self.too_large());
            }
            if let Some(id) = self.open.id.clone() {
                let id = input.get(start + id.start..start + id.end).unwrap_or_default();
                self.last_event_id.clear();
                self.last_event_id.extend_from_slice(id);
            }
            on_frame(self.open.frame(input, start..start + next, true));
            self.open.reset();
            start += next;
        }
        if input.len() - start > self.max_event_bytes {
            return Err(self.too_large());
        }
        Ok(start)
    }

    fn too_large(&mut self) -> Error {
        self.pending = Vec::new();
        self.open = OpenFrame { begun: true, ..OpenFrame::default() };
        Error::EventTooLarge { max_event_bytes: self.max_event_bytes }
    }
}

impl OpenFrame {
    /// Takes in one line without its end; `at` is where it begins in the frame.
    fn field(&mut self, line: &[u8], at: usize) {
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        let (name, rest) = line.split_at(colon);
        let skipped = match rest {
            [b':', b' ', ..] => 2,
            [b':', ..] => 1,
            _ => 0,
        };
        let value = at + colon + skipped..at + line.len();
        match name {
            b"data" if self.has_data => self.more_data.push(value),
            b"data" => {
                self.has_data = true;
                self.data = value;
            }
            b"event" => self.name = value,
            b"id" => {
                let text = rest.get(skipped..).unwrap_or_default();
                if memchr::memchr(0, text).is_none() {
                    self.id = Some(value);
                }
            }
            b"retry" => self.retry = digits(rest.get(skipped..).unwrap_or_default()).or(self.retry),
            _ => {}
        }
    }

    fn frame<'a>(&self, input: &'a [u8], raw: Range<usize>, complete: bool) -> Frame<'a> {
        let raw = input.get(raw).unwrap_or_default();
        let part = |range: &Range<usize>| raw.get(range.clone()).unwrap_or_default();
        let event = self.has_data.then(|| Event {
            name: part(&self.name),
            data: self.data(part),
            id: self.id.as_ref().map(part),
        });
        Frame { raw, event, retry: self.retry, complete }
    }

    fn data<'a>(&self, part: impl Fn(&Range<usize>) -> &'a [u8]) -> Cow<'a, [u8]> {
        let first = part(&self.data);
        if self.more_data.is_empty() {
            return Cow::Borrowed(first);
        }
        let mut joined = first.to_vec();
        for range in &self.more_data {
            joined.push(b'\n');
            joined.extend_from_slice(part(range));
        }
        Cow::Owned(joined)
    }

    fn reset(&mut self) {
        self.more_data.clear();
        *self = Self {
            begun: true,
            after_cr: self.after_cr,
            crlf: self.crlf,
            more_data: std::mem::take(&mut self.more_data),
            ..Self::default()
        };
    }
}

/// A `retry` value: ASCII digits only.
fn digits(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

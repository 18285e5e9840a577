//! The frame that has begun: what is known of it, and how far its bytes were looked at.

use std::borrow::Cow;
use std::ops::Range;

use super::{Event, Frame};

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Offsets count from the frame's first byte, so they stay right when the frame moves to another buffer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct OpenFrame {
    /// The stream's first bytes were looked at for a byte order mark.
    begun: bool,
    /// Where the search for the next line end goes on.
    searched: usize,
    /// Where the current line begins.
    line: usize,
    /// The line before ended in a CR that was the last byte there was: an LF next belongs to it.
    after_cr: bool,
    /// A line of the stream ended in CR LF.
    crlf: bool,
    name: Range<usize>,
    data: Option<Range<usize>>,
    more_data: Vec<Range<usize>>,
    id: Option<Range<usize>>,
    retry: Option<u64>,
}

impl OpenFrame {
    /// Takes in the lines of `input`, which holds the frame from its first byte on, as far as they are there.
    ///
    /// Gives the frame's length once its blank line is found.
    pub fn advance(&mut self, input: &[u8]) -> Option<usize> {
        if !self.begin(input) {
            return None;
        }
        self.second_half(input);
        loop {
            let rest = input.get(self.searched..)?;
            let Some(found) = memchr::memchr2(b'\n', b'\r', rest) else {
                self.searched = input.len();
                return None;
            };
            let end = self.searched + found;
            let blank = end == self.line;
            match rest.get(found..) {
                Some([b'\r', b'\n', ..]) => {
                    self.crlf = true;
                    self.searched = end + 2;
                }
                // Half of a CR LF, if lines end like that here: the frame ends with the other half.
                Some([b'\r']) if blank && self.crlf => {
                    self.searched = end;
                    return None;
                }
                Some([b'\r']) => {
                    self.after_cr = true;
                    self.searched = end + 1;
                }
                _ => self.searched = end + 1,
            }
            if blank {
                return Some(self.searched);
            }
            if let Some(line) = input.get(self.line..end) {
                self.field(line, self.line);
            }
            self.line = self.searched;
        }
    }

    /// Passes a byte order mark at the stream's start; false while there are too few bytes to tell.
    fn begin(&mut self, input: &[u8]) -> bool {
        if self.begun {
            return true;
        }
        if input.len() < BOM.len() && BOM.starts_with(input) {
            return false;
        }
        self.begun = true;
        if input.starts_with(BOM) {
            self.searched = BOM.len();
            self.line = BOM.len();
        }
        true
    }

    /// Adds the LF of a CR LF that a cut had divided to the line that it ends.
    fn second_half(&mut self, input: &[u8]) {
        if !self.after_cr || input.len() <= self.searched {
            return;
        }
        self.after_cr = false;
        if input.get(self.searched) == Some(&b'\n') {
            self.crlf = true;
            self.searched += 1;
            self.line = self.searched;
        }
    }

    /// The stream ended: takes in the line that has no end. Says whether that line was the frame's blank one.
    pub fn end(&mut self, input: &[u8]) -> bool {
        let line = input.get(self.line..).unwrap_or_default();
        if line == b"\r" {
            return true;
        }
        if !line.is_empty() {
            self.field(line, self.line);
        }
        false
    }

    /// The value of the frame's `id` line.
    pub fn id<'a>(&self, raw: &'a [u8]) -> Option<&'a [u8]> {
        self.id.clone().and_then(|id| raw.get(id))
    }

    /// What was found in `raw`, the frame's bytes.
    pub fn frame<'a>(&self, raw: &'a [u8], complete: bool, last_event_id: &'a [u8]) -> Frame<'a> {
        let event = self.data.as_ref().map(|data| Event {
            name: raw.get(self.name.clone()).unwrap_or_default(),
            data: self.joined(raw, data),
            id: self.id(raw),
            last_event_id,
        });
        Frame { raw, event, retry: self.retry, complete }
    }

    fn joined<'a>(&self, raw: &'a [u8], first: &Range<usize>) -> Cow<'a, [u8]> {
        let first = raw.get(first.clone()).unwrap_or_default();
        if self.more_data.is_empty() {
            return Cow::Borrowed(first);
        }
        let mut joined = first.to_vec();
        for range in &self.more_data {
            joined.push(b'\n');
            joined.extend_from_slice(raw.get(range.clone()).unwrap_or_default());
        }
        Cow::Owned(joined)
    }

    /// Makes ready for the next frame.
    pub fn reset(&mut self) {
        self.more_data.clear();
        let more_data = std::mem::take(&mut self.more_data);
        *self = Self {
            begun: true,
            after_cr: self.after_cr,
            crlf: self.crlf,
            more_data,
            ..Self::default()
        };
    }

    /// Takes in one line without its end; `at` is where it begins in the frame.
    fn field(&mut self, line: &[u8], at: usize) {
        let colon = match line {
            [b'd', b'a', b't', b'a', b':', ..] => 4, // nearly all lines
            _ => memchr::memchr(b':', line).unwrap_or(line.len()),
        };
        let (name, rest) = line.split_at(colon);
        let value = match rest {
            [b':', b' ', value @ ..] | [b':', value @ ..] => value,
            _ => rest,
        };
        let span = at + line.len() - value.len()..at + line.len();
        match name {
            b"data" if self.data.is_some() => self.more_data.push(span),
            b"data" => self.data = Some(span),
            b"event" => self.name = span,
            b"id" if memchr::memchr(0, value).is_none() => self.id = Some(span),
            b"retry" => self.retry = digits(value).or(self.retry),
            _ => {}
        }
    }
}

/// A `retry` value: ASCII digits only.
fn digits(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

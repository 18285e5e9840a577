//! Finds the items of a JSON array that arrives in pieces cut anywhere.

use std::borrow::Cow;

use super::{Event, Frame};
use crate::error::Error;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// An incremental reader of one array of objects; the counterpart of [`super::Parser`].
///
/// The `raw` of a frame is an item with what stands before it; what stands behind the last one is a frame of its own.
/// Put together they are exactly the bytes fed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Items {
    max_event_bytes: usize,
    /// The bytes of the frame that has begun.
    pending: Vec<u8>,
    /// How far they were looked at.
    looked: usize,
    /// Where the item begins in them.
    begin: Option<usize>,
    place: Place,
    depth: u32,
    in_string: bool,
    escaped: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the array.
    Before,
    /// Within it, where an item may begin.
    Between,
    /// Behind it.
    Behind,
}

impl Items {
    /// A reader at the start of a stream. A frame of more than `max_event_bytes` is an error.
    pub const fn new(max_event_bytes: usize) -> Self {
        Self {
            max_event_bytes,
            pending: Vec::new(),
            looked: 0,
            begin: None,
            place: Place::Before,
            depth: 0,
            in_string: false,
            escaped: false,
        }
    }

    /// A reader within the array.
    pub const fn resumed(max_event_bytes: usize) -> Self {
        let mut items = Self::new(max_event_bytes);
        items.place = Place::Between;
        items
    }

    /// Whether the array has ended.
    pub fn is_closed(&self) -> bool {
        self.place == Place::Behind
    }

    /// Hands out the frames that `chunk` completes; the rest waits for the next call.
    pub fn feed(&mut self, chunk: &[u8], mut on_frame: impl FnMut(Frame<'_>)) -> Result<(), Error> {
        self.pending.extend_from_slice(chunk);
        let mut buffer = std::mem::take(&mut self.pending);
        let mut from = 0;
        while let Some(item) = self.advance(buffer.get(from..).unwrap_or_default())? {
            let end = from + item.end;
            let raw = buffer.get(from..end).unwrap_or_default();
            if raw.len() > self.max_event_bytes {
                return Err(self.too_large());
            }
            on_frame(frame(raw, raw.get(item.start..).unwrap_or_default()));
            from = end;
        }
        buffer.drain(..from);
        if self.place == Place::Behind && !buffer.is_empty() {
            on_frame(Frame { raw: &buffer, event: None, retry: None, complete: true });
            buffer.clear();
            self.looked = 0;
        }
        if buffer.len() > self.max_event_bytes {
            return Err(self.too_large());
        }
        self.pending = buffer;
        Ok(())
    }

    /// The stream ended: hands out what is no whole item.
    pub fn finish(&mut self, on_frame: impl FnOnce(Frame<'_>)) {
        let tail = std::mem::take(&mut self.pending);
        if !tail.is_empty() {
            on_frame(Frame { raw: &tail, event: None, retry: None, complete: false });
        }
    }

    /// Looks at the bytes of the frame on; its item's place once that has ended.
    fn advance(&mut self, bytes: &[u8]) -> Result<Option<std::ops::Range<usize>>, Error> {
        while let Some(byte) = bytes.get(self.looked).copied() {
            self.looked += 1;
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            if self.depth == 0 {
                self.between(bytes, byte)?;
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth = self.depth.saturating_add(1),
                b'}' | b']' => self.depth -= 1,
                _ => {}
            }
            if self.depth == 0 {
                let end = std::mem::take(&mut self.looked);
                return Ok(self.begin.take().map(|begin| begin..end));
            }
        }
        Ok(None)
    }

    /// A byte outside of items.
    fn between(&mut self, bytes: &[u8], byte: u8) -> Result<(), Error> {
        match (self.place, byte) {
            (_, b' ' | b'\t' | b'\r' | b'\n') | (Place::Between, b',') | (Place::Behind, _) => {}
            (Place::Before, b'[') => self.place = Place::Between,
            (Place::Before, _) if BOM.starts_with(bytes.get(..self.looked).unwrap_or_default()) => {
            }
            (Place::Between, b'{') => {
                self.begin = Some(self.looked - 1);
                self.depth = 1;
            }
            (Place::Between, b']') => self.place = Place::Behind,
            _ => {
                let reason = "not a JSON array of objects".to_owned();
                return Err(Error::MalformedEvent { dialect: "gemini", reason });
            }
        }
        Ok(())
    }

    fn too_large(&mut self) -> Error {
        self.pending = Vec::new();
        Error::EventTooLarge { max_event_bytes: self.max_event_bytes }
    }
}

fn frame<'a>(raw: &'a [u8], item: &'a [u8]) -> Frame<'a> {
    let event = Event::new(b"", Cow::Borrowed(item));
    Frame { raw, event: Some(event), retry: None, complete: true }
}

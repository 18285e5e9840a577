//! A validating walk over JSON bytes: the grammar of RFC 8259, and nothing kept.
//!
//! The bytes are known to be UTF-8 before the walk begins.

use std::ops::Range;

use super::stops::Stops;
use crate::error::Error;

/// Deepest nesting of arrays and objects; also the bits of the stacks below.
pub const MAX_DEPTH: u32 = 128;

/// A position in JSON bytes.
#[derive(Debug, Clone)]
pub(crate) struct Walk<'a> {
    pub bytes: &'a [u8],
    /// Offset of the next byte.
    pub at: usize,
    pub(super) stops: Stops,
}

pub(crate) type Step = Result<(), Error>;

/// Sees the strings that a walk passes.
pub(crate) trait Visit {
    /// Whether the values under this key, quotes included and escapes not undone, are text.
    fn is_text(&mut self, key: &[u8]) -> bool;

    /// A string value, where it stands without its quotes, and what `is_text` said of the key nearest above it.
    fn string(&mut self, inner: Range<usize>, is_text: bool);
}

/// Looks at nothing.
pub(crate) struct Unseen;

impl Visit for Unseen {
    fn is_text(&mut self, _: &[u8]) -> bool {
        false
    }

    fn string(&mut self, _: Range<usize>, _: bool) {}
}

/// The containers that are open, innermost in the lowest bit.
#[derive(Default)]
struct Open {
    count: u32,
    objects: u128,
    texts: u128,
}

impl Open {
    fn push(&mut self, object: bool, is_text: bool) {
        self.count += 1;
        self.objects = self.objects << 1 | u128::from(object);
        self.texts = self.texts << 1 | u128::from(is_text);
    }

    fn pop(&mut self) {
        self.count -= 1;
        self.objects >>= 1;
        self.texts >>= 1;
    }

    const fn in_object(&self) -> bool {
        self.objects & 1 == 1
    }
}

impl<'a> Walk<'a> {
    /// A walk at the first byte.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, stops: Stops::new() }
    }

    /// The next byte; 0, which no JSON has outside a string, at the end.
    #[inline(always)]
    pub fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    /// An error here.
    #[cold]
    #[inline(never)]
    pub const fn fail(&self, reason: &'static str) -> Error {
        Error::InvalidJson { offset: self.at, reason }
    }

    /// Whether all is passed.
    pub const fn is_done(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// Passes white space.
    #[inline(always)]
    pub fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
    }

    /// Passes `"key" :` with the white space behind it; gives where the key stands, with its quotes.
    #[inline(always)]
    pub fn key(&mut self) -> Result<Range<usize>, Error> {
        if self.peek() != b'"' {
            return Err(self.fail("a key is missing"));
        }
        let begin = self.at;
        self.string()?;
        let key = begin..self.at;
        self.space();
        if self.peek() != b':' {
            return Err(self.fail("a colon is missing"));
        }
        self.at += 1;
        self.space();
        Ok(key)
    }

    /// Passes a value of any kind that stands one object deep, as a top-level field does.
    ///
    /// A loop and not a recursion: what is nested is a bit each, so that no body can exhaust the stack.
    pub fn value(&mut self, visit: &mut impl Visit) -> Step {
        let mut open = Open { count: 1, ..Open::default() };
        let mut is_text = true;
        loop {
            let begin = self.at + 1;
            let byte = self.peek();
            // Nearly all values are strings, which a jump table over all kinds would not know.
            if byte == b'"' {
                self.string()?;
                visit.string(begin..self.at - 1, is_text);
            } else if byte == b'{' || byte == b'[' {
                if open.count >= MAX_DEPTH {
                    return Err(Error::TooDeep { max_depth: MAX_DEPTH });
                }
                self.at += 1;
                self.space();
                if self.peek() != byte + 2 {
                    open.push(byte == b'{', is_text);
                    if byte == b'{' {
                        is_text = self.key_of(visit)?;
                    }
                    continue;
                }
                self.at += 1;
            } else {
                self.scalar(byte)?;
            }
            if !self.close(&mut open)? {
                return Ok(());
            }
            is_text = if open.in_object() { self.key_of(visit)? } else { open.texts & 1 == 1 };
        }
    }

    /// A value ended: passes the ends of containers and one comma. False when no container is left open.
    #[inline(always)]
    fn close(&mut self, open: &mut Open) -> Result<bool, Error> {
        while open.count > 1 {
            self.space();
            let closing = if open.in_object() { b'}' } else { b']' };
            match self.peek() {
                b',' => {
                    self.at += 1;
                    self.space();
                    return Ok(true);
                }
                byte if byte == closing => {
                    self.at += 1;
                    open.pop();
                }
                _ => return Err(self.fail("a comma or the container's end is missing")),
            }
        }
        Ok(false)
    }

    #[inline(always)]
    fn key_of(&mut self, visit: &mut impl Visit) -> Result<bool, Error> {
        let key = self.key()?;
        Ok(visit.is_text(self.bytes.get(key).unwrap_or_default()))
    }

    fn scalar(&mut self, first: u8) -> Step {
        match first {
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => Err(self.fail("a value is missing")),
        }
    }

    fn word(&mut self, word: &'static [u8]) -> Step {
        if !self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            return Err(self.fail("a value is missing"));
        }
        self.at += word.len();
        Ok(())
    }
}

//! A validating walk over JSON bytes: the grammar of RFC 8259, and nothing kept.
//!
//! The bytes are known to be UTF-8 before the walk begins. Strings are passed eight bytes at a time.

use crate::error::Error;

/// Deepest nesting of arrays and objects.
pub const MAX_DEPTH: u32 = 128;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// A position in JSON bytes.
#[derive(Debug, Clone, Copy)]
pub struct Walk<'a> {
    bytes: &'a [u8],
    /// Offset of the next byte.
    pub at: usize,
}

type Step = Result<(), Error>;

impl<'a> Walk<'a> {
    /// A walk at the first byte.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next byte; 0, which no JSON has outside a string, at the end.
    pub fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    /// An error here.
    pub const fn fail(&self, reason: &'static str) -> Error {
        Error::InvalidJson { offset: self.at, reason }
    }

    /// Passes white space.
    pub fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
    }

    /// Passes one byte that must be there.
    pub fn expect(&mut self, byte: u8, reason: &'static str) -> Step {
        if self.peek() != byte {
            return Err(self.fail(reason));
        }
        self.at += 1;
        Ok(())
    }

    /// Whether all is passed.
    pub const fn is_done(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// Passes a value of any kind that stands `depth` containers deep.
    pub fn value(&mut self, depth: u32) -> Step {
        // Bit n: whether the container n levels up is an object.
        let mut objects: u128 = 0;
        let mut open: u32 = 0;
        loop {
            match self.peek() {
                b'"' => self.string()?,
                opening @ (b'{' | b'[') => {
                    if depth + open >= MAX_DEPTH {
                        return Err(Error::TooDeep { max_depth: MAX_DEPTH });
                    }
                    let object = opening == b'{';
                    self.at += 1;
                    self.space();
                    if self.peek() == opening + 2 {
                        self.at += 1;
                    } else {
                        objects = objects << 1 | u128::from(object);
                        open += 1;
                        if object {
                            self.key()?;
                        }
                        continue;
                    }
                }
                b'-' | b'0'..=b'9' => self.number()?,
                b't' => self.word(b"true")?,
                b'f' => self.word(b"false")?,
                b'n' => self.word(b"null")?,
                _ => return Err(self.fail("a value is missing")),
            }
            // A value ended: what follows it is decided by the container around it.
            loop {
                if open == 0 {
                    return Ok(());
                }
                self.space();
                let object = objects & 1 == 1;
                match (self.peek(), object) {
                    (b',', true) => {
                        self.at += 1;
                        self.space();
                        self.key()?;
                        break;
                    }
                    (b',', false) => {
                        self.at += 1;
                        self.space();
                        break;
                    }
                    (b'}', true) | (b']', false) => {
                        self.at += 1;
                        open -= 1;
                        objects >>= 1;
                    }
                    _ => return Err(self.fail("a comma or the container's end is missing")),
                }
            }
        }
    }

    /// Passes `"key" :` and the white space behind it.
    pub fn key(&mut self) -> Step {
        if self.peek() != b'"' {
            return Err(self.fail("a key is missing"));
        }
        self.string()?;
        self.space();
        self.expect(b':', "a colon is missing")?;
        self.space();
        Ok(())
    }

    /// Passes a string, from quote to quote.
    pub fn string(&mut self) -> Step {
        self.at += 1;
        loop {
            self.plain();
            match self.peek() {
                b'"' => {
                    self.at += 1;
                    return Ok(());
                }
                b'\\' => self.escape()?,
                _ if self.is_done() => return Err(self.fail("a string has no end")),
                0..0x20 => return Err(self.fail("a control character stands in a string")),
                _ => self.at += 1,
            }
        }
    }

    /// Passes what needs no look, up to a quote, a backslash or a control character, or less than 8 bytes before the end.
    fn plain(&mut self) {
        while let Some(word) = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<8>()) {
            let word = u64::from_le_bytes(*word);
            let quote = word ^ (ONES * u64::from(b'"'));
            let escape = word ^ (ONES * u64::from(b'\\'));
            // A zero byte, or one below 0x20, sets its high bit; the lowest such bit is never a false one.
            let special = (quote.wrapping_sub(ONES) & !quote)
                | (escape.wrapping_sub(ONES) & !escape)
                | (word.wrapping_sub(ONES * 0x20) & !word);
            let special = special & HIGHS;
            if special != 0 {
                self.at += special.trailing_zeros() as usize / 8;
                return;
            }
            self.at += 8;
        }
    }

    fn escape(&mut self) -> Step {
        self.at += 1;
        match self.peek() {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {
                self.at += 1;
                Ok(())
            }
            b'u' => {
                let unit = self.unit()?;
                match unit {
                    0xD800..0xDC00 => {
                        let low =
                            self.peek() == b'\\' && self.bytes.get(self.at + 1) == Some(&b'u');
                        if !low {
                            return Err(self.fail("half of a surrogate pair stands alone"));
                        }
                        self.at += 1;
                        match self.unit()? {
                            0xDC00..0xE000 => Ok(()),
                            _ => Err(self.fail("half of a surrogate pair stands alone")),
                        }
                    }
                    0xDC00..0xE000 => Err(self.fail("half of a surrogate pair stands alone")),
                    _ => Ok(()),
                }
            }
            _ => Err(self.fail("an escape is not known")),
        }
    }

    /// Passes `uXXXX`.
    fn unit(&mut self) -> Result<u32, Error> {
        let Some([_, digits @ ..]) =
            self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<5>())
        else {
            return Err(self.fail("an escape is cut short"));
        };
        let mut unit = 0;
        for digit in digits {
            let Some(value) = char::from(*digit).to_digit(16) else {
                return Err(self.fail("an escape has other than hexadecimal digits"));
            };
            unit = unit << 4 | value;
        }
        self.at += 5;
        Ok(unit)
    }

    fn number(&mut self) -> Step {
        if self.peek() == b'-' {
            self.at += 1;
        }
        match self.peek() {
            b'0' => self.at += 1,
            b'1'..=b'9' => self.digits(),
            _ => return Err(self.fail("a number has no digits")),
        }
        if self.peek() == b'.' {
            self.at += 1;
            self.some_digits()?;
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) {
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
    }

    fn some_digits(&mut self) -> Step {
        if !self.peek().is_ascii_digit() {
            return Err(self.fail("a number has no digits"));
        }
        self.digits();
        Ok(())
    }

    fn word(&mut self, word: &'static [u8]) -> Step {
        if !self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            return Err(self.fail("a value is missing"));
        }
        self.at += word.len();
        Ok(())
    }
}

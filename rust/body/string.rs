//! Strings: nearly all of a body is in them, so they are passed by vector search and not byte by byte.

use std::borrow::Cow;

use super::walk::{Step, Walk};
use crate::error::Error;

impl Walk<'_> {
    /// Passes a string, from quote to quote.
    pub fn string(&mut self) -> Step {
        self.at += 1;
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let plain = memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
            if self.has_controls {
                self.check_controls(plain)?;
            }
            self.at += plain;
            match rest.get(plain) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(_) => self.escape()?,
                None => return Err(self.fail("a string has no end")),
            }
        }
    }

    /// An error if one of the next bytes is a control character, which a string must escape.
    fn check_controls(&mut self, length: usize) -> Step {
        let run = self.bytes.get(self.at..self.at + length).unwrap_or_default();
        if !has_control(run) {
            return Ok(());
        }
        self.at += run.iter().position(|byte| *byte < 0x20).unwrap_or_default();
        Err(self.fail("a control character stands in a string"))
    }

    fn escape(&mut self) -> Step {
        let begin = self.at;
        let lone =
            Error::InvalidJson { offset: begin, reason: "half of a surrogate pair stands alone" };
        match self.bytes.get(begin + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                Ok(())
            }
            Some(b'u') => match self.unit()? {
                0xD800..0xDC00 => {
                    let pair =
                        self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(b"\\u"));
                    if pair && (0xDC00..0xE000).contains(&self.unit()?) {
                        Ok(())
                    } else {
                        Err(lone)
                    }
                }
                0xDC00..0xE000 => Err(lone),
                _ => Ok(()),
            },
            Some(_) => Err(self.fail("an escape is not known")),
            None => Err(self.fail("a string has no end")),
        }
    }

    /// Passes `\uXXXX`.
    fn unit(&mut self) -> Result<u32, Error> {
        let escape = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<6>());
        let Some([_, _, digits @ ..]) = escape else {
            return Err(self.fail("an escape is cut short"));
        };
        let mut unit = 0;
        for digit in digits {
            let Some(value) = char::from(*digit).to_digit(16) else {
                return Err(self.fail("an escape has other than hexadecimal digits"));
            };
            unit = unit << 4 | value;
        }
        self.at += 6;
        Ok(unit)
    }
}

/// Whether there is a control character. No early way out of a block: that is what lets it be vector code.
pub(super) fn has_control(bytes: &[u8]) -> bool {
    let (blocks, rest) = bytes.as_chunks::<256>();
    let least = |bytes: &[u8]| bytes.iter().fold(u8::MAX, |least, byte| least.min(*byte));
    blocks.iter().any(|block| least(block) < 0x20) || least(rest) < 0x20
}

/// A checked string's text; borrowed unless escapes stand in it.
pub(super) fn unescaped(quoted: &[u8]) -> Cow<'_, str> {
    let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    if memchr::memchr(b'\\', inner).is_none() {
        return String::from_utf8_lossy(inner);
    }
    serde_json::from_slice::<String>(quoted)
        .map_or_else(|_| String::from_utf8_lossy(inner), Cow::Owned)
}

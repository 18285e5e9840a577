//! Strings: nearly all of a body is in them, so they are passed from one byte that matters to the next.

use std::borrow::Cow;

use super::walk::{Step, Walk};
use crate::error::Error;

impl Walk<'_> {
    /// Passes a string, from quote to quote.
    #[inline(always)]
    pub fn string(&mut self) -> Step {
        self.at += 1;
        loop {
            self.at = self.stops.next(self.bytes, self.at);
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(_) => return Err(self.fail("a control character stands in a string")),
                None => return Err(self.fail("a string has no end")),
            }
        }
    }

    /// Passes what a backslash begins.
    #[inline(always)]
    fn escape(&mut self) -> Step {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                Ok(())
            }
            Some(b'u') => self.character(),
            Some(_) => Err(self.fail("an escape is not known")),
            None => Err(self.fail("a string has no end")),
        }
    }

    /// Passes `\uXXXX`, or two of them that are one character.
    #[inline(never)]
    fn character(&mut self) -> Step {
        let begin = self.at;
        let unit = self.unit()?;
        let paired = match unit {
            0xD800..0xDC00 => {
                let follows =
                    self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(b"\\u"));
                follows && (0xDC00..0xE000).contains(&self.unit()?)
            }
            _ => !(0xDC00..0xE000).contains(&unit),
        };
        if paired {
            return Ok(());
        }
        Err(Error::InvalidJson { offset: begin, reason: "half of a surrogate pair stands alone" })
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

/// A checked string's text; borrowed unless escapes stand in it.
pub(crate) fn unescaped(quoted: &[u8]) -> Cow<'_, str> {
    let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    if memchr::memchr(b'\\', inner).is_none() {
        return String::from_utf8_lossy(inner);
    }
    serde_json::from_slice::<String>(quoted)
        .map_or_else(|_| String::from_utf8_lossy(inner), Cow::Owned)
}

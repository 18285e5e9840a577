//! Numbers: the grammar, and the few that the gateway acts on.

use super::walk::{Step, Walk};

/// Largest number believed in a field that we act on.
const MAX_NUMBER: u64 = 1_000_000_000_000_000;

impl Walk<'_> {
    /// Passes a number, of whatever size: what it means is its reader's affair.
    pub fn number(&mut self) -> Step {
        if self.peek() == b'-' {
            self.at += 1;
        }
        if self.peek() == b'0' {
            self.at += 1;
            if self.peek().is_ascii_digit() {
                return Err(self.fail("a number begins with a zero"));
            }
        } else {
            self.digits()?;
        }
        if self.peek() == b'.' {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Step {
        if !self.peek().is_ascii_digit() {
            return Err(self.fail("a digit is missing"));
        }
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        Ok(())
    }
}

/// The whole number that a JSON value is, if it is one from 0 to 10^15 written in digits alone.
pub(super) fn whole_number(value: &[u8]) -> Option<u64> {
    if !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: u64 = std::str::from_utf8(value).ok()?.parse().ok()?;
    (number <= MAX_NUMBER).then_some(number)
}

/// The same of a number as protocol buffers take it: in digits, as text, or as a float that is whole.
pub(super) fn proto_number(value: &[u8]) -> Option<u64> {
    let bare = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value);
    if bare.is_empty() {
        return None;
    }
    whole_number(bare).or_else(|| {
        let float: f64 = std::str::from_utf8(bare).ok()?.parse().ok()?;
        #[allow(clippy::cast_precision_loss)] // far below what a double holds
        let is_believed = float.fract() == 0.0 && (0.0..=MAX_NUMBER as f64).contains(&float);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // in range, and whole
        is_believed.then_some(float as u64)
    })
}

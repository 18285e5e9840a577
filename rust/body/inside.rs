//! Steps into objects and arrays, one field or item at a time.

use std::ops::Range;

use super::walk::{Step, Walk};

impl<'a> Walk<'a> {
    /// Passes an object. `each` gets where a key stands and passes the value behind it.
    pub fn each_field(&mut self, mut each: impl FnMut(&mut Self, Range<usize>) -> Step) -> Step {
        if self.peek() != b'{' {
            return Err(self.fail("an object is missing"));
        }
        self.within(b'}', |walk| {
            let key = walk.key()?;
            each(walk, key)
        })
    }

    /// Passes an array. `each` passes an item.
    pub fn each_item(&mut self, each: impl FnMut(&mut Self) -> Step) -> Step {
        if self.peek() != b'[' {
            return Err(self.fail("an array is missing"));
        }
        self.within(b']', each)
    }

    /// What was passed since `begin`.
    pub fn since(&self, begin: usize) -> &'a [u8] {
        self.bytes.get(begin..self.at).unwrap_or_default()
    }

    fn within(&mut self, end: u8, mut each: impl FnMut(&mut Self) -> Step) -> Step {
        self.at += 1;
        self.space();
        if self.peek() == end {
            self.at += 1;
            return Ok(());
        }
        loop {
            each(self)?;
            self.space();
            match self.peek() {
                b',' => self.at += 1,
                byte if byte == end => break,
                _ => return Err(self.fail("a comma or the container's end is missing")),
            }
            self.space();
        }
        self.at += 1;
        Ok(())
    }
}

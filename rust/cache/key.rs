//! What an answer is kept under: a digest of everything that shapes it.

use sha2::{Digest as _, Sha256};

/// Names an answer.
pub type Key = [u8; 32];

/// Digests parts one after the other, each with its length, so that no two lists of parts are written alike.
#[derive(Debug, Clone, Default)]
pub struct KeyMaker(Sha256);

impl KeyMaker {
    /// For answers of one kind: the digests of different kinds never meet.
    pub fn new(kind: &str) -> Self {
        Self::default().part(kind.as_bytes())
    }

    /// With one part more.
    #[must_use]
    pub fn part(mut self, part: &[u8]) -> Self {
        self.0.update((part.len() as u64).to_be_bytes());
        self.0.update(part);
        self
    }

    /// The digest of all.
    pub fn finish(self) -> Key {
        self.0.finalize().into()
    }
}

/// A key as clients and administrators read it.
pub fn hex(key: &Key) -> String {
    use std::fmt::Write as _;
    key.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_are_written_alike_differ() {
        let of = |parts: &[&[u8]]| {
            parts.iter().fold(KeyMaker::new("k"), |maker, part| maker.part(part)).finish()
        };
        let all =
            [of(&[b"ab", b"c"]), of(&[b"a", b"bc"]), of(&[b"abc"]), of(&[b"abc", b""]), of(&[])];
        for (at, one) in all.iter().enumerate() {
            assert!(all.iter().skip(at + 1).all(|other| other != one));
        }
        assert_eq!(hex(&[0xab; 32]), "ab".repeat(32));
    }
}

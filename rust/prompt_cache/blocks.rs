//! A request as the blocks that a vendor's cache is made of.

use std::hash::Hasher as _;
use std::ops::Range;

use siphasher::sip::SipHasher13;

use crate::body::{Step, Visit, Walk, unescaped};

/// A request of more blocks passes as it is: no conversation has so many.
const MAX_BLOCKS: usize = 10_000;

/// Where a block stands, in the order in which the vendor reads them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Section {
    Tools,
    System,
    Messages,
}

/// Where a mark goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Before this brace, which ends an object.
    Brace(usize),
    /// Around this string, which becomes a block.
    Text(Range<usize>),
    /// Here, behind a block, as one of its own.
    Behind(usize),
}

/// One block.
#[derive(Debug)]
pub(super) struct Block {
    pub section: Section,
    pub span: Range<usize>,
    /// None where it cannot be marked.
    pub place: Option<Place>,
    pub text_bytes: usize,
    /// Of the first block of a message: what the message says of itself.
    pub header: u64,
    pub is_users: bool,
}

/// A dialect's own words.
pub(super) struct Words {
    /// The key of its marks.
    pub mark: &'static str,
    /// Keys, in their quotes, of what is no text.
    pub opaque: &'static [&'static [u8]],
}

/// What was read of a body.
pub(super) struct Blocks {
    pub tools: Vec<Block>,
    pub system: Vec<Block>,
    pub messages: Vec<Block>,
    /// What else changes all that is kept: a sum of hashes, which no order of fields changes.
    pub shape: u64,
    /// The same of what is kept of the messages alone.
    pub shape_of_messages: u64,
    pub sizes: Sizes,
}

/// What stands inside of values.
pub(super) struct Sizes {
    words: &'static Words,
    pub text_bytes: usize,
    /// The client marks something itself.
    pub marks: bool,
}

impl Visit for Sizes {
    fn is_text(&mut self, key: &[u8]) -> bool {
        self.text_bytes += key.len();
        self.marks |= is_named(key, self.words.mark);
        !self.words.opaque.contains(&key)
    }

    fn string(&mut self, inner: Range<usize>, is_text: bool) {
        if is_text {
            self.text_bytes += inner.len();
        }
    }
}

/// Whether a key is this name, however it is written.
pub(super) fn is_named(key: &[u8], name: &str) -> bool {
    let inner = key.get(1..key.len().saturating_sub(1)).unwrap_or_default();
    inner == name.as_bytes() || (memchr::memchr(b'\\', key).is_some() && unescaped(key) == name)
}

impl Blocks {
    /// None yet.
    pub const fn new(words: &'static Words) -> Self {
        Self {
            tools: Vec::new(),
            system: Vec::new(),
            messages: Vec::new(),
            shape: 0,
            shape_of_messages: 0,
            sizes: Sizes { words, text_bytes: 0, marks: false },
        }
    }

    /// In the order in which the vendor reads them.
    pub fn in_order(self) -> impl Iterator<Item = Block> {
        self.tools.into_iter().chain(self.system).chain(self.messages)
    }

    pub fn push(
        &mut self,
        walk: &Walk<'_>,
        section: Section,
        span: Range<usize>,
        place: Option<Place>,
        text_bytes: usize,
    ) -> Step {
        let of_section = match section {
            Section::Tools => &mut self.tools,
            Section::System => &mut self.system,
            Section::Messages => &mut self.messages,
        };
        of_section.push(Block { section, span, place, text_bytes, header: 0, is_users: false });
        if self.tools.len() + self.system.len() + self.messages.len() > MAX_BLOCKS {
            return Err(walk.fail("more blocks than are looked at"));
        }
        Ok(())
    }

    /// One message, whose content is read by the dialect.
    pub fn message(
        &mut self,
        walk: &mut Walk<'_>,
        mut content: impl FnMut(&mut Self, &mut Walk<'_>) -> Step,
    ) -> Step {
        if walk.peek() != b'{' {
            return walk.value(&mut self.sizes);
        }
        let first = self.messages.len();
        let (mut header, mut is_users, mut is_models) = (1_u64, false, false);
        walk.each_field(|walk, key| {
            let key = walk.bytes.get(key).unwrap_or_default();
            self.sizes.is_text(key);
            if is_named(key, "content") {
                return content(self, walk);
            }
            let from = walk.at;
            walk.value(&mut self.sizes)?;
            let value = walk.since(from);
            header = header.wrapping_add(hash(&[key, value]));
            if is_named(key, "role") {
                (is_users, is_models) = (value == b"\"user\"", value == b"\"assistant\"");
            }
            Ok(())
        })?;
        let blocks = self.messages.get_mut(first..).unwrap_or_default();
        for (at, block) in blocks.iter_mut().enumerate() {
            block.header = if at == 0 { header } else { 0 };
            block.is_users = is_users;
            if !is_users && !is_models {
                block.place = None; // the system's words between messages
            }
        }
        Ok(())
    }
}

/// Texts that nobody sees cannot be marked.
pub(super) fn is_blank(escaped: &[u8]) -> bool {
    let mut rest = escaped;
    loop {
        rest = rest.trim_ascii_start();
        match rest {
            [] => return true,
            [b'\\', b'n' | b't' | b'r', behind @ ..] => rest = behind,
            _ => return false,
        }
    }
}

pub(super) fn hash(parts: &[&[u8]]) -> u64 {
    let mut hasher = SipHasher13::new();
    for part in parts {
        hasher.write_usize(part.len());
        hasher.write(part);
    }
    hasher.finish()
}

//! A request of Anthropic's as the blocks that its cache is made of, read in one pass.

use std::hash::Hasher as _;
use std::ops::Range;

use siphasher::sip::SipHasher13;

use crate::body::{Step, Unseen, Visit, Walk, unescaped};

/// A request of more blocks passes as it is: no conversation has so many.
const MAX_BLOCKS: usize = 10_000;
/// Fields that change nothing of what is kept.
const FREE: [&str; 10] = [
    "model",
    "max_tokens",
    "stream",
    "metadata",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "service_tier",
    "anthropic_version",
];
/// Fields that change what is kept of the messages alone. All others are taken to change everything. Source: the page
/// above, what invalidates the cache.
const OF_MESSAGES: [&str; 2] = ["tool_choice", "thinking"];
/// Blocks that can be marked: not thoughts, and not what may come that nobody knows yet.
const MARKABLE: [&[u8]; 6] = [
    b"\"text\"",
    b"\"image\"",
    b"\"document\"",
    b"\"search_result\"",
    b"\"tool_use\"",
    b"\"tool_result\"",
];

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

/// What was read of a body.
#[derive(Default)]
pub(super) struct Blocks {
    tools: Vec<Block>,
    system: Vec<Block>,
    messages: Vec<Block>,
    /// What else changes all that is kept: a sum of hashes, which no order of fields changes.
    pub shape: u64,
    /// The same of what is kept of the messages alone.
    pub shape_of_messages: u64,
    sizes: Sizes,
}

/// What stands inside of values.
#[derive(Default)]
struct Sizes {
    text_bytes: usize,
    /// The client marks something itself.
    marks: bool,
}

impl Visit for Sizes {
    fn is_text(&mut self, key: &[u8]) -> bool {
        self.text_bytes += key.len();
        self.marks |= is_named(key, "cache_control");
        !matches!(key, b"\"data\"" | b"\"signature\"" | b"\"encrypted_content\"")
    }

    fn string(&mut self, inner: Range<usize>, is_text: bool) {
        if is_text {
            self.text_bytes += inner.len();
        }
    }
}

/// Whether a key is this name, however it is written.
fn is_named(key: &[u8], name: &str) -> bool {
    let inner = key.get(1..key.len().saturating_sub(1)).unwrap_or_default();
    inner == name.as_bytes() || (memchr::memchr(b'\\', key).is_some() && unescaped(key) == name)
}

impl Blocks {
    /// None where the client marks something itself, and for what is no request of Anthropic's.
    pub fn read(body: &[u8]) -> Option<Self> {
        let mut blocks = Self::default();
        // What cannot be read goes to who can say what is wrong with it.
        blocks.body(body).ok()?;
        (!blocks.sizes.marks).then_some(blocks)
    }

    /// In the order in which the vendor reads them.
    pub fn in_order(self) -> impl Iterator<Item = Block> {
        self.tools.into_iter().chain(self.system).chain(self.messages)
    }

    fn body(&mut self, body: &[u8]) -> Step {
        let walk = &mut Walk::new(body);
        walk.space();
        walk.each_field(|walk, key| {
            let name = unescaped(body.get(key).unwrap_or_default());
            let begin = walk.at;
            match &*name {
                "tools" if walk.peek() == b'[' => self.blocks(walk, Section::Tools)?,
                "system" => self.content(walk, Section::System)?,
                "messages" if walk.peek() == b'[' => walk.each_item(|walk| self.message(walk))?,
                _ => walk.value(&mut self.sizes)?,
            }
            let value = walk.since(begin);
            self.sizes.marks |= name == "cache_control";
            if OF_MESSAGES.contains(&&*name) {
                self.shape_of_messages =
                    self.shape_of_messages.wrapping_add(hash(&[name.as_bytes(), value]));
            } else if !FREE.contains(&&*name) && !matches!(&*name, "tools" | "system" | "messages")
            {
                self.shape = self.shape.wrapping_add(hash(&[name.as_bytes(), value]));
            }
            Ok(())
        })
    }

    /// A list of blocks, or a text in its place.
    fn content(&mut self, walk: &mut Walk<'_>, section: Section) -> Step {
        match walk.peek() {
            b'[' => self.blocks(walk, section),
            b'"' => {
                let begin = walk.at;
                walk.string()?;
                let span = begin..walk.at;
                let inner = walk.bytes.get(begin + 1..walk.at - 1).unwrap_or_default();
                let place = (!is_blank(inner)).then(|| Place::Text(span.clone()));
                self.push(walk, section, span.clone(), place, span.len())
            }
            _ => walk.value(&mut self.sizes),
        }
    }

    fn blocks(&mut self, walk: &mut Walk<'_>, section: Section) -> Step {
        walk.each_item(|walk| match walk.peek() {
            b'{' => self.block(walk, section),
            _ => walk.value(&mut self.sizes),
        })
    }

    fn block(&mut self, walk: &mut Walk<'_>, section: Section) -> Step {
        let (begin, before) = (walk.at, self.sizes.text_bytes);
        // Any tool can be marked that is not left for later; what has other ends has its kind.
        let mut can_be_marked = section == Section::Tools;
        let mut blank = false;
        walk.each_field(|walk, key| {
            let key = walk.bytes.get(key).unwrap_or_default();
            let from = walk.at;
            if self.sizes.is_text(key) {
                walk.value(&mut self.sizes)?;
            } else {
                walk.value(&mut Unseen)?;
            }
            let value = walk.since(from);
            if section == Section::Tools {
                can_be_marked &= !is_named(key, "defer_loading") || value == b"false";
            } else if is_named(key, "type") {
                can_be_marked = MARKABLE.contains(&value);
            } else if is_named(key, "text") {
                blank = is_blank(value.get(1..value.len().saturating_sub(1)).unwrap_or_default());
            }
            Ok(())
        })?;
        let is_empty = walk.since(begin).len() <= 2;
        let place = (can_be_marked && !blank && !is_empty).then(|| Place::Brace(walk.at - 1));
        self.push(walk, section, begin..walk.at, place, self.sizes.text_bytes - before)
    }

    fn message(&mut self, walk: &mut Walk<'_>) -> Step {
        if walk.peek() != b'{' {
            return walk.value(&mut self.sizes);
        }
        let first = self.messages.len();
        let (mut header, mut is_users, mut is_models) = (1_u64, false, false);
        walk.each_field(|walk, key| {
            let key = walk.bytes.get(key).unwrap_or_default();
            self.sizes.is_text(key);
            if is_named(key, "content") {
                return self.content(walk, Section::Messages);
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

    fn push(
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
}

/// Texts that nobody sees cannot be marked.
fn is_blank(escaped: &[u8]) -> bool {
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

fn hash(parts: &[&[u8]]) -> u64 {
    let mut hasher = SipHasher13::new();
    for part in parts {
        hasher.write_usize(part.len());
        hasher.write(part);
    }
    hasher.finish()
}

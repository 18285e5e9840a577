//! A request of Anthropic's dialect as blocks, read in one pass. Source:
//! <https://platform.claude.com/docs/en/build-with-claude/prompt-caching>.

use super::blocks::{Blocks, Place, Section, Words, hash, is_blank, is_named};
use crate::body::{Step, Unseen, Visit as _, Walk, unescaped};

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

const WORDS: Words = Words {
    mark: "cache_control",
    opaque: &[b"\"data\"", b"\"signature\"", b"\"encrypted_content\""],
};

impl Blocks {
    /// None where the client marks something itself, and for what is no request of Anthropic's.
    pub fn of_messages(body: &[u8]) -> Option<Self> {
        if memchr::memmem::find(body, b"\"cache_control\"").is_some() {
            return None;
        }
        let mut blocks = Self::new(&WORDS);
        // What cannot be read goes to who can say what is wrong with it.
        blocks.body(body).ok()?;
        (!blocks.sizes.marks).then_some(blocks)
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
                "messages" if walk.peek() == b'[' => self.messages(walk)?,
                _ => walk.value(&mut self.sizes)?,
            }
            let value = walk.since(begin);
            self.sizes.marks |= name == WORDS.mark;
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

    fn messages(&mut self, walk: &mut Walk<'_>) -> Step {
        walk.each_item(|walk| {
            self.message(walk, |blocks, walk| blocks.content(walk, Section::Messages))
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
}

//! A request of Bedrock's Converse as blocks, read in one pass. Its marks are blocks of their own. Source:
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html>.

use super::bedrock::Marking;
use super::blocks::{Blocks, Place, Section, Words, hash, is_blank, is_named};
use crate::body::{Step, Visit as _, Walk, unescaped};

const WORDS: Words =
    Words { mark: "cachePoint", opaque: &[b"\"bytes\"", b"\"redactedContent\"", b"\"signature\""] };
/// Fields that change nothing of what is kept. All others, of which `additionalModelRequestFields` may say anything, are
/// taken to change everything.
const FREE: [&str; 5] = [
    "inferenceConfig",
    "additionalModelResponseFieldPaths",
    "requestMetadata",
    "performanceConfig",
    "serviceTier",
];

impl Blocks {
    /// None where the client marks something itself, and for what is no request of Converse's.
    pub fn of_converse(body: &[u8], marking: &Marking) -> Option<Self> {
        if memchr::memmem::find(body, b"\"cachePoint\"").is_some() {
            return None;
        }
        let mut blocks = Self::new(&WORDS);
        let mut converse = Converse { blocks: &mut blocks, marking };
        converse.body(body).ok()?;
        (!blocks.sizes.marks).then_some(blocks)
    }
}

struct Converse<'a> {
    blocks: &'a mut Blocks,
    marking: &'a Marking,
}

impl Converse<'_> {
    fn body(&mut self, body: &[u8]) -> Step {
        let walk = &mut Walk::new(body);
        walk.space();
        walk.each_field(|walk, key| {
            let name = unescaped(body.get(key).unwrap_or_default());
            match &*name {
                "toolConfig" if walk.peek() == b'{' => self.tools(walk),
                "system" if walk.peek() == b'[' => self.list(walk, Section::System),
                "messages" if walk.peek() == b'[' => self.messages(walk),
                name if FREE.contains(&name) => walk.value(&mut self.blocks.sizes),
                name => self.of_all(walk, name),
            }
        })
    }

    fn tools(&mut self, walk: &mut Walk<'_>) -> Step {
        walk.each_field(|walk, key| {
            let name = unescaped(walk.bytes.get(key).unwrap_or_default());
            match &*name {
                "tools" if walk.peek() == b'[' => self.list(walk, Section::Tools),
                "toolChoice" => {
                    let said = self.said(walk, "toolChoice")?;
                    let shape = &mut self.blocks.shape_of_messages;
                    *shape = shape.wrapping_add(said);
                    Ok(())
                }
                name => self.of_all(walk, name),
            }
        })
    }

    /// A field that changes all that is kept.
    fn of_all(&mut self, walk: &mut Walk<'_>, name: &str) -> Step {
        let said = self.said(walk, name)?;
        self.blocks.shape = self.blocks.shape.wrapping_add(said);
        Ok(())
    }

    fn said(&mut self, walk: &mut Walk<'_>, name: &str) -> Result<u64, crate::error::Error> {
        let begin = walk.at;
        walk.value(&mut self.blocks.sizes)?;
        Ok(hash(&[name.as_bytes(), walk.since(begin)]))
    }

    fn messages(&mut self, walk: &mut Walk<'_>) -> Step {
        let marking = self.marking;
        walk.each_item(|walk| {
            self.blocks.message(walk, |blocks, walk| {
                let mut converse = Converse { blocks, marking };
                match walk.peek() {
                    b'[' => converse.list(walk, Section::Messages),
                    _ => walk.value(&mut converse.blocks.sizes),
                }
            })
        })
    }

    fn list(&mut self, walk: &mut Walk<'_>, section: Section) -> Step {
        walk.each_item(|walk| match walk.peek() {
            b'{' => self.block(walk, section),
            _ => walk.value(&mut self.blocks.sizes),
        })
    }

    /// An object of one field, which says what it is.
    fn block(&mut self, walk: &mut Walk<'_>, section: Section) -> Step {
        let (begin, before) = (walk.at, self.blocks.sizes.text_bytes);
        let mut takes_mark = false;
        walk.each_field(|walk, key| {
            let key = walk.bytes.get(key).unwrap_or_default();
            self.blocks.sizes.is_text(key);
            let from = walk.at;
            walk.value(&mut self.blocks.sizes)?;
            let value = walk.since(from);
            let inner = value.get(1..value.len().saturating_sub(1)).unwrap_or_default();
            let is_blank = is_named(key, "text") && is_blank(inner);
            takes_mark = self.marking.kinds.contains(&key) && !is_blank;
            Ok(())
        })?;
        let place = takes_mark.then_some(Place::Behind(walk.at));
        let text_bytes = self.blocks.sizes.text_bytes - before;
        self.blocks.push(walk, section, begin..walk.at, place, text_bytes)
    }
}

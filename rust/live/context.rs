//! How much the next response reads: what the last one told, and what came since.

use serde::Deserialize;
use serde_json::value::RawValue;

/// Base64 of sound for a token that is heard: G.711, the thinnest of the formats, has a thousand bytes for one, and
/// Gemini's a third of that. Source: <https://platform.openai.com/docs/guides/realtime-costs>: a token for 100 ms.
const HEARD_BYTES: usize = 300;
/// The same of what is spoken: a token for 50 ms, of 16-bit samples at 24 kHz.
const SPOKEN_BYTES: usize = 3200;
/// A picture at the highest detail.
const PICTURE_TOKENS: u64 = 5000;
/// What a vendor says to its model before anybody else does.
const BEFORE_TOKENS: u64 = 1024;

/// The conversation's size, an upper bound between two responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// As the last response counted it, with its own answer.
    told: u64,
    /// What had been added then.
    added_then: u64,
    added: u64,
}

impl Default for Context {
    fn default() -> Self {
        Self { told: BEFORE_TOKENS, added_then: 0, added: 0 }
    }
}

impl Context {
    /// Something more is read from now on.
    pub const fn add(&mut self, tokens: u64) {
        self.added = self.added.saturating_add(tokens);
    }

    /// All that has been added: what a response that begins now may know of.
    pub const fn mark(&self) -> u64 {
        self.added
    }

    /// The most that a response reads.
    pub const fn tokens(&self) -> u64 {
        self.told.saturating_add(self.added.saturating_sub(self.added_then))
    }

    /// A response that began at a mark told how much it read and wrote.
    pub fn told(&mut self, mark: u64, tokens: u64) {
        self.told = tokens;
        self.added_then = self.added_then.max(mark);
    }
}

/// Of sound in an event.
pub(super) const fn heard(bytes: usize) -> u64 {
    (bytes / HEARD_BYTES) as u64 + 1
}

/// Of sound in an answer, in base64.
pub const fn spoken(bytes: usize) -> u64 {
    bytes.div_ceil(SPOKEN_BYTES) as u64
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Item<'a> {
    #[serde(borrow)]
    content: Vec<Part<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Part<'a> {
    #[serde(borrow)]
    audio: Option<&'a RawValue>,
    #[serde(borrow)]
    image_url: Option<&'a RawValue>,
}

/// Of an item in an event of so many bytes: a byte a token at most, but for sound and pictures.
pub(super) fn of_item(bytes: usize, item: Option<&str>) -> u64 {
    let item: Option<Item<'_>> = item.and_then(|item| serde_json::from_str(item).ok());
    let (mut text, mut tokens) = (bytes, 0);
    for part in item.unwrap_or_default().content {
        if let Some(audio) = part.audio {
            text = text.saturating_sub(audio.get().len());
            tokens += heard(audio.get().len());
        }
        if let Some(picture) = part.image_url {
            text = text.saturating_sub(picture.get().len());
            tokens += PICTURE_TOKENS;
        }
    }
    tokens + text as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_while_a_response_was_made_is_not_in_its_count() {
        let mut context = Context::default();
        context.add(10);
        let mark = context.mark();
        assert_eq!(context.tokens(), BEFORE_TOKENS + 10);
        context.add(5);
        context.told(mark, 100);
        assert_eq!(context.tokens(), 105);
        context.told(0, 90); // an older one that ends later
        assert_eq!(context.tokens(), 95);
    }

    #[test]
    fn sound_and_pictures_are_no_text() {
        let sound =
            format!(r#"{{"content":[{{"type":"input_audio","audio":"{}"}}]}}"#, "A".repeat(30_000));
        assert!(of_item(sound.len(), Some(&sound)) < 200);
        let picture = format!(
            r#"{{"content":[{{"type":"input_image","image_url":"data:{}"}}]}}"#,
            "A".repeat(99_000)
        );
        assert!((5000..5200).contains(&of_item(picture.len(), Some(&picture))));
        assert_eq!(of_item(50, None), 50);
        assert_eq!(of_item(50, Some("[]")), 50);
    }
}

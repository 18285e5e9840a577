//! An answer that is kept, with what is known of it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::key::Key;
use crate::dialect::Dialect;
use crate::stream::{ToolForm, ToolForms};

/// How the bytes of an answer are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// One JSON object.
    Whole,
    /// Server-sent events.
    Events,
    /// One JSON array of events.
    Array,
    /// Lines of JSON.
    Lines,
    /// AWS's binary messages.
    Messages,
}

/// What an answer belongs to, and may be purged by.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct About {
    /// Whose it is.
    pub tenant: String,
    /// Where its tenant put it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// The model's name, as it was asked for.
    pub model: String,
    /// `provider/model` that answered.
    pub target: String,
    /// Names that its request gave it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

/// What an answer was: what is told again, and what it saves.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Facts {
    /// The model that the upstream named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_model: Option<String>,
    /// Why the model stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<String>,
    /// Tokens read.
    pub input_tokens: u64,
    /// Of these, from the vendor's own cache.
    pub cached_input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Of these, reasoning.
    pub reasoning_tokens: u64,
    /// What it cost, in pico-dollars; `None` where its price is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_pico: Option<i64>,
    /// Milliseconds to the first of it.
    pub first_ms: u64,
    /// Milliseconds to its end.
    pub latency_ms: u64,
    /// Tools that its request's translation made functions.
    #[serde(default, skip_serializing_if = "ToolForms::is_empty")]
    pub tool_forms: ToolForms,
    /// What its request's translation left out, as a header says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped: Option<String>,
}

impl Facts {
    /// What they take in memory beyond an entry's own, roughly.
    fn size(&self) -> usize {
        let text = |text: Option<&String>| text.map_or(0, String::len);
        let form = |form: &ToolForm| {
            size_of::<ToolForm>()
                + form.function.len()
                + form.name.len()
                + text(form.namespace.as_ref())
        };
        text(self.dropped.as_ref()) + self.tool_forms.each().map(form).sum::<usize>()
    }
}

/// An answer as the upstream gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub key: Key,
    /// What it belongs to.
    pub about: About,
    /// See [`super::Purges`].
    pub epoch: u64,
    /// When it was made, in milliseconds since 1970.
    pub made_ms: u64,
    /// Until when it is as good as new.
    pub fresh_until_ms: u64,
    /// Until when it is good for anything.
    pub kept_until_ms: u64,
    /// What it was.
    pub facts: Facts,
    /// What it is written in.
    pub dialect: Dialect,
    /// In which shape.
    pub shape: Shape,
    /// The bytes.
    pub body: Bytes,
}

/// What an entry takes beside its bytes, roughly.
const OVERHEAD_BYTES: usize = 512;
/// The first byte of what [`Entry::encode`] gives. Another version is read by nobody.
const VERSION: u8 = 1;

/// What stands before the bytes.
#[derive(Serialize, Deserialize)]
struct Head {
    fresh_until_ms: u64,
    facts: Facts,
    dialect: Dialect,
    shape: Shape,
}

impl Entry {
    /// What it takes in memory.
    pub fn size(&self) -> usize {
        let about = &self.about;
        let names = [&about.tenant, &about.namespace, &about.model, &about.target];
        let tags: usize = about.tags.iter().map(String::len).sum();
        let names = names.map(String::len).iter().sum::<usize>();
        self.body.len() + names + tags + self.facts.size() + OVERHEAD_BYTES
    }

    /// Its bytes and what must be known to read them; the rest stands beside them where they are kept.
    pub fn encode(&self) -> Vec<u8> {
        let head = Head {
            fresh_until_ms: self.fresh_until_ms,
            facts: self.facts.clone(),
            dialect: self.dialect,
            shape: self.shape,
        };
        // Writing texts and numbers into memory cannot fail.
        let head = serde_json::to_vec(&head).unwrap_or_default();
        let length = u32::try_from(head.len()).unwrap_or(0).to_be_bytes();
        [&[VERSION][..], &length, &head, &self.body].concat()
    }

    /// Fills in what [`Entry::encode`] gave; `None` where that is nothing that we wrote.
    pub fn decode(bare: Bare, encoded: &Bytes) -> Option<Self> {
        let (version, rest) = encoded.split_first()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let head: Head = serde_json::from_slice(rest.get(..length)?).ok()?;
        (*version == VERSION).then(|| Self {
            key: bare.key,
            about: bare.about,
            epoch: bare.epoch,
            made_ms: bare.made_ms,
            fresh_until_ms: head.fresh_until_ms,
            kept_until_ms: bare.kept_until_ms,
            facts: head.facts,
            dialect: head.dialect,
            shape: head.shape,
            body: encoded.slice(1 + 4 + length..),
        })
    }
}

/// What a store knows of an entry beside its bytes.
#[derive(Debug, Clone)]
#[allow(missing_docs)] // as in `Entry`
pub struct Bare {
    pub key: Key,
    pub about: About,
    pub epoch: u64,
    pub made_ms: u64,
    pub kept_until_ms: u64,
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An entry of a key made of one byte.
    pub fn entry(key: u8) -> Entry {
        Entry {
            key: [key; 32],
            about: About {
                tenant: "team a".into(),
                namespace: "n".into(),
                model: "smart".into(),
                target: "openai/gpt".into(),
                tags: vec!["t".into()],
            },
            epoch: 3,
            made_ms: 1_000,
            fresh_until_ms: 2_000,
            kept_until_ms: 3_000,
            facts: Facts {
                cost_pico: Some(-1),
                tool_forms: ToolForms::new(vec![ToolForm {
                    function: "files__patch".into(),
                    name: "patch".into(),
                    namespace: Some("files".into()),
                    is_free_text: true,
                }]),
                dropped: Some("seed".into()),
                ..Facts::default()
            },
            dialect: Dialect::Anthropic,
            shape: Shape::Events,
            body: Bytes::from_static(b"data: x\n\n"),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let entry = entry(7);
        let bare = || Bare {
            key: entry.key,
            about: entry.about.clone(),
            epoch: entry.epoch,
            made_ms: entry.made_ms,
            kept_until_ms: entry.kept_until_ms,
        };
        let encoded = Bytes::from(entry.encode());
        assert_eq!(Entry::decode(bare(), &encoded).as_ref(), Some(&entry));
        for length in 0..encoded.len() - entry.body.len() {
            assert_eq!(Entry::decode(bare(), &encoded.slice(..length)), None);
        }
        let mut other = encoded.to_vec();
        other[0] = VERSION + 1;
        assert_eq!(Entry::decode(bare(), &other.into()), None);
    }
}

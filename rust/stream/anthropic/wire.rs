//! What we read of an event; every other field is skipped unread.
//!
//! Source: <https://docs.anthropic.com/en/docs/build-with-claude/streaming>.

use serde_json::value::RawValue;

use crate::stream::lenient::{Index, One};
use crate::stream::text::{Label, Text};
use crate::stream::usage::{Count, ServiceTier, Usage, sum};

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Event<'a> {
    #[serde(borrow, rename = "type")]
    pub kind: Label<'a>,
    pub index: Index,
    #[serde(borrow)]
    pub delta: Option<Piece<'a>>,
    #[serde(borrow)]
    pub message: Option<&'a RawValue>,
    #[serde(borrow)]
    pub content_block: Option<&'a RawValue>,
    #[serde(borrow)]
    pub usage: Option<&'a RawValue>,
    #[serde(borrow)]
    pub error: Option<&'a RawValue>,
}

/// `delta`, of a block or of the message.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Piece<'a> {
    #[serde(borrow, rename = "type")]
    pub kind: Label<'a>,
    #[serde(borrow)]
    pub text: Option<Text<'a>>,
    #[serde(borrow)]
    pub thinking: Option<Text<'a>>,
    #[serde(borrow)]
    pub partial_json: Option<Text<'a>>,
    #[serde(borrow)]
    pub signature: Option<Text<'a>>,
    #[serde(borrow)]
    pub citation: Option<&'a RawValue>,
    #[serde(borrow)]
    pub stop_reason: Option<Text<'a>>,
    #[serde(borrow)]
    pub stop_sequence: Option<Text<'a>>,
    /// Why the model declined.
    #[serde(borrow)]
    pub stop_details: Option<&'a RawValue>,
}

/// The `delta` of an event as it stands there.
#[derive(serde::Deserialize)]
pub(super) struct RawPiece<'a> {
    #[serde(borrow)]
    pub delta: &'a RawValue,
}

/// `message` of `message_start`, and a whole unstreamed answer.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Message<'a> {
    #[serde(borrow, rename = "type")]
    pub kind: Label<'a>,
    #[serde(borrow)]
    pub id: Label<'a>,
    #[serde(borrow)]
    pub model: Label<'a>,
    #[serde(borrow)]
    pub content: Option<&'a RawValue>,
    #[serde(borrow)]
    pub stop_reason: Option<Text<'a>>,
    #[serde(borrow)]
    pub stop_sequence: Option<Text<'a>>,
    #[serde(borrow)]
    pub stop_details: Option<&'a RawValue>,
    #[serde(borrow)]
    pub usage: Option<&'a RawValue>,
    #[serde(borrow)]
    pub error: Option<&'a RawValue>,
    /// Of a cloud's error, which has neither a type nor content.
    #[serde(borrow, rename = "message")]
    words: Option<&'a RawValue>,
}

impl Message<'_> {
    /// Whether it is an error in a cloud's words: `{"message": "..."}`.
    pub fn is_clouds_error(&self) -> bool {
        let has_words = self.words.is_some_and(|words| words.get().starts_with('"'));
        has_words && self.kind.0.is_empty() && self.content.is_none()
    }
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Block<'a> {
    #[serde(borrow, rename = "type")]
    pub kind: Label<'a>,
    #[serde(borrow)]
    pub text: Option<Text<'a>>,
    #[serde(borrow)]
    pub citations: Option<&'a RawValue>,
    #[serde(borrow)]
    pub thinking: Option<Text<'a>>,
    #[serde(borrow)]
    pub signature: Option<Text<'a>>,
    #[serde(borrow)]
    pub data: Option<Text<'a>>,
    #[serde(borrow)]
    pub id: Label<'a>,
    #[serde(borrow)]
    pub name: Label<'a>,
    #[serde(borrow)]
    pub input: Option<&'a RawValue>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct WireUsage<'a> {
    input_tokens: Count,
    cache_read_input_tokens: Count,
    cache_creation_input_tokens: Count,
    cache_creation: One<CacheCreation>,
    output_tokens: Count,
    output_tokens_details: One<OutputDetails>,
    server_tool_use: One<ServerToolUse>,
    #[serde(borrow)]
    service_tier: Label<'a>,
    #[serde(borrow)]
    speed: Label<'a>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct CacheCreation {
    ephemeral_5m_input_tokens: Count,
    ephemeral_1h_input_tokens: Count,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct OutputDetails {
    thinking_tokens: Count,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct ServerToolUse {
    web_search_requests: Count,
}

/// The last believable value of every count.
#[derive(Debug, Default)]
pub(super) struct Reported {
    fresh: Option<u64>,
    cached: Option<u64>,
    written: Option<u64>,
    written_5m: Option<u64>,
    written_1h: Option<u64>,
    output: Option<u64>,
    reasoning: Option<u64>,
    searches: Option<u64>,
    tier: Option<ServiceTier>,
}

impl Reported {
    /// Takes in one report. `is_start`: from `message_start`, whose output count is a placeholder.
    pub(super) fn fold(&mut self, wire: &WireUsage<'_>, is_start: bool) -> Usage {
        wire.input_tokens.update(&mut self.fresh);
        wire.cache_read_input_tokens.update(&mut self.cached);
        wire.cache_creation_input_tokens.update(&mut self.written);
        if let Some(creation) = &wire.cache_creation.0 {
            creation.ephemeral_5m_input_tokens.update(&mut self.written_5m);
            creation.ephemeral_1h_input_tokens.update(&mut self.written_1h);
        }
        if !is_start {
            wire.output_tokens.update(&mut self.output);
        }
        if let Some(details) = &wire.output_tokens_details.0 {
            details.thinking_tokens.update(&mut self.reasoning);
        }
        // Fast mode is said apart; `standard` and `priority`, which is bought beforehand, cost the same a token.
        if wire.speed.0 == "fast" {
            self.tier = Some(ServiceTier::Fast);
        } else if wire.service_tier.0 == "batch" {
            self.tier = Some(ServiceTier::Batch);
        }
        if let Some(tools) = &wire.server_tool_use.0 {
            tools.web_search_requests.update(&mut self.searches);
        }
        self.usage()
    }

    /// The counts in neutral meaning: Anthropic's `input_tokens` leaves out what touched the cache.
    fn usage(&self) -> Usage {
        let written = self.written.or_else(|| sum(&[self.written_5m, self.written_1h]));
        let usage = Usage {
            input_tokens: self.fresh.and_then(|_| sum(&[self.fresh, self.cached, written])),
            cached_input_tokens: self.cached,
            cache_write_tokens: written,
            cache_write_1h_tokens: self.written_1h,
            output_tokens: self.output,
            reasoning_tokens: self.reasoning,
            web_searches: self.searches,
            service_tier: self.tier,
            ..Usage::default()
        };
        usage.without_absurd_parts()
    }
}

//! What we read of an event or an answer; every other field is skipped unread.
//!
//! Source: <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html>.

use serde_json::value::RawValue;

use crate::stream::lenient::Index;
use crate::stream::text::{Label, Text};
use crate::stream::usage::{Count, ServiceTier, Usage, sum};

/// Any event of a stream: which one, its name says.
#[derive(serde::Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Event<'a> {
    pub content_block_index: Index,
    #[serde(borrow)]
    pub start: Option<Start<'a>>,
    #[serde(borrow)]
    pub delta: Option<Piece<'a>>,
    #[serde(borrow)]
    pub stop_reason: Label<'a>,
    #[serde(borrow)]
    pub usage: Option<&'a RawValue>,
    #[serde(borrow)]
    pub service_tier: Option<&'a RawValue>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Start<'a> {
    #[serde(borrow)]
    pub tool_use: Option<ToolUse<'a>>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Piece<'a> {
    #[serde(borrow)]
    pub text: Option<Text<'a>>,
    #[serde(borrow)]
    pub tool_use: Option<ToolInput<'a>>,
    #[serde(borrow)]
    pub reasoning_content: Option<ReasoningPiece<'a>>,
    #[serde(borrow)]
    pub citation: Option<Citation<'a>>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct ToolInput<'a> {
    #[serde(borrow)]
    pub input: Option<Text<'a>>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ReasoningPiece<'a> {
    #[serde(borrow)]
    pub text: Option<Text<'a>>,
    #[serde(borrow)]
    pub signature: Label<'a>,
    #[serde(borrow)]
    pub redacted_content: Label<'a>,
}

/// A whole answer.
#[derive(serde::Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Answer<'a> {
    #[serde(borrow)]
    pub output: Option<Output<'a>>,
    /// All that an error says.
    #[serde(borrow)]
    pub message: Option<Text<'a>>,
    #[serde(borrow)]
    pub stop_reason: Label<'a>,
    #[serde(borrow)]
    pub usage: Option<&'a RawValue>,
    #[serde(borrow)]
    pub service_tier: Option<&'a RawValue>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Output<'a> {
    #[serde(borrow)]
    pub message: Option<Message<'a>>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub content: Vec<Block<'a>>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Block<'a> {
    #[serde(borrow)]
    pub text: Option<Text<'a>>,
    #[serde(borrow)]
    pub tool_use: Option<ToolUse<'a>>,
    #[serde(borrow)]
    pub reasoning_content: Option<Reasoning<'a>>,
    #[serde(borrow)]
    pub citations_content: Option<Cited<'a>>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
#[allow(clippy::struct_field_names)] // the vendor's names
pub(super) struct ToolUse<'a> {
    #[serde(borrow)]
    pub tool_use_id: Label<'a>,
    #[serde(borrow)]
    pub name: Label<'a>,
    /// `server_tool_use` where the vendor runs it.
    #[serde(borrow, rename = "type")]
    pub kind: Label<'a>,
    #[serde(borrow)]
    pub input: Option<&'a RawValue>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Reasoning<'a> {
    #[serde(borrow)]
    pub reasoning_text: Option<ReasoningPiece<'a>>,
    #[serde(borrow)]
    pub redacted_content: Label<'a>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Cited<'a> {
    #[serde(borrow)]
    pub content: Vec<Words<'a>>,
    #[serde(borrow)]
    pub citations: Vec<Citation<'a>>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Words<'a> {
    #[serde(borrow)]
    pub text: Option<Text<'a>>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Citation<'a> {
    #[serde(borrow)]
    pub title: Label<'a>,
    #[serde(borrow)]
    pub location: Option<Location<'a>>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Location<'a> {
    #[serde(borrow)]
    pub web: Option<Web<'a>>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Web<'a> {
    #[serde(borrow)]
    pub url: Label<'a>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Tier<'a> {
    #[serde(borrow, rename = "type")]
    pub kind: Label<'a>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct ErrorBody<'a> {
    #[serde(borrow)]
    pub message: Label<'a>,
    /// Of a model's own failure.
    #[serde(borrow, rename = "originalMessage")]
    pub original: Label<'a>,
    #[serde(borrow)]
    pub code: Label<'a>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct WireUsage<'a> {
    input_tokens: Count,
    output_tokens: Count,
    cache_read_input_tokens: Count,
    cache_write_input_tokens: Count,
    #[serde(borrow)]
    cache_details: Vec<CacheDetail<'a>>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct CacheDetail<'a> {
    #[serde(borrow)]
    ttl: Label<'a>,
    input_tokens: Count,
}

impl WireUsage<'_> {
    /// The counts in neutral meaning: `inputTokens` leaves out what touched the cache.
    pub fn usage(&self, tier: Option<ServiceTier>) -> Usage {
        let (cached, written) =
            (self.cache_read_input_tokens.tokens(), self.cache_write_input_tokens.tokens());
        let fresh = self.input_tokens.tokens();
        let of_an_hour = self.cache_details.iter().filter(|detail| detail.ttl.0 == "1h");
        let usage = Usage {
            input_tokens: fresh.and_then(|_| sum(&[fresh, cached, written])),
            cached_input_tokens: cached,
            cache_write_tokens: written,
            cache_write_1h_tokens: sum(&of_an_hour
                .map(|detail| detail.input_tokens.tokens())
                .collect::<Vec<_>>()),
            output_tokens: self.output_tokens.tokens(),
            service_tier: tier,
            ..Usage::default()
        };
        usage.without_absurd_parts()
    }
}

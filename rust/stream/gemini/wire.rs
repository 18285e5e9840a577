//! What we read of a chunk; every other field is skipped unread.
//!
//! Source: <https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse>.

use serde_json::value::RawValue;

use super::partial::PartialArg;
use crate::stream::lenient::Index;
use crate::stream::text::{Label, Text};
use crate::stream::usage::{Count, ServiceTier, Usage, sum};

#[derive(serde::Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Chunk<'a> {
    #[serde(borrow)]
    pub candidates: Option<Vec<Candidate<'a>>>,
    #[serde(borrow)]
    pub prompt_feedback: Option<&'a RawValue>,
    #[serde(borrow)]
    pub usage_metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    pub model_version: Label<'a>,
    #[serde(borrow)]
    pub response_id: Label<'a>,
    #[serde(borrow)]
    pub error: Option<&'a RawValue>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Candidate<'a> {
    pub index: Index,
    #[serde(borrow)]
    pub content: Option<Content<'a>>,
    #[serde(borrow)]
    pub finish_reason: Label<'a>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Content<'a> {
    #[serde(borrow)]
    pub parts: Option<Vec<Part<'a>>>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Part<'a> {
    #[serde(borrow)]
    pub text: Option<Text<'a>>,
    pub thought: Option<bool>,
    #[serde(borrow)]
    pub thought_signature: Label<'a>,
    #[serde(borrow)]
    pub function_call: Option<Call<'a>>,
    #[serde(borrow)]
    pub inline_data: Option<Blob<'a>>,
    #[serde(borrow)]
    pub executable_code: Option<&'a RawValue>,
    #[serde(borrow)]
    pub code_execution_result: Option<&'a RawValue>,
    #[serde(borrow)]
    pub tool_call: Option<&'a RawValue>,
    #[serde(borrow)]
    pub tool_response: Option<&'a RawValue>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Call<'a> {
    #[serde(borrow)]
    pub id: Label<'a>,
    #[serde(borrow)]
    pub name: Label<'a>,
    #[serde(borrow)]
    pub args: Option<&'a RawValue>,
    #[serde(borrow)]
    pub partial_args: Option<Vec<PartialArg<'a>>>,
    /// More of its arguments will come.
    pub will_continue: Option<bool>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Blob<'a> {
    #[serde(borrow)]
    pub mime_type: Label<'a>,
    #[serde(borrow)]
    pub data: Label<'a>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Code<'a> {
    #[serde(borrow)]
    pub code: Label<'a>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PromptFeedback<'a> {
    #[serde(borrow)]
    pub block_reason: Label<'a>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct ErrorBody<'a> {
    #[serde(borrow)]
    pub message: Label<'a>,
    #[serde(borrow)]
    pub status: Label<'a>,
    #[serde(borrow)]
    pub code: Label<'a>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
#[allow(clippy::struct_field_names)] // the vendor's names
pub(super) struct WireUsage<'a> {
    prompt_token_count: Count,
    /// What its own tools brought in, beside the prompt.
    tool_use_prompt_token_count: Count,
    cached_content_token_count: Count,
    /// Left out where it is nothing.
    candidates_token_count: Option<Count>,
    thoughts_token_count: Count,
    total_token_count: Count,
    prompt_tokens_details: Vec<Modality<'a>>,
    tool_use_prompt_tokens_details: Vec<Modality<'a>>,
    cache_tokens_details: Vec<Modality<'a>>,
    candidates_tokens_details: Vec<Modality<'a>>,
    #[serde(borrow)]
    service_tier: Label<'a>,
    /// Vertex AI's word for the tier.
    #[serde(borrow)]
    traffic_type: Label<'a>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Modality<'a> {
    #[serde(borrow)]
    modality: Label<'a>,
    token_count: Count,
}

/// The last believable value of every count.
#[derive(Debug, Default)]
pub(super) struct Reported {
    prompt: Option<u64>,
    tool_use: Option<u64>,
    candidates: Option<u64>,
    usage: Usage,
}

impl Reported {
    /// Takes in one report: each holds all that is known by then.
    pub(super) fn fold(&mut self, wire: &WireUsage<'_>) -> Usage {
        wire.prompt_token_count.update(&mut self.prompt);
        wire.tool_use_prompt_token_count.update(&mut self.tool_use);
        let usage = &mut self.usage;
        wire.cached_content_token_count.update(&mut usage.cached_input_tokens);
        wire.thoughts_token_count.update(&mut usage.reasoning_tokens);
        usage.input_tokens = self.prompt.and_then(|_| sum(&[self.prompt, self.tool_use]));
        match wire.candidates_token_count {
            Some(count) => count.update(&mut self.candidates),
            None => self.candidates = beside(wire.total_token_count.tokens(), usage),
        }
        // Thoughts stand beside the candidates; both are output.
        usage.output_tokens =
            self.candidates.and_then(|_| sum(&[self.candidates, usage.reasoning_tokens]));
        media(usage, wire);
        if let Some(tier) = tier(wire) {
            usage.service_tier = Some(tier);
        }
        usage.without_absurd_parts()
    }
}

/// What the whole holds beside the input and the thoughts.
fn beside(total: Option<u64>, usage: &Usage) -> Option<u64> {
    total?.checked_sub(usage.input_tokens?)?.checked_sub(usage.reasoning_tokens.unwrap_or(0))
}

fn media(usage: &mut Usage, wire: &WireUsage<'_>) {
    let of = |details: &[Modality<'_>], name: &str| {
        let counts = details.iter().filter(|detail| detail.modality.0 == name);
        sum(&counts.map(|detail| detail.token_count.tokens()).collect::<Vec<_>>())
    };
    let all = |name: &str| {
        let came_out = of(&wire.candidates_tokens_details, name);
        let prompt = of(&wire.prompt_tokens_details, name);
        let tools = of(&wire.tool_use_prompt_tokens_details, name);
        (sum(&[prompt, tools, came_out]), came_out, of(&wire.cache_tokens_details, name))
    };
    (usage.audio_tokens, usage.output_audio_tokens, usage.cached_audio_tokens) = all("AUDIO");
    (usage.image_tokens, usage.output_image_tokens, usage.cached_image_tokens) = all("IMAGE");
}

fn tier(wire: &WireUsage<'_>) -> Option<ServiceTier> {
    let word = match wire.traffic_type.0.as_ref() {
        "ON_DEMAND_FLEX" => "flex",
        "ON_DEMAND_PRIORITY" => "priority",
        _ => wire.service_tier.0.as_ref(),
    };
    ServiceTier::of(&word.to_ascii_lowercase())
}

//! What we read of a chunk; every other field is skipped unread.
//!
//! Source: <https://platform.openai.com/docs/api-reference/chat-streaming>, and recorded traffic of the
//! hosts that extend it (`reasoning_content`: `DeepSeek`, xAI, Z.ai; `reasoning`: Groq, `OpenRouter`,
//! Together; `reasoning_details`: `OpenRouter`; content as a list: Mistral, Databricks; `x_groq`: Groq).

use std::borrow::Cow;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::value::RawValue;

use crate::stream::call::Arguments;
use crate::stream::lenient::{Index, One};
use crate::stream::text::{Label, Text};
use crate::stream::usage::{Count, Counting, ServiceTier, Usage, sum};

#[derive(serde::Deserialize)]
#[serde(default)]
#[derive(Default)]
pub(super) struct Chunk<'a> {
    #[serde(borrow)]
    pub id: Label<'a>,
    #[serde(borrow)]
    pub model: Label<'a>,
    pub created: Count,
    #[serde(borrow)]
    pub choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow)]
    pub usage: Option<&'a RawValue>,
    #[serde(borrow)]
    pub x_groq: Option<&'a RawValue>,
    #[serde(borrow)]
    pub error: Option<&'a RawValue>,
    #[serde(borrow)]
    pub service_tier: Option<&'a RawValue>,
    /// Perplexity: the sources of the whole answer, in every chunk; the same by URL alone.
    #[serde(borrow)]
    pub search_results: Option<&'a RawValue>,
    #[serde(borrow)]
    pub citations: Option<&'a RawValue>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Choice<'a> {
    pub index: Index,
    #[serde(borrow)]
    pub delta: Option<Message<'a>>,
    /// The whole message (boxed, since moving the rare field costs every chunk): in an unstreamed answer, and beside `delta` where a host repeats itself.
    #[serde(borrow)]
    pub message: Option<Box<Message<'a>>>,
    /// Of the older completions, which have no message.
    #[serde(borrow)]
    pub text: Option<&'a RawValue>,
    #[serde(borrow)]
    pub finish_reason: Label<'a>,
    #[serde(borrow)]
    pub logprobs: Option<&'a RawValue>,
    /// Moonshot.
    #[serde(borrow)]
    pub usage: Option<&'a RawValue>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub content: Option<Content<'a>>,
    #[serde(borrow)]
    pub reasoning_content: Label<'a>,
    #[serde(borrow)]
    pub reasoning: Label<'a>,
    /// Proxies before Ollama's and Anthropic's own dialects.
    #[serde(borrow)]
    pub thinking: Label<'a>,
    #[serde(borrow)]
    pub reasoning_details: Option<&'a RawValue>,
    #[serde(borrow)]
    pub thinking_blocks: Option<&'a RawValue>,
    #[serde(borrow)]
    pub refusal: Option<Text<'a>>,
    #[serde(borrow)]
    pub tool_calls: ToolCalls<'a>,
    #[serde(borrow)]
    pub function_call: Option<Box<Function<'a>>>,
    #[serde(borrow)]
    pub annotations: Option<&'a RawValue>,
    #[serde(borrow)]
    pub audio: Option<&'a RawValue>,
    #[serde(borrow)]
    pub images: Option<&'a RawValue>,
    #[serde(borrow)]
    pub extra_content: Option<&'a RawValue>,
}

/// `content`: text, or a list of typed parts or of texts; Cloudflare's JSON mode sends the value itself, which is
/// text here.
pub(super) enum Content<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<Part<'a>>),
}

#[derive(Default)]
pub(super) struct Part<'a> {
    pub text: Option<Text<'a>>,
    pub thinking: Option<Content<'a>>,
    pub summary: Option<Content<'a>>,
    pub signature: Label<'a>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Part<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?.get();
        let part = match raw.as_bytes().first() {
            Some(b'{') => serde_json::from_str(raw).map(TypedPart::into),
            Some(b'"') => {
                serde_json::from_str(raw).map(|text| Self { text: Some(text), ..Self::default() })
            }
            _ => Ok(Self::default()),
        };
        part.map_err(D::Error::custom)
    }
}

impl<'a> From<TypedPart<'a>> for Part<'a> {
    fn from(part: TypedPart<'a>) -> Self {
        let TypedPart { text, thinking, summary, signature } = part;
        Self { text, thinking, summary, signature }
    }
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct TypedPart<'a> {
    #[serde(borrow)]
    pub text: Option<Text<'a>>,
    #[serde(borrow)]
    pub thinking: Option<Content<'a>>,
    /// Databricks: `{"type": "reasoning", "summary": [{"type": "summary_text", "text", "signature"}]}`.
    #[serde(borrow)]
    pub summary: Option<Content<'a>>,
    #[serde(borrow)]
    pub signature: Label<'a>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?.get();
        let content = match raw.as_bytes().first() {
            Some(b'[') => serde_json::from_str(raw).map(Self::Parts),
            Some(b'"') => serde_json::from_str::<Text<'de>>(raw).map(|text| Self::Text(text.0)),
            _ => Ok(Self::Text(Cow::Borrowed(raw))),
        };
        content.map_err(D::Error::custom)
    }
}

/// `tool_calls`: a list; older versions of Hugging Face's TGI send the one call itself.
#[derive(Default)]
pub(super) struct ToolCalls<'a>(pub Vec<ToolCall<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for ToolCalls<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?.get();
        let calls = match raw.as_bytes().first() {
            Some(b'{') => serde_json::from_str(raw).map(|call| vec![call]),
            _ => serde_json::from_str::<Option<_>>(raw).map(Option::unwrap_or_default),
        };
        calls.map(Self).map_err(D::Error::custom)
    }
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct ToolCall<'a> {
    pub index: Index,
    #[serde(borrow)]
    pub id: Label<'a>,
    #[serde(borrow)]
    pub function: Option<Function<'a>>,
    /// A tool whose input is free text.
    #[serde(borrow)]
    pub custom: Option<Custom<'a>>,
    #[serde(borrow)]
    pub extra_content: Option<&'a RawValue>,
}

/// What Gemini's endpoint of this dialect has beside a call or a text, and wants back with it.
/// Source: <https://ai.google.dev/gemini-api/docs/thought-signatures>.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct ExtraContent<'a> {
    #[serde(borrow)]
    pub google: Option<GoogleContent<'a>>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct GoogleContent<'a> {
    #[serde(borrow)]
    pub thought_signature: Label<'a>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Function<'a> {
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    #[serde(borrow)]
    pub arguments: Arguments<'a>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Custom<'a> {
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    #[serde(borrow)]
    pub input: Option<Text<'a>>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Audio<'a> {
    #[serde(borrow)]
    id: Label<'a>,
    #[serde(borrow)]
    data: Label<'a>,
    #[serde(borrow)]
    transcript: Label<'a>,
}

impl Audio<'_> {
    pub(super) fn is_empty(&self) -> bool {
        [&self.id, &self.data, &self.transcript].iter().all(|label| label.0.is_empty())
    }
}

/// One entry of `reasoning_details` or `thinking_blocks`.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct ReasoningDetail<'a> {
    #[serde(borrow)]
    pub text: Label<'a>,
    #[serde(borrow)]
    pub summary: Label<'a>,
    #[serde(borrow)]
    pub thinking: Label<'a>,
    #[serde(borrow)]
    pub signature: Label<'a>,
    #[serde(borrow)]
    pub data: Label<'a>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Groq<'a> {
    #[serde(borrow)]
    pub usage: Option<&'a RawValue>,
    #[serde(borrow)]
    pub error: Option<&'a RawValue>,
}

/// An error object, or a whole event that is one.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct ErrorBody<'a> {
    #[serde(borrow)]
    pub message: Label<'a>,
    #[serde(borrow)]
    pub detail: Label<'a>,
    #[serde(borrow, rename = "type")]
    pub kind: Label<'a>,
    #[serde(borrow)]
    pub code: Label<'a>,
    #[serde(borrow)]
    pub error_code: Label<'a>,
}

/// `usage` as it stands in the event.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct WireUsage {
    prompt_tokens: Count,
    completion_tokens: Count,
    total_tokens: Count,
    prompt_tokens_details: One<Details>,
    completion_tokens_details: One<Details>,
    /// `DeepSeek`.
    prompt_cache_hit_tokens: Count,
    /// Databricks and Vercel, for Anthropic's models.
    cache_read_input_tokens: Count,
    cache_creation_input_tokens: Count,
    /// Together.
    cached_tokens: Count,
    /// Mistral.
    num_cached_tokens: Count,
    /// `SGLang`.
    reasoning_tokens: Count,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
#[allow(clippy::struct_field_names)] // the vendor's names
struct Details {
    cached_tokens: Count,
    cache_write_tokens: Count,
    /// Ours, where this gateway stands before another.
    cache_write_1h_tokens: Count,
    audio_tokens: Count,
    image_tokens: Count,
    reasoning_tokens: Count,
}

/// The last believable value of every count, as the host names it.
#[derive(Debug, Default)]
pub(super) struct Reported {
    usage: Usage,
    total: Option<u64>,
    counting: Counting,
    audio: [Option<u64>; 2],
    image: [Option<u64>; 2],
}

impl Reported {
    pub(super) fn set_counting(&mut self, counting: Counting) {
        self.counting = counting;
    }

    /// Takes in one report; `tier` is the host's word for how it worked, as JSON.
    pub(super) fn fold(&mut self, wire: &WireUsage, tier: Option<&RawValue>) -> Usage {
        if let Some(tier) = tier {
            self.usage.service_tier = ServiceTier::of(tier.get().trim_matches('"'));
        }
        let prompt = wire.prompt_tokens_details.0.as_ref();
        let completion = wire.completion_tokens_details.0.as_ref();
        let none = Count(None);
        let usage = &mut self.usage;
        wire.prompt_tokens.update(&mut usage.input_tokens);
        wire.completion_tokens.update(&mut usage.output_tokens);
        wire.total_tokens.update(&mut self.total);
        for cached in [
            wire.num_cached_tokens,
            wire.cached_tokens,
            wire.cache_read_input_tokens,
            wire.prompt_cache_hit_tokens,
            prompt.map_or(none, |details| details.cached_tokens),
        ] {
            cached.update(&mut usage.cached_input_tokens);
        }
        for written in [
            wire.cache_creation_input_tokens,
            prompt.map_or(none, |details| details.cache_write_tokens),
        ] {
            written.update(&mut usage.cache_write_tokens);
        }
        let hour = prompt.map_or(none, |details| details.cache_write_1h_tokens);
        hour.update(&mut usage.cache_write_1h_tokens);
        for reasoning in
            [wire.reasoning_tokens, completion.map_or(none, |details| details.reasoning_tokens)]
        {
            reasoning.update(&mut usage.reasoning_tokens);
        }
        for (side, details) in [prompt, completion].into_iter().enumerate() {
            let Some(details) = details else { continue };
            if let (Some(audio), Some(image)) = (self.audio.get_mut(side), self.image.get_mut(side))
            {
                details.audio_tokens.update(audio);
                details.image_tokens.update(image);
            }
        }
        usage.audio_tokens = sum(&self.audio);
        usage.image_tokens = sum(&self.image);
        [_, usage.output_audio_tokens] = self.audio;
        [_, usage.output_image_tokens] = self.image;
        let output_tokens = self.all_output();
        Usage { output_tokens, ..self.usage }.without_absurd_parts()
    }

    /// Output with the reasoning that a host leaves out of the completion, where it is known to.
    ///
    /// Its own total has the last word: where that is `prompt + completion`, a proxy has added it already.
    fn all_output(&self) -> Option<u64> {
        let Usage { input_tokens, output_tokens, reasoning_tokens, .. } = self.usage;
        let is_inside = self.total.is_some() && self.total == sum(&[input_tokens, output_tokens]);
        if self.counting.reasoning_beside_output && !is_inside {
            return output_tokens.and(sum(&[output_tokens, reasoning_tokens]));
        }
        output_tokens
    }
}

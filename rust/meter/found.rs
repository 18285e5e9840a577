//! Usage in an answer of whatever shape: the vendors' names for it are few, and where it stands too.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::stream::{Count, Seconds, Usage, sum};

/// What an answer, or the events of one so far, say of themselves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// Checked field by field; empty where nothing was reported.
    pub usage: Usage,
    /// The model that answered, empty if not said.
    pub model: String,
}

/// Where answers and events have it: beside their content, in the response that an event carries, or, as a server of
/// models does, at the end of all.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Said<'a> {
    #[serde(borrow, alias = "modelVersion")]
    model: Option<&'a RawValue>,
    #[serde(borrow, alias = "usageMetadata")]
    usage: Option<&'a RawValue>,
    /// Cohere.
    #[serde(borrow)]
    meta: Option<&'a RawValue>,
    /// Bedrock's own count, at the end of the stream of any model.
    #[serde(borrow, rename = "amazon-bedrock-invocationMetrics")]
    metrics: Option<&'a RawValue>,
    /// The first event of Anthropic.
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    /// Events of the Responses API.
    #[serde(borrow)]
    response: Option<&'a RawValue>,
    /// Events of Cohere.
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    /// Of a recording, in seconds.
    duration: Seconds,
    /// Ollama.
    prompt_eval_count: Count,
    eval_count: Count,
}

/// All names at once; some hosts say the same under two of them.
#[derive(Deserialize, Default)]
#[serde(default)]
#[allow(clippy::struct_field_names)] // the vendors' names
struct Reported<'a> {
    #[serde(alias = "inputTokens", alias = "promptTokenCount")]
    input_tokens: Count,
    prompt_tokens: Count,
    #[serde(alias = "outputTokens", alias = "candidatesTokenCount")]
    output_tokens: Count,
    completion_tokens: Count,
    #[serde(alias = "totalTokens", alias = "totalTokenCount")]
    total_tokens: Count,
    #[serde(alias = "cacheReadInputTokens")]
    cache_read_input_tokens: Count,
    #[serde(alias = "cacheWriteInputTokens")]
    cache_creation_input_tokens: Count,
    /// Bedrock's; they may stand beside those of above.
    #[serde(rename = "inputTokenCount")]
    input_count: Count,
    #[serde(rename = "outputTokenCount")]
    output_count: Count,
    #[serde(rename = "cacheReadInputTokenCount")]
    cache_read_count: Count,
    #[serde(rename = "cacheWriteInputTokenCount")]
    cache_write_count: Count,
    #[serde(rename = "cachedContentTokenCount")]
    cached: Count,
    #[serde(rename = "thoughtsTokenCount")]
    thoughts: Count,
    #[serde(rename = "toolUsePromptTokenCount")]
    tool_use: Count,
    #[serde(borrow)]
    input_tokens_details: Option<&'a RawValue>,
    #[serde(borrow)]
    prompt_tokens_details: Option<&'a RawValue>,
    /// Transcriptions of `OpenAI`.
    #[serde(borrow)]
    input_token_details: Option<&'a RawValue>,
    #[serde(borrow)]
    output_token_details: Option<&'a RawValue>,
    #[serde(borrow)]
    output_tokens_details: Option<&'a RawValue>,
    #[serde(borrow)]
    completion_tokens_details: Option<&'a RawValue>,
    /// Cohere has its counts one level further down.
    #[serde(borrow)]
    tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    billed_units: Option<&'a RawValue>,
    /// `OpenAI`, of a recording.
    seconds: Seconds,
    /// Mistral.
    prompt_audio_seconds: Seconds,
}

#[derive(Deserialize, Default)]
#[serde(default)]
#[allow(clippy::struct_field_names)] // the vendor's names
struct Sides {
    input_tokens: Count,
    output_tokens: Count,
    search_units: Count,
}

#[derive(Deserialize, Default)]
#[serde(default)]
#[allow(clippy::struct_field_names)] // the vendors' names
struct Details {
    cached_tokens: Count,
    /// Realtime: which of the cached tokens are of what kind.
    cached_tokens_details: Option<Kinds>,
    reasoning_tokens: Count,
    audio_tokens: Count,
    image_tokens: Count,
}

#[derive(Deserialize, Default)]
#[serde(default)]
#[allow(clippy::struct_field_names)] // the vendors' names
struct Kinds {
    audio_tokens: Count,
    image_tokens: Count,
}

impl Found {
    /// Takes in one JSON value. Where several events report, the later word holds, field by field.
    ///
    /// Cost: one pass, and none where nothing in it is named like usage.
    pub fn read(&mut self, json: &[u8]) {
        let is_named =
            [&b"sage"[..], b"\"meta\"", b"eval_count", b"invocationMetrics", b"\"duration\""];
        if is_named.iter().any(|name| memchr::memmem::find(json, name).is_some()) {
            self.read_at(json, 0);
        }
    }

    fn read_at(&mut self, json: &[u8], depth: u8) {
        let Some(said) = parsed::<Said<'_>>(json) else { return };
        if let Some(model) = said.model.and_then(|raw| parsed::<String>(raw.get().as_bytes())) {
            self.model = model;
        }
        let beside = Usage {
            input_tokens: said.prompt_eval_count.tokens(),
            output_tokens: said.eval_count.tokens(),
            audio_ms: said.duration.ms(),
            ..Usage::default()
        };
        self.take(beside);
        for raw in [said.usage, said.meta, said.metrics].into_iter().flatten() {
            self.take_reported(raw);
        }
        for raw in [said.message, said.response, said.delta].into_iter().flatten() {
            if depth == 0 {
                self.read_at(raw.get().as_bytes(), 1);
            }
        }
    }

    /// Takes in what stands under a vendor's name for usage.
    pub(crate) fn take_reported(&mut self, raw: &RawValue) {
        if let Some(reported) = parsed::<Reported<'_>>(raw.get().as_bytes()) {
            self.take(reported.usage());
        }
    }

    /// Takes in what was reported elsewhere.
    pub fn take(&mut self, more: Usage) {
        let known = &mut self.usage;
        for (known, more) in [
            (&mut known.input_tokens, more.input_tokens),
            (&mut known.cached_input_tokens, more.cached_input_tokens),
            (&mut known.cache_write_tokens, more.cache_write_tokens),
            (&mut known.output_tokens, more.output_tokens),
            (&mut known.reasoning_tokens, more.reasoning_tokens),
            (&mut known.audio_tokens, more.audio_tokens),
            (&mut known.output_audio_tokens, more.output_audio_tokens),
            (&mut known.cached_audio_tokens, more.cached_audio_tokens),
            (&mut known.cached_image_tokens, more.cached_image_tokens),
            (&mut known.billed_input_tokens, more.billed_input_tokens),
            (&mut known.billed_output_tokens, more.billed_output_tokens),
            (&mut known.image_tokens, more.image_tokens),
            (&mut known.output_image_tokens, more.output_image_tokens),
            (&mut known.searches, more.searches),
            (&mut known.audio_ms, more.audio_ms),
        ] {
            *known = more.or(*known);
        }
    }
}

impl Reported<'_> {
    fn usage(&self) -> Usage {
        // What Cohere bills is a part of what it read.
        if self.tokens.is_some() || self.billed_units.is_some() {
            let [all, billed] = [self.tokens, self.billed_units].map(|raw| {
                raw.and_then(|raw| parsed::<Sides>(raw.get().as_bytes())).unwrap_or_default()
            });
            let (input, output) = (billed.input_tokens.tokens(), billed.output_tokens.tokens());
            return Usage {
                input_tokens: all.input_tokens.tokens().or(input),
                output_tokens: all.output_tokens.tokens().or(output),
                billed_input_tokens: input,
                billed_output_tokens: output,
                searches: billed.search_units.tokens(),
                ..Usage::default()
            };
        }
        let details = |raw: Option<&RawValue>| {
            raw.and_then(|raw| parsed::<Details>(raw.get().as_bytes())).unwrap_or_default()
        };
        let inside =
            [self.input_tokens_details, self.prompt_tokens_details, self.input_token_details];
        let outside =
            [self.output_tokens_details, self.completion_tokens_details, self.output_token_details];
        let inside = details(inside.into_iter().flatten().next());
        let outside = details(outside.into_iter().flatten().next());
        let read = self.cache_read_input_tokens.tokens().or(self.cache_read_count.tokens());
        let written = self.cache_creation_input_tokens.tokens();
        let written = written.or(self.cache_write_count.tokens());
        // Who counts reads and writes of a cache by themselves leaves them out of the input.
        let input = self.input_tokens.tokens().or(self.prompt_tokens.tokens());
        let input = input.or(self.input_count.tokens());
        let input = input.and_then(|_| sum(&[input, read, written, self.tool_use.tokens()]));
        let output = self.output_tokens.tokens().or(self.completion_tokens.tokens());
        let output = output.or(self.output_count.tokens());
        let output = sum(&[output, self.thoughts.tokens()]).or_else(|| self.beyond(input));
        let image = (inside.image_tokens.tokens(), outside.image_tokens.tokens());
        let audio = (inside.audio_tokens.tokens(), outside.audio_tokens.tokens());
        let cached = inside.cached_tokens_details.unwrap_or_default();
        Usage {
            // Where only a total is reported nothing is written: vectors, scores.
            input_tokens: input.or_else(|| self.total_tokens.tokens()),
            cached_input_tokens: read.or(inside.cached_tokens.tokens()).or(self.cached.tokens()),
            cache_write_tokens: written,
            output_tokens: output,
            reasoning_tokens: outside.reasoning_tokens.tokens().or(self.thoughts.tokens()),
            audio_tokens: sum(&[audio.0, audio.1]),
            output_audio_tokens: audio.1,
            cached_audio_tokens: cached.audio_tokens.tokens(),
            cached_image_tokens: cached.image_tokens.tokens(),
            image_tokens: sum(&[image.0, image.1]),
            output_image_tokens: image.1,
            audio_ms: self.seconds.ms().or(self.prompt_audio_seconds.ms()),
            ..Usage::default()
        }
        .without_absurd_parts()
    }

    /// What of a total is no input.
    fn beyond(&self, input: Option<u64>) -> Option<u64> {
        self.total_tokens.tokens()?.checked_sub(input?)
    }
}

fn parsed<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Option<T> {
    serde_json::from_slice(json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(events: &[&str]) -> (Option<u64>, Option<u64>, Option<u64>) {
        let mut found = Found::default();
        for event in events {
            found.read(event.as_bytes());
        }
        let usage = found.usage;
        (usage.input_tokens, usage.cached_input_tokens, usage.output_tokens)
    }

    #[test]
    fn usage_is_found_in_every_vendors_words() {
        for (event, wanted) in [
            (
                r#"{"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":3}}}"#,
                (Some(9), Some(3), Some(4)),
            ),
            (r#"{"usage":{"prompt_tokens":9,"total_tokens":9}}"#, (Some(9), None, Some(0))),
            (r#"{"usage":{"total_tokens":9}}"#, (Some(9), None, None)),
            (
                r#"{"type":"message","usage":{"input_tokens":2,"cache_read_input_tokens":5,"cache_creation_input_tokens":1,"output_tokens":4}}"#,
                (Some(8), Some(5), Some(4)),
            ),
            (
                r#"{"response":{"usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":2},"output_tokens":4}}}"#,
                (Some(9), Some(2), Some(4)),
            ),
            (
                r#"{"usageMetadata":{"promptTokenCount":9,"cachedContentTokenCount":2,"candidatesTokenCount":4,"thoughtsTokenCount":3}}"#,
                (Some(9), Some(2), Some(7)),
            ),
            (
                r#"{"usage":{"inputTokens":9,"outputTokens":4,"totalTokens":13}}"#,
                (Some(9), None, Some(4)),
            ),
            (
                r#"{"usage":{"billed_units":{"input_tokens":5,"output_tokens":4},"tokens":{"input_tokens":9,"output_tokens":4}}}"#,
                (Some(9), None, Some(4)),
            ),
            (r#"{"meta":{"billed_units":{"input_tokens":9}}}"#, (Some(9), None, None)),
            (r#"{"done":true,"prompt_eval_count":9,"eval_count":4}"#, (Some(9), None, Some(4))),
            (
                r#"{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":3,"outputTokenCount":4,"cacheReadInputTokenCount":5,"cacheWriteInputTokenCount":1,"invocationLatency":7}}"#,
                (Some(9), Some(5), Some(4)),
            ),
            (
                r#"{"usage":{"inputTokens":9,"outputTokens":4,"cacheReadInputTokens":0,"cacheReadInputTokenCount":0}}"#,
                (Some(9), Some(0), Some(4)),
            ),
            (r#"{"usage":null}"#, (None, None, None)),
            (r#"{"usage":{"prompt_tokens":-1,"completion_tokens":"4"}}"#, (None, None, None)),
            (r#"{"usage":7,"meta":[]}"#, (None, None, None)),
            (r#"["usage"]"#, (None, None, None)),
            ("usage", (None, None, None)),
        ] {
            assert_eq!(found(&[event]), wanted, "{event}");
        }
    }

    #[test]
    fn what_was_heard_and_drawn_is_told_from_text() {
        let mut seen = Found::default();
        seen.read(br#"{"text":"x","usage":{"type":"tokens","total_tokens":6,"input_tokens":5,"input_token_details":{"text_tokens":1,"audio_tokens":4},"output_tokens":1}}"#);
        let usage = seen.usage;
        assert_eq!((usage.input_tokens, usage.audio_tokens), (Some(5), Some(4)));
        let mut seen = Found::default();
        seen.read(br#"{"data":[],"usage":{"input_tokens":50,"input_tokens_details":{"image_tokens":40,"text_tokens":10},"output_tokens":9,"output_tokens_details":{"image_tokens":8,"text_tokens":1}}}"#);
        let usage = seen.usage;
        assert_eq!((usage.image_tokens, usage.output_image_tokens), (Some(48), Some(8)));
        let mut seen = Found::default();
        seen.read(br#"{"text":"x","usage":{"type":"duration","seconds":7}}"#);
        assert_eq!(seen.usage, Usage { audio_ms: Some(7000), ..Usage::default() });
    }

    #[test]
    fn what_is_no_tokens_is_found_too() {
        for (answer, audio_ms, searches) in [
            (r#"{"duration":8.4701,"text":"x"}"#, Some(8471), None),
            (r#"{"duration":"3.5","text":"x"}"#, Some(3500), None),
            (r#"{"usage":{"prompt_audio_seconds":203,"prompt_tokens":4}}"#, Some(203_000), None),
            (r#"{"duration":-1}"#, None, None),
            (r#"{"duration":{"seconds":1}}"#, None, None),
            (r#"{"duration":1e300}"#, None, None),
            (r#"{"meta":{"billed_units":{"search_units":2}}}"#, None, Some(2)),
            (r#"{"meta":{"billed_units":{"search_units":-2}}}"#, None, None),
        ] {
            let mut seen = Found::default();
            seen.read(answer.as_bytes());
            assert_eq!(
                (seen.usage.audio_ms, seen.usage.searches),
                (audio_ms, searches),
                "{answer}"
            );
        }
    }

    #[test]
    fn the_later_event_holds_field_by_field() {
        let start = r#"{"type":"message_start","message":{"model":"m","usage":{"input_tokens":9,"output_tokens":1}}}"#;
        let end = r#"{"type":"message_delta","usage":{"output_tokens":4}}"#;
        assert_eq!(found(&[start, end]), (Some(9), None, Some(4)));
        let mut seen = Found::default();
        seen.read(start.as_bytes());
        assert_eq!(seen.model, "m");
    }
}

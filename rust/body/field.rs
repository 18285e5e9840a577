//! What single top-level fields mean.

use std::ops::Range;

use serde_json::value::RawValue;

use super::number::{proto_number, whole_number};
use super::scan::{Scan, for_each_top_level};
use super::string::unescaped;
use crate::error::Error;

impl Scan {
    /// Takes in one top-level field; `span` is where its value stands.
    pub(super) fn field(
        &mut self,
        key: &str,
        body: &[u8],
        span: Range<usize>,
    ) -> Result<(), Error> {
        let offset = span.start;
        let value = body.get(span.clone()).unwrap_or_default();
        let is_string = value.first() == Some(&b'"');
        let is_null = value == b"null";
        let fail = |field, reason| Error::InvalidField { field, offset, reason };
        match key {
            "model" => {
                if !is_string && !is_null {
                    return Err(fail("model", "is not a string"));
                }
                self.model = is_string.then(|| unescaped(value).into_owned());
                self.model_span = Some(span);
            }
            "stream" => match value {
                b"true" => self.stream = true,
                b"false" | b"null" => self.stream = false,
                _ => return Err(fail("stream", "is neither true nor false")),
            },
            "stream_options" => {
                self.include_usage = include_usage(value).ok_or_else(|| {
                    fail("stream_options", "is not an object with a true or false `include_usage`")
                })?;
                self.stream_options_span = Some(span);
            }
            "user" if is_string => self.user = Some(unescaped(value).into_owned()),
            "metadata" if self.user.is_none() => {
                self.user = serde_json::from_slice(value)
                    .ok()
                    .and_then(|metadata: Metadata| metadata.user_id);
            }
            "service_tier" | "serviceTier" if is_string => {
                self.service_tier = Some(unescaped(value).into_owned());
            }
            "max_tokens" => self.bound(number("max_tokens", value, offset)?),
            "max_completion_tokens" => self.bound(number("max_completion_tokens", value, offset)?),
            "max_output_tokens" => self.bound(number("max_output_tokens", value, offset)?),
            "n" => self.n = number("n", value, offset)?,
            "best_of" => self.best_of = number("best_of", value, offset)?,
            "prompt" => self.prompt(value),
            "store" => self.is_unstored = value == b"false",
            "previous_response_id" if is_string => {
                self.previous_response = Some(unescaped(value).into_owned());
            }
            "thread" if value.first() == Some(&b'{') => {
                self.is_thread = true;
                self.previous_response = previous_message(value);
            }
            "background" => self.background = value == b"true",
            "tool_choice" => self.forces_tool = holds(value, b"\"name\""),
            "toolConfig" | "tool_config" => {
                let names: [&[u8]; 2] = [b"allowedFunctionNames", b"allowed_function_names"];
                self.forces_tool |= names.iter().any(|name| holds(value, name));
            }
            "inferenceConfig" if value.first() == Some(&b'{') => {
                self.inference_config(value, offset)?;
            }
            "generationConfig" | "generation_config" if value.first() == Some(&b'{') => {
                self.generation_config(value, offset)?;
            }
            "size" if is_string => self.size = Some(unescaped(value).into_owned()),
            "quality" if is_string => self.quality = Some(unescaped(value).into_owned()),
            "response_format" if is_string => {
                self.answer_format = Some(unescaped(value).into_owned());
            }
            "response_format" | "output_config" | "output_format" | "text" => {
                self.follows_schema |= holds(value, b"json_schema");
            }
            _ => {}
        }
        Ok(())
    }

    /// One text or several, or the tokens of one or several, which count as bytes of text: at least one each.
    fn prompt(&mut self, value: &[u8]) {
        let Some(inside) = value.strip_prefix(b"[") else { return };
        let is_flat = matches!(inside.trim_ascii_start().first(), Some(b'0'..=b'9' | b'-'));
        let items = serde_json::from_slice::<Vec<&RawValue>>(value).unwrap_or_default();
        self.prompts = if is_flat { 1 } else { items.len() };
        let tokens = |list: &[u8]| memchr::memchr_iter(b',', list).count() + 1;
        if is_flat {
            self.text_bytes += tokens(value);
        } else {
            let lists = items.iter().map(|item| item.get().as_bytes());
            self.text_bytes +=
                lists.filter(|item| item.starts_with(b"[")).map(tokens).sum::<usize>();
        }
    }

    /// Gemini's bounds. Its fields may be written as in JSON or as in its protocol buffers, and numbers as text.
    fn generation_config(&mut self, config: &[u8], offset: usize) -> Result<(), Error> {
        let mut result = Ok(());
        for_each_top_level(config, |key, value| {
            let field = match key {
                "maxOutputTokens" | "max_output_tokens" => "generationConfig.maxOutputTokens",
                "candidateCount" | "candidate_count" => "generationConfig.candidateCount",
                "responseSchema"
                | "response_schema"
                | "responseJsonSchema"
                | "response_json_schema" => {
                    self.follows_schema |= value.first() == Some(&b'{');
                    return;
                }
                _ => return,
            };
            if value == b"null" {
                return;
            }
            let Some(number) = proto_number(value) else {
                let reason = "is not a whole number between 0 and 10^15";
                result = Err(Error::InvalidField { field, offset, reason });
                return;
            };
            if field.ends_with("Tokens") {
                self.bound(Some(number));
            } else {
                self.n = self.n.max(Some(number));
            }
        });
        result
    }

    /// Bedrock's bound.
    fn inference_config(&mut self, config: &[u8], offset: usize) -> Result<(), Error> {
        let mut result = Ok(());
        for_each_top_level(config, |key, value| {
            if key == "maxTokens" {
                match number("inferenceConfig.maxTokens", value, offset) {
                    Ok(tokens) => self.bound(tokens),
                    Err(error) => result = Err(error),
                }
            }
        });
        result
    }

    fn bound(&mut self, tokens: Option<u64>) {
        self.max_tokens = self.max_tokens.max(tokens);
    }
}

fn holds(object: &[u8], what: &[u8]) -> bool {
    object.first() == Some(&b'{') && memchr::memmem::find(object, what).is_some()
}

/// The message that a thread of Anthropic's goes on from, by the value of `thread`. Source:
/// <https://platform.claude.com/docs/en/build-with-claude/message-threads>.
pub fn previous_message(thread: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Thread {
        previous_message_id: Option<String>,
    }
    let thread: Thread = serde_json::from_slice(thread).ok()?;
    thread.previous_message_id.filter(|id| !id.is_empty())
}

#[derive(serde::Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

#[derive(serde::Deserialize)]
struct Metadata {
    user_id: Option<String>,
}

/// None where a value is not what `stream_options` may be.
fn include_usage(value: &[u8]) -> Option<bool> {
    match value.first() {
        Some(b'{') => {
            let options: StreamOptions = serde_json::from_slice(value).ok()?;
            Some(options.include_usage.unwrap_or(false))
        }
        _ => (value == b"null").then_some(false),
    }
}

fn number(field: &'static str, value: &[u8], offset: usize) -> Result<Option<u64>, Error> {
    if value == b"null" {
        return Ok(None);
    }
    let reason = "is not a whole number between 0 and 10^15";
    whole_number(value).map(Some).ok_or(Error::InvalidField { field, offset, reason })
}

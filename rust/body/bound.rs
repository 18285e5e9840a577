//! Lowers the bound that a request sets for its answer.

use serde::Deserialize;

use super::scan::for_each_field;
use super::splice::{Edit, splice};
use super::string::unescaped;
use super::walk::Unseen;

const FIELDS: [&str; 3] = ["max_tokens", "max_completion_tokens", "max_output_tokens"];
/// Gemini's, and the objects that it may stand in.
const GEMINI_FIELDS: [&str; 2] = ["maxOutputTokens", "max_output_tokens"];
const GEMINI_CONFIGS: [&str; 2] = ["generationConfig", "generation_config"];
/// Bedrock's, likewise.
const BEDROCK_FIELDS: [&str; 1] = ["maxTokens"];
const BEDROCK_CONFIGS: [&str; 1] = ["inferenceConfig"];
/// Ollama's, likewise.
const OLLAMA_FIELDS: [&str; 1] = ["num_predict"];
const OLLAMA_CONFIGS: [&str; 1] = ["options"];

/// The field in which a host wants a bound that the client did not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoundField {
    /// The older word, which every host knows but those that have gone on to the next.
    #[default]
    MaxTokens,
    /// `OpenAI`'s newer one: its newer models refuse the older.
    MaxCompletionTokens,
    /// That of its Responses.
    MaxOutputTokens,
}

impl BoundField {
    const fn name(self) -> &'static str {
        match self {
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
            Self::MaxOutputTokens => "max_output_tokens",
        }
    }
}

/// A body, which was scanned, whose answer may have `max_tokens` at most. Every field that sets a higher bound is
/// lowered; where there is none, `missing` is added.
pub fn lower_max_tokens(body: &[u8], max_tokens: u64, missing: BoundField) -> Vec<u8> {
    lower(body, max_tokens, &FIELDS, missing.name())
}

/// The same of a body of Gemini's, which has its bound in `generationConfig`.
pub fn lower_gemini_max_tokens(body: &[u8], max_tokens: u64) -> Vec<u8> {
    lower_within(body, max_tokens, &GEMINI_CONFIGS, &GEMINI_FIELDS)
}

/// The same of a body of Bedrock's Converse, which has its bound in `inferenceConfig`.
pub fn lower_bedrock_max_tokens(body: &[u8], max_tokens: u64) -> Vec<u8> {
    lower_within(body, max_tokens, &BEDROCK_CONFIGS, &BEDROCK_FIELDS)
}

/// The same of a body of Ollama's, which has its bound in `options`.
pub fn lower_ollama_max_tokens(body: &[u8], max_tokens: u64) -> Vec<u8> {
    lower_within(body, max_tokens, &OLLAMA_CONFIGS, &OLLAMA_FIELDS)
}

/// Within objects of these names; the first name, and the first field, are written where there is none.
fn lower_within(
    body: &[u8],
    max_tokens: u64,
    configs: &[&'static str],
    fields: &[&'static str],
) -> Vec<u8> {
    let (Some(config), Some(missing)) = (configs.first(), fields.first()) else {
        return body.to_vec();
    };
    let mut edits = Vec::new();
    // A body that breaks off was refused when it was scanned.
    let _ = for_each_field(body, |walk, key| {
        let begin = walk.at;
        walk.value(&mut Unseen)?;
        let span = begin..walk.at;
        let key = unescaped(body.get(key).unwrap_or_default());
        if configs.contains(&&*key) {
            let given = body.get(span.clone()).filter(|given| given.starts_with(b"{"));
            let lowered = lower(given.unwrap_or(b"{}"), max_tokens, fields, missing);
            edits.push(Edit::replace(span, lowered));
        }
        Ok(())
    });
    if edits.is_empty() {
        edits.push(Edit::insert(config, format!("{{\"{missing}\":{max_tokens}}}").into_bytes()));
    }
    splice(body, &edits)
}

fn lower(body: &[u8], max_tokens: u64, fields: &[&str], missing: &'static str) -> Vec<u8> {
    let mut edits = Vec::new();
    let mut is_bounded = false;
    let value = max_tokens.to_string().into_bytes();
    // A body that breaks off was refused when it was scanned.
    let _ = for_each_field(body, |walk, key| {
        let begin = walk.at;
        walk.value(&mut Unseen)?;
        let span = begin..walk.at;
        let key = unescaped(body.get(key).unwrap_or_default());
        let given = body.get(span.clone()).unwrap_or_default();
        if fields.contains(&&*key) && given != b"null" {
            is_bounded = true;
            let asked = std::str::from_utf8(given).ok().and_then(|text| text.parse::<f64>().ok());
            // A negative one is none: that is how Ollama is asked for as much as there is.
            #[allow(clippy::cast_precision_loss)] // bounds are far below what a double holds
            if asked.is_none_or(|asked| asked > max_tokens as f64 || asked < 0.0) {
                edits.push(Edit::replace(span, value.clone()));
            }
        } else if *key == *missing && given == b"null" {
            is_bounded = true;
            edits.push(Edit::replace(span, value.clone()));
        }
        Ok(())
    });
    if !is_bounded {
        edits.push(Edit::insert(missing, value));
    }
    splice(body, &edits)
}

//! The recorded cases, and the bodies in them as counts.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use sluicegate::dialect::Dialect;
use sluicegate::meter::read_answer_of;
use sluicegate::price::Tokens;
use sluicegate::stream::Counting;

#[derive(Deserialize)]
pub struct Case {
    pub id: String,
    pub body: Box<RawValue>,
    pub model: Option<String>,
    pub extracted: Vec<Extracted>,
}

#[derive(Deserialize)]
pub struct Extracted {
    pub usage: BTreeMap<String, u64>,
    pub extractors: Vec<Extractor>,
}

#[derive(Deserialize)]
pub struct Extractor {
    pub provider_id: String,
    pub api_flavor: String,
    pub input_price: Option<String>,
    pub output_price: Option<String>,
    pub total_price: Option<String>,
}

/// What `genai-prices` reads with, and whether we have a decoder for it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reader {
    Chat,
    Embeddings,
    Messages,
    Responses,
    Gemini,
    Cohere,
    Other,
}

pub fn reader(extractor: &Extractor) -> Reader {
    match (extractor.provider_id.as_str(), extractor.api_flavor.as_str()) {
        (_, "embeddings") if extractor.provider_id != "cohere" => Reader::Embeddings,
        (_, "responses") => Reader::Responses,
        (_, "anthropic") | ("anthropic" | "minimax", "default") => Reader::Messages,
        ("google", "default") => Reader::Gemini,
        ("cohere", "default") => Reader::Cohere,
        ("cohere" | "aws", _) => Reader::Other,
        _ => Reader::Chat,
    }
}

/// What our decoder makes of a body; `None` where it is none of its dialect.
pub fn ours(reader: Reader, provider: &str, body: &str) -> Option<Tokens> {
    let dialect = match reader {
        Reader::Chat | Reader::Embeddings => Dialect::OpenAiChat,
        Reader::Messages => Dialect::Anthropic,
        Reader::Cohere => Dialect::Cohere,
        _ => return None,
    };
    let counting = Counting { reasoning_beside_output: provider == "x-ai" };
    Some(Tokens::from(&read_answer_of(dialect, counting, body.as_bytes()).ok()?.usage))
}

/// Readings of the bodies that we have no decoder for yet.
pub fn read_here(reader: Reader, body: &Value) -> Tokens {
    let count = |path: &str| body.pointer(path).and_then(Value::as_u64).unwrap_or(0);
    let modality = |path: &str, name: &str| {
        let parts = body.pointer(path).and_then(Value::as_array);
        let named = parts.into_iter().flatten().filter(|part| {
            // pages of documents are images to it
            part["modality"] == name || (name == "IMAGE" && part["modality"] == "DOCUMENT")
        });
        named.filter_map(|part| part["tokenCount"].as_u64()).sum::<u64>()
    };
    match reader {
        Reader::Responses => Tokens {
            input: count("/usage/input_tokens"),
            cached_input: count("/usage/input_tokens_details/cached_tokens"),
            cache_write: count("/usage/input_tokens_details/cache_write_tokens"),
            output: count("/usage/output_tokens"),
            reasoning: count("/usage/output_tokens_details/reasoning_tokens"),
            ..Tokens::default()
        },
        Reader::Gemini => {
            let thoughts = count("/usageMetadata/thoughtsTokenCount");
            let prompt = "/usageMetadata/promptTokensDetails";
            let tool = "/usageMetadata/toolUsePromptTokensDetails";
            let cache = "/usageMetadata/cacheTokensDetails";
            let made = "/usageMetadata/candidatesTokensDetails";
            Tokens {
                input: count("/usageMetadata/promptTokenCount")
                    + count("/usageMetadata/toolUsePromptTokenCount"),
                cached_input: count("/usageMetadata/cachedContentTokenCount"),
                input_audio: modality(prompt, "AUDIO") + modality(tool, "AUDIO"),
                cached_audio: modality(cache, "AUDIO"),
                input_image: modality(prompt, "IMAGE") + modality(tool, "IMAGE"),
                cached_image: modality(cache, "IMAGE"),
                output: count("/usageMetadata/candidatesTokenCount") + thoughts,
                reasoning: thoughts,
                output_audio: modality(made, "AUDIO"),
                output_image: modality(made, "IMAGE"),
                ..Tokens::default()
            }
        }
        _ => Tokens::default(),
    }
}

/// The usage that a case names, as our classes.
pub fn theirs(usage: &BTreeMap<String, u64>) -> Tokens {
    let count = |name: &str| usage.get(name).copied().unwrap_or(0);
    let written = count("cache_write_tokens");
    Tokens {
        input: count("input_tokens"),
        cached_input: count("cache_read_tokens"),
        cache_write: written,
        cache_write_1h: count("cache_write_1h_tokens"),
        input_audio: count("input_audio_tokens"),
        cached_audio: count("cache_audio_read_tokens"),
        input_image: count("input_image_tokens"),
        cached_image: count("cache_image_read_tokens"),
        output: count("output_tokens"),
        reasoning: count("output_reasoning_tokens"),
        output_audio: count("output_audio_tokens"),
        output_image: count("output_image_tokens"),
        web_searches: count("web_searches"),
        ..Tokens::default()
    }
}

//! A whole answer as `message`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::encoder::{answer_id, call_id, is_block, stop_reason, write_usage};
use super::sources::citations;
use crate::stream::collected::{Block, Choice, Collected};
use crate::stream::{FinishReason, Options, Usage};

/// Appends the answer. The dialect has one alternative: the first.
pub fn write_whole(answer: &Collected, options: &Options, out: &mut Vec<u8>) {
    let fallback = Choice::default();
    let choice = answer.choices.values().next().unwrap_or(&fallback);
    let called = choice.blocks.iter().any(|block| matches!(block, Block::Tool { .. }));
    let refused = choice.blocks.iter().any(|block| matches!(block, Block::Refusal { .. }));
    let met_sequence = choice.stop_sequence.is_some();
    let finish = choice.finish.unwrap_or(FinishReason::Stop);
    let beside = choice.beside.iter();
    let sources: Vec<_> = beside.flat_map(|(field, raw)| citations(field, raw)).collect();
    let mut content: Vec<_> =
        choice.blocks.iter().filter_map(|block| content(block, options)).collect();
    let text = content.iter_mut().rev().find_map(|block| match block {
        Content::Known(Known::Text { citations, .. }) => Some(citations),
        _ => None,
    });
    if let Some(cited) = text {
        cited.extend(sources.iter().map(Box::as_ref));
    }
    let body = Message {
        id: answer_id(&answer.id, options),
        kind: "message",
        role: "assistant",
        model: options.model.as_ref().unwrap_or(&answer.model),
        content,
        stop_reason: stop_reason(finish, called, refused, met_sequence),
        stop_sequence: choice.stop_sequence.as_deref(),
    };
    let begin = out.len();
    // Values of our own making always serialise.
    let _ = serde_json::to_writer(&mut *out, &body);
    if out.len() > begin {
        out.pop();
        out.extend_from_slice(b",\"usage\":");
        // Both counts must be there; SDKs add them up.
        let usage = Usage {
            input_tokens: answer.usage.input_tokens.or(Some(0)),
            output_tokens: answer.usage.output_tokens.or(Some(0)),
            ..answer.usage
        };
        write_usage(&usage, None, out);
        out.push(b'}');
    }
}

#[derive(Serialize)]
struct Message<'a> {
    id: Cow<'a, str>,
    #[serde(rename = "type")]
    kind: &'static str,
    role: &'static str,
    model: &'a str,
    content: Vec<Content<'a>>,
    stop_reason: &'static str,
    stop_sequence: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Known(Known<'a>),
    Vendor(Cow<'a, RawValue>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Known<'a> {
    Text {
        text: &'a str,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        citations: Vec<&'a RawValue>,
    },
    Thinking {
        thinking: &'a str,
        signature: &'a str,
    },
    RedactedThinking {
        data: &'a str,
    },
    ToolUse {
        id: Cow<'a, str>,
        name: &'a str,
        input: Input<'a>,
    },
}

/// A tool's arguments, which must be an object.
#[derive(Serialize)]
#[serde(untagged)]
enum Input<'a> {
    /// As the model wrote it: reading numbers would change those that are longer than a float.
    Object(&'a RawValue),
    /// What is no object; its text is kept.
    Text { arguments: &'a str },
    /// Nothing was written.
    Empty {},
}

fn content<'a>(block: &'a Block, options: &Options) -> Option<Content<'a>> {
    Some(Content::Known(match block {
        Block::Text { text, .. } if text.is_empty() => return None,
        Block::Text { text, citations } => {
            let citations = citations.iter().filter_map(|raw| serde_json::from_str(raw).ok());
            Known::Text { text, citations: citations.collect() }
        }
        Block::Reasoning { text, signature } => {
            Known::Thinking { thinking: text, signature: signature.as_deref().unwrap_or_default() }
        }
        Block::Redacted { data } => Known::RedactedThinking { data },
        Block::Refusal { text } => Known::Text { text, citations: Vec::new() },
        Block::Tool { tool, id, name, arguments } => {
            Known::ToolUse { id: call_id(id, *tool, options), name, input: input(arguments) }
        }
        Block::Vendor { raw, input } => {
            let raw = Some(raw).filter(|raw| is_block(raw))?;
            let with_input = with_input(raw, input).map(Cow::Owned);
            let as_begun = || serde_json::from_str(raw).ok().map(Cow::Borrowed);
            return with_input.or_else(as_begun).map(Content::Vendor);
        }
    }))
}

/// A vendor's block that began with an empty input; `None` where nothing, or no JSON, was written to it.
fn with_input(raw: &str, input: &str) -> Option<Box<RawValue>> {
    let input: &RawValue = serde_json::from_str(input).ok()?;
    let mut fields: BTreeMap<String, &RawValue> = serde_json::from_str(raw).ok()?;
    fields.insert("input".to_owned(), input);
    to_raw_value(&fields).ok()
}

fn input(arguments: &str) -> Input<'_> {
    match serde_json::from_str::<&RawValue>(arguments) {
        Ok(raw) if raw.get().starts_with('{') => Input::Object(raw),
        _ if arguments.trim().is_empty() => Input::Empty {},
        _ => Input::Text { arguments },
    }
}

//! A whole answer as `chat.completion`.

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::encoder::{answer_id, call_id, write_tier, write_usage};
use crate::stream::collected::{Block, Choice, Collected};
use crate::stream::free_text::FreeText;
use crate::stream::{FinishReason, Options};

/// Appends the answer.
pub fn write_whole(answer: &Collected, options: &Options, out: &mut Vec<u8>) {
    let model = options.model.as_ref().unwrap_or(&answer.model);
    let choices: Vec<Value> = answer
        .choices
        .iter()
        .map(|(index, choice)| write_choice(*index, choice, options))
        .collect();
    let body = json!({
        "id": answer_id(&answer.id, options),
        "object": "chat.completion",
        "created": answer.created_s.unwrap_or(options.created_s),
        "model": model,
        "choices": choices,
    });
    let begin = out.len();
    // Values of our own making always serialise.
    let _ = serde_json::to_writer(&mut *out, &body);
    if !answer.usage.is_empty() && out.len() > begin {
        out.pop();
        out.extend_from_slice(b",\"usage\":");
        write_usage(&answer.usage, None, out);
        write_tier(&answer.usage, out);
        out.push(b'}');
    }
}

fn write_choice(index: u32, choice: &Choice, options: &Options) -> Value {
    let mut text = String::new();
    let mut reasoning = String::new();
    let mut refusal = String::new();
    let (mut thoughts, mut calls, mut annotations) = (Vec::new(), Vec::new(), Vec::new());
    let mut signed = false;
    for block in &choice.blocks {
        match block {
            Block::Text { text: more, citations } => {
                let begin = text.chars().count();
                text.push_str(more);
                let end = text.chars().count();
                annotations.extend(citations.iter().filter_map(|raw| annotation(raw, begin, end)));
            }
            Block::Reasoning { text: more, signature } => {
                reasoning.push_str(more);
                let mut thought = json!({"type": "thinking", "thinking": more});
                if let Some(signature) = signature {
                    signed = true;
                    thought["signature"] = json!(signature);
                }
                thoughts.push(thought);
            }
            Block::Redacted { data } => {
                signed = true;
                thoughts.push(json!({"type": "redacted_thinking", "data": data}));
            }
            Block::Refusal { text: more } => refusal.push_str(more),
            Block::Tool { tool, id, name, arguments } => {
                let id = call_id(id, index, *tool, options);
                calls.push(if let Some(form) = options.tool_forms.of(name) {
                    let custom = json!({"name": form.name, "input": FreeText::of(arguments)});
                    json!({"id": id, "type": "custom", "custom": custom})
                } else {
                    let arguments = if arguments.is_empty() { "{}" } else { arguments };
                    let function = json!({"name": name, "arguments": arguments});
                    json!({"id": id, "type": "function", "function": function})
                });
            }
            Block::Vendor { .. } => {}
        }
    }
    let mut message = Map::new();
    message.insert("role".to_owned(), json!("assistant"));
    let silent = text.is_empty() && (!calls.is_empty() || !refusal.is_empty());
    message.insert("content".to_owned(), if silent { Value::Null } else { json!(text) });
    message.insert(
        "refusal".to_owned(),
        if refusal.is_empty() { Value::Null } else { json!(refusal) },
    );
    if !reasoning.is_empty() {
        message.insert("reasoning_content".to_owned(), json!(reasoning));
    }
    if signed {
        message.insert("thinking_blocks".to_owned(), Value::Array(thoughts));
    }
    let has_calls = !calls.is_empty();
    if has_calls {
        message.insert("tool_calls".to_owned(), Value::Array(calls));
    }
    if !annotations.is_empty() {
        message.insert("annotations".to_owned(), Value::Array(annotations));
    }
    let mut logprobs = Value::Null;
    for (field, raw) in &choice.beside {
        let value = serde_json::from_str(raw).unwrap_or(Value::Null);
        if *field == "logprobs" {
            logprobs = value;
        } else {
            message.insert((*field).to_owned(), value);
        }
    }
    let finish =
        choice.finish.map_or(if has_calls { "tool_calls" } else { "stop" }, FinishReason::openai);
    json!({"index": index, "message": message, "logprobs": logprobs, "finish_reason": finish})
}

/// A source with a URL as `url_citation`; other kinds of sources have no form here.
fn annotation(raw: &str, begin: usize, end: usize) -> Option<Value> {
    #[derive(serde::Deserialize)]
    struct Source<'a> {
        #[serde(borrow)]
        url: Option<&'a RawValue>,
        #[serde(borrow)]
        title: Option<&'a RawValue>,
    }
    let source: Source<'_> = serde_json::from_str(raw).ok()?;
    let url: String = serde_json::from_str(source.url?.get()).ok()?;
    let title: Option<String> =
        source.title.and_then(|title| serde_json::from_str(title.get()).ok());
    let citation = json!({
        "url": url,
        "title": title.unwrap_or_default(),
        "start_index": begin,
        "end_index": end,
    });
    Some(json!({"type": "url_citation", "url_citation": citation}))
}

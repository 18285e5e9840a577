//! A whole answer as `message`.

use serde_json::{Value, json};

use super::encoder::write_usage;
use crate::stream::collected::{Block, Choice, Collected};
use crate::stream::{FinishReason, Options, Usage};

/// Appends the answer. The dialect has one alternative: the first.
pub fn write_whole(answer: &Collected, options: &Options, out: &mut Vec<u8>) {
    let fallback = Choice::default();
    let choice = answer.choices.values().next().unwrap_or(&fallback);
    let id = if answer.id.is_empty() { &options.request_id } else { &answer.id };
    let calls = choice.blocks.iter().any(|block| matches!(block, Block::Tool { .. }));
    let stop_reason = match choice.finish {
        // Some hosts end tool calls with "stop".
        None | Some(FinishReason::Stop | FinishReason::Other) if calls => "tool_use",
        None => "end_turn",
        Some(reason) => reason.anthropic(),
    };
    let body = json!({
        "id": id,
        "type": "message",
        "role": "assistant",
        "model": options.model.as_ref().unwrap_or(&answer.model),
        "content": choice.blocks.iter().filter_map(write_block).collect::<Vec<_>>(),
        "stop_reason": stop_reason,
        "stop_sequence": choice.stop_sequence,
    });
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

fn write_block(block: &Block) -> Option<Value> {
    Some(match block {
        Block::Text { text, citations } => {
            if text.is_empty() {
                return None;
            }
            let mut block = json!({"type": "text", "text": text});
            let known: Vec<Value> =
                citations.iter().filter_map(|raw| serde_json::from_str(raw).ok()).collect();
            if !known.is_empty() {
                block["citations"] = Value::Array(known);
            }
            block
        }
        Block::Reasoning { text, signature } => json!({
            "type": "thinking",
            "thinking": text,
            "signature": signature.as_deref().unwrap_or_default(),
        }),
        Block::Redacted { data } => json!({"type": "redacted_thinking", "data": data}),
        Block::Refusal { text } => json!({"type": "text", "text": text}),
        Block::Tool { id, name, arguments, .. } => {
            // Arguments that are no JSON object cannot stand where an object must; their text is kept.
            let input: Value = serde_json::from_str(arguments)
                .ok()
                .filter(Value::is_object)
                .unwrap_or_else(|| {
                    if arguments.trim().is_empty() {
                        json!({})
                    } else {
                        json!({"arguments": arguments})
                    }
                });
            json!({"type": "tool_use", "id": id, "name": name, "input": input})
        }
        Block::Vendor { raw } => serde_json::from_str(raw).ok()?,
    })
}

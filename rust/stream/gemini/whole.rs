//! A whole answer as `GenerateContentResponse`.

use serde_json::Value;

use super::encoder::{is_part, write_call, write_signature, write_usage};
use super::seal::{unsealed, unsealed_redacted};
use crate::stream::collected::{Block, Choice, Collected};
use crate::stream::text::{write_compact, write_json, write_number};
use crate::stream::{FinishReason, Options};

/// Appends the answer.
pub fn write_whole(answer: &Collected, options: &Options, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"candidates\":[");
    for (place, (index, choice)) in answer.choices.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"content\":{\"parts\":[");
        write_parts(choice, out);
        out.extend_from_slice(b"],\"role\":\"model\"},\"finishReason\":\"");
        let reason = choice.finish.unwrap_or(FinishReason::Stop);
        out.extend_from_slice(reason.gemini().as_bytes());
        out.extend_from_slice(b"\",\"index\":");
        write_number(out, u64::from(*index));
        out.push(b'}');
    }
    out.extend_from_slice(b"],\"usageMetadata\":");
    write_usage(&answer.usage, None, out);
    out.extend_from_slice(b",\"modelVersion\":");
    write_json(out, options.model.as_ref().unwrap_or(&answer.model));
    out.extend_from_slice(b",\"responseId\":");
    write_json(out, if answer.id.is_empty() { &options.request_id } else { &answer.id });
    out.push(b'}');
}

/// The parts of one alternative. A signature of Gemini's own belongs to the call behind it.
fn write_parts(choice: &Choice, out: &mut Vec<u8>) {
    let begin = out.len();
    let mut waiting: Option<String> = None;
    for block in &choice.blocks {
        if !matches!(block, Block::Tool { .. })
            && let Some(signature) = waiting.take()
        {
            separate(begin, out);
            write_signature(&signature, false, out);
        }
        match block {
            Block::Text { text, .. } | Block::Refusal { text } if !text.is_empty() => {
                separate(begin, out);
                write_text(text, false, None, out);
            }
            Block::Reasoning { text, signature } => {
                let signature = signature.as_deref().and_then(unsealed);
                let is_own = signature.as_ref().is_some_and(|(_, is_own)| *is_own);
                let signature = signature.map(|(signature, _)| signature.into_owned());
                let (stays, goes) = if is_own { (None, signature) } else { (signature, None) };
                if !text.is_empty() || stays.is_some() {
                    separate(begin, out);
                    write_text(text, true, stays.as_deref(), out);
                }
                waiting = goes;
            }
            Block::Redacted { data } => {
                if let Some(signature) = unsealed_redacted(data) {
                    separate(begin, out);
                    write_text("", true, Some(&signature), out);
                }
            }
            Block::Tool { id, name, arguments, .. } => {
                separate(begin, out);
                write_call(id, name, arguments, waiting.take().as_deref(), out);
            }
            Block::Vendor { raw, .. } if is_part(raw) => {
                separate(begin, out);
                write_compact(out, raw);
            }
            _ => {}
        }
    }
    if let Some(signature) = waiting {
        separate(begin, out);
        write_signature(&signature, false, out);
    }
    for (field, raw) in &choice.beside {
        write_media(field, raw, begin, out);
    }
}

fn separate(begin: usize, out: &mut Vec<u8>) {
    if out.len() > begin {
        out.push(b',');
    }
}

fn write_text(text: &str, is_thought: bool, signature: Option<&str>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"text\":");
    write_json(out, text);
    if is_thought {
        out.extend_from_slice(b",\"thought\":true");
    }
    if let Some(signature) = signature {
        out.extend_from_slice(b",\"thoughtSignature\":");
        write_json(out, signature);
    }
    out.push(b'}');
}

/// Pictures that a chat host drew, inline.
fn write_media(field: &str, raw: &str, begin: usize, out: &mut Vec<u8>) {
    if field != "images" {
        return;
    }
    let images: Value = serde_json::from_str(raw).unwrap_or_default();
    for image in images.as_array().into_iter().flatten() {
        let url = image.pointer("/image_url/url").and_then(Value::as_str).unwrap_or_default();
        let Some((kind, data)) = url.strip_prefix("data:").and_then(|u| u.split_once(";base64,"))
        else {
            continue;
        };
        separate(begin, out);
        out.extend_from_slice(b"{\"inlineData\":{\"mimeType\":");
        write_json(out, kind);
        out.extend_from_slice(b",\"data\":");
        write_json(out, data);
        out.extend_from_slice(b"}}");
    }
}

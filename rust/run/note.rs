//! Tells the model something, at the end of its conversation.

use serde_json::{Value, json};

use super::history::History;
use crate::body::{self, Edit};
use crate::dialect::Dialect;

/// The request with a note to the model as the last thing that the user says; None where it has no messages.
///
/// Every other byte stays: what vendors have cached of the prompt goes on to hold.
pub fn with_note(dialect: Dialect, request: &[u8], note: &str) -> Option<Vec<u8>> {
    let history = History::read(dialect, request)?;
    let last = history.last()?;
    let at = (last.as_ptr() as usize).checked_sub(request.as_ptr() as usize)?;
    let span = at..at + last.len();
    let told = match dialect {
        Dialect::OpenAiChat => format!("{last},{}", json!({"role": "user", "content": note})),
        Dialect::Anthropic => told_by_user(last, note)?,
    };
    Some(body::splice(request, &[Edit::replace(span, told.into_bytes())]))
}

/// Anthropic wants the turns to alternate: the note is a block of the user's last turn.
fn told_by_user(last: &str, note: &str) -> Option<String> {
    let block = json!({"type": "text", "text": note});
    let mut message: Value = serde_json::from_str(last).ok()?;
    if message.get("role").and_then(Value::as_str) != Some("user") {
        return Some(format!("{last},{}", json!({"role": "user", "content": [block]})));
    }
    let content = message.get_mut("content")?;
    match content {
        Value::Array(blocks) => blocks.push(block),
        Value::String(text) => *content = json!([{"type": "text", "text": text}, block]),
        _ => return None,
    }
    Some(message.to_string())
}

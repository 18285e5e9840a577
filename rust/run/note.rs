//! Tells the model something, at the end of its conversation.

use std::ops::Range;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::history::History;
use crate::body::{self, Edit};
use crate::dialect::Dialect;

/// The request with a note to the model as the last thing that the user says; None where it has no messages.
///
/// Every other byte stays: what vendors have cached of the prompt goes on to hold.
pub fn with_note(dialect: Dialect, request: &[u8], note: &str) -> Option<Vec<u8>> {
    let Some(history) = History::read(request) else { return beside_input(request, note) };
    let last = history.last()?;
    let edit = match dialect {
        Dialect::Anthropic => told_by_user(request, last, note)?,
        Dialect::Gemini => {
            let content = json!({"role": "user", "parts": [{"text": note}]});
            said_after(request, last, &content.to_string())?
        }
        _ => said_after(request, last, &message(note))?,
    };
    Some(body::splice(request, &[edit]))
}

fn message(note: &str) -> String {
    json!({"role": "user", "content": note}).to_string()
}

fn said_after(request: &[u8], last: &str, more: &str) -> Option<Edit> {
    let end = span_in(request, last)?.end;
    Some(Edit::replace(end..end, format!(",{more}").into_bytes()))
}

/// Anthropic wants the turns to alternate: the note is a block of the user's last turn.
fn told_by_user(request: &[u8], last: &str, note: &str) -> Option<Edit> {
    #[derive(Deserialize)]
    struct Turn<'a> {
        #[serde(default)]
        role: String,
        #[serde(borrow)]
        content: &'a RawValue,
    }
    let turn: Turn<'_> = serde_json::from_str(last).ok()?;
    let block = json!({"type": "text", "text": note});
    if turn.role != "user" {
        let more = json!({"role": "user", "content": [block]});
        return said_after(request, last, &more.to_string());
    }
    let content = turn.content.get();
    let span = span_in(request, content)?;
    if content.starts_with('"') {
        let blocks = format!(r#"[{{"type":"text","text":{content}}},{block}]"#);
        return Some(Edit::replace(span, blocks.into_bytes()));
    }
    let inside = content.strip_prefix('[')?.strip_suffix(']')?;
    let comma = if inside.trim().is_empty() { "" } else { "," };
    let end = span.end.checked_sub(1)?;
    Some(Edit::replace(end..end, format!("{comma}{block}").into_bytes()))
}

/// A Responses request whose `input` is one text.
fn beside_input(request: &[u8], note: &str) -> Option<Vec<u8>> {
    #[derive(Deserialize)]
    struct Asked<'a> {
        #[serde(borrow)]
        input: &'a RawValue,
    }
    let asked: Asked<'_> = serde_json::from_slice(request).ok()?;
    let input = asked.input.get();
    let said = format!(r#"[{{"role":"user","content":{input}}},{}]"#, message(note));
    let span = span_in(request, input)?;
    input.starts_with('"').then(|| body::splice(request, &[Edit::replace(span, said.into_bytes())]))
}

/// Where a part of the request stands in it.
fn span_in(request: &[u8], part: &str) -> Option<Range<usize>> {
    let start = (part.as_ptr() as usize).checked_sub(request.as_ptr() as usize)?;
    let end = start + part.len();
    request.get(start..end).map(|_| start..end)
}

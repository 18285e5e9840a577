//! A conversation as a request carries it.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::dialect::Dialect;

/// The messages of a request, each read when it is looked at.
pub(super) struct History<'a> {
    raw: Vec<&'a RawValue>,
}

/// One message.
#[derive(Debug, Deserialize)]
pub(super) struct Message<'a> {
    #[serde(default, borrow)]
    pub role: Cow<'a, str>,
    #[serde(default)]
    pub content: Value,
    /// `OpenAI`'s.
    #[serde(default)]
    tool_calls: Vec<ToolCall>,
}

#[derive(Debug, Deserialize)]
struct ToolCall {
    #[serde(default)]
    function: Function,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Function {
    name: String,
    arguments: String,
}

#[derive(Deserialize)]
struct Messages<'a> {
    #[serde(borrow)]
    messages: Vec<&'a RawValue>,
}

/// A tool call: the tool's name and its arguments in one form, however they were written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Call {
    pub tool: String,
    pub arguments: String,
}

impl<'a> History<'a> {
    /// The history in a request; None where there is none. Both dialects keep it under `messages`.
    pub fn read(_dialect: Dialect, request: &'a [u8]) -> Option<Self> {
        let messages: Messages<'a> = serde_json::from_slice(request).ok()?;
        Some(Self { raw: messages.messages })
    }

    /// From the first one on. What is no message is left out.
    pub fn messages(&self) -> impl Iterator<Item = Message<'a>> + '_ {
        self.raw.iter().filter_map(|raw| serde_json::from_str(raw.get()).ok())
    }

    /// From the last one back.
    pub fn newest(&self) -> impl Iterator<Item = Message<'a>> + '_ {
        self.raw.iter().rev().filter_map(|raw| serde_json::from_str(raw.get()).ok())
    }

    /// The last one as it stands in the request.
    pub fn last(&self) -> Option<&'a str> {
        self.raw.last().map(|raw| raw.get())
    }
}

impl Message<'_> {
    pub fn is_assistant(&self) -> bool {
        self.role == "assistant"
    }

    /// The tool calls in it, in either dialect.
    pub fn calls(&self) -> Vec<Call> {
        let mut calls: Vec<Call> = self
            .tool_calls
            .iter()
            .map(|call| Call {
                tool: call.function.name.clone(),
                arguments: canonical_text(&call.function.arguments),
            })
            .collect();
        for block in blocks(&self.content) {
            if block.get("type").and_then(Value::as_str) == Some("tool_use") {
                let name = block.get("name").and_then(Value::as_str).unwrap_or_default();
                let input = block.get("input").cloned().unwrap_or_default();
                calls.push(Call { tool: name.to_owned(), arguments: canonical(input).to_string() });
            }
        }
        calls
    }
}

/// The text of a message's content, that of tools' results in it too.
pub(super) fn text_of(content: &Value) -> String {
    let mut text = String::new();
    add_text(content, &mut text);
    text
}

fn add_text(content: &Value, text: &mut String) {
    match content {
        Value::String(own) => {
            text.push_str(own.trim());
            text.push('\n');
        }
        Value::Array(_) => {
            for block in blocks(content) {
                for key in ["text", "content"] {
                    if let Some(inner) = block.get(key) {
                        add_text(inner, text);
                    }
                }
            }
        }
        _ => {}
    }
}

fn blocks(content: &Value) -> impl Iterator<Item = &Value> {
    content.as_array().into_iter().flatten()
}

/// JSON in one form; other text without the space around it.
fn canonical_text(text: &str) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(value) => canonical(value).to_string(),
        Err(_) => text.trim().to_owned(),
    }
}

/// Keys are sorted already; a number is written in one way.
fn canonical(value: Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            #[allow(clippy::cast_possible_truncation)] // in range, and whole
            Some(float) if float.fract() == 0.0 && float.abs() < 9e15 => Value::from(float as i64),
            _ => Value::Number(number),
        },
        Value::Array(items) => items.into_iter().map(canonical).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(key, value)| (key, canonical(value))).collect()
        }
        other => other,
    }
}

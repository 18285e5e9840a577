//! A conversation as a request carries it.

use std::hash::{Hash, Hasher};

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// The messages of a request, each read when it is looked at.
pub(super) struct History<'a> {
    /// As they stand in the request.
    raw: Vec<&'a RawValue>,
}

/// One message, or one item of `OpenAI`'s Responses.
pub(super) struct Message(Map<String, Value>);

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(default, borrow)]
    messages: Option<Vec<&'a RawValue>>,
    #[serde(default, borrow)]
    input: Option<&'a RawValue>,
    /// Gemini's.
    #[serde(default, borrow)]
    contents: Option<Vec<&'a RawValue>>,
}

/// A tool call: the tool's name and its arguments in one form, however they were written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Call {
    pub tool: String,
    pub arguments: String,
}

impl<'a> History<'a> {
    /// The history in a request: its `messages`, Gemini's `contents`, or a list that is the `input` of a Responses
    /// request; None where there is none of them.
    pub fn read(request: &'a [u8]) -> Option<Self> {
        let body: Body<'a> = serde_json::from_slice(request).ok()?;
        let items = || serde_json::from_str(body.input?.get()).ok();
        Some(Self { raw: body.messages.or(body.contents).or_else(items)? })
    }

    /// From the first one on. What is no message is left out.
    pub fn messages(&self) -> impl Iterator<Item = Message> + '_ {
        self.raw.iter().filter_map(|raw| Message::read(raw))
    }

    /// From the last one back.
    pub fn newest(&self) -> impl Iterator<Item = Message> + '_ {
        self.raw.iter().rev().filter_map(|raw| Message::read(raw))
    }

    /// The last one as it stands in the request.
    pub fn last(&self) -> Option<&'a str> {
        self.raw.last().map(|raw| raw.get())
    }
}

impl Message {
    fn read(raw: &RawValue) -> Option<Self> {
        serde_json::from_str(raw.get()).ok().map(Self)
    }

    /// Who speaks; empty where an item does not say.
    pub fn role(&self) -> &str {
        text_in(&self.0, "role")
    }

    fn kind(&self) -> &str {
        text_in(&self.0, "type")
    }

    fn is_call(&self) -> bool {
        matches!(self.kind(), "function_call" | "custom_tool_call")
    }

    /// Whether the model said or did it.
    pub fn is_models(&self) -> bool {
        matches!(self.role(), "assistant" | "model") || self.is_call()
    }

    /// Whether it is a thought of the model's, which is neither said nor done.
    pub fn is_thought(&self) -> bool {
        self.kind() == "reasoning"
    }

    /// The tool calls in it, in any dialect.
    pub fn calls(&self) -> Vec<Call> {
        let mut calls = Vec::new();
        for call in items(self.0.get("tool_calls")) {
            let written =
                ["function", "custom"].iter().find_map(|kind| call.get(kind)?.as_object());
            calls.extend(written.map(written_call));
        }
        if self.is_call() {
            calls.push(written_call(&self.0));
        }
        for block in items(self.0.get("content")) {
            if block.get("type").and_then(Value::as_str) == Some("tool_use") {
                let tool = block.get("name").and_then(Value::as_str).unwrap_or_default();
                let input = block.get("input").cloned().unwrap_or_default();
                calls.push(Call { tool: tool.to_owned(), arguments: canonical(input).to_string() });
            }
        }
        for part in items(self.0.get("parts")) {
            let written = ["functionCall", "function_call"].iter().find_map(|kind| part.get(kind));
            if let Some(call) = written.and_then(Value::as_object) {
                let arguments = canonical(call.get("args").cloned().unwrap_or_default());
                let tool = text_in(call, "name").to_owned();
                calls.push(Call { tool, arguments: arguments.to_string() });
            }
        }
        calls
    }

    /// Tells apart what was said, or what a tool gave back: words, pictures, files.
    pub fn sign(&self, hasher: &mut impl Hasher) {
        for field in ["content", "output", "parts"] {
            sign_of(self.0.get(field).unwrap_or(&Value::Null), hasher);
        }
    }
}

/// A call whose arguments, or free input, are text.
fn written_call(fields: &Map<String, Value>) -> Call {
    let arguments = fields.get("arguments").or_else(|| fields.get("input"));
    let arguments = match arguments {
        Some(Value::String(text)) => canonical_text(text),
        Some(other) => canonical(other.clone()).to_string(),
        None => String::new(),
    };
    Call { tool: text_in(fields, "name").to_owned(), arguments }
}

fn text_in<'a>(fields: &'a Map<String, Value>, name: &str) -> &'a str {
    fields.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn items(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

/// Fields of a block that say nothing about its content: which call it belongs to, what a cache does with it.
const LABELS: [&str; 6] =
    ["id", "tool_use_id", "cache_control", "type", "thoughtSignature", "thought_signature"];

/// Tells texts and blocks apart that stand outside of messages.
pub(super) fn sign_json(content: &[u8], hasher: &mut impl Hasher) {
    sign_of(&serde_json::from_slice(content).unwrap_or_default(), hasher);
}

fn sign_of(content: &Value, hasher: &mut impl Hasher) {
    match content {
        Value::String(text) => text.trim().hash(hasher),
        Value::Array(items) => items.iter().for_each(|item| sign_of(item, hasher)),
        Value::Object(fields) => {
            let told = fields.iter().filter(|(key, _)| !LABELS.contains(&key.as_str()));
            told.for_each(|(_, value)| sign_of(value, hasher));
        }
        Value::Null => {}
        other => other.to_string().hash(hasher),
    }
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

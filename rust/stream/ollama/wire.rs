//! What we read of a line; every other field is skipped unread.
//!
//! Source: <https://docs.ollama.com/api/chat>, and the types of its server (`api/types.go`).

use serde_json::value::RawValue;

use crate::stream::call::Call;
use crate::stream::text::{Label, Text};
use crate::stream::usage::{Count, Usage};

/// A line of a stream, or a whole answer.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Line<'a> {
    #[serde(borrow)]
    pub model: Label<'a>,
    #[serde(borrow)]
    pub created_at: Label<'a>,
    #[serde(borrow)]
    pub message: Option<Message<'a>>,
    pub done: Option<bool>,
    #[serde(borrow)]
    pub done_reason: Label<'a>,
    prompt_eval_count: Count,
    eval_count: Count,
    #[serde(borrow)]
    pub logprobs: Option<&'a RawValue>,
    #[serde(borrow)]
    pub error: Option<&'a RawValue>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub content: Option<Text<'a>>,
    #[serde(borrow)]
    pub thinking: Option<Text<'a>>,
    #[serde(borrow)]
    pub tool_calls: Option<Vec<Call<'a>>>,
}

impl Line<'_> {
    /// What the last line reports. Thoughts are inside the output.
    pub fn usage(&self) -> Usage {
        Usage {
            input_tokens: self.prompt_eval_count.tokens(),
            output_tokens: self.eval_count.tokens(),
            ..Usage::default()
        }
    }
}

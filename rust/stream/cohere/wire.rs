//! What we read of an event or an answer; every other field is skipped unread.
//!
//! Source: <https://docs.cohere.com/reference/chat-stream>.

use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::value::RawValue;

use crate::stream::call::Call;
use crate::stream::lenient::{Index, One};
use crate::stream::text::{Label, Text, read_or_default};
use crate::stream::usage::{Count, Usage};

/// Any event of a stream.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Event<'a> {
    #[serde(borrow, rename = "type")]
    pub kind: Label<'a>,
    #[serde(borrow)]
    pub id: Label<'a>,
    pub index: Index,
    #[serde(borrow)]
    pub delta: Option<Delta<'a>>,
    /// All that an error says.
    #[serde(borrow)]
    pub message: Option<&'a RawValue>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Delta<'a> {
    #[serde(borrow)]
    pub message: Option<Piece<'a>>,
    #[serde(borrow)]
    pub finish_reason: Label<'a>,
    #[serde(borrow)]
    pub usage: Option<&'a RawValue>,
    #[serde(borrow)]
    pub error: Label<'a>,
    #[serde(borrow)]
    pub error_type: Label<'a>,
}

/// A piece of the message. The first event has a whole message of empty lists here.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Piece<'a> {
    #[serde(borrow)]
    pub content: One<Content<'a>>,
    #[serde(borrow)]
    pub tool_plan: Option<Text<'a>>,
    #[serde(borrow)]
    pub tool_calls: One<Call<'a>>,
    #[serde(borrow)]
    pub citations: One<Citation<'a>>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Content<'a> {
    #[serde(borrow)]
    pub text: Option<Text<'a>>,
    #[serde(borrow)]
    pub thinking: Option<Text<'a>>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Citation<'a> {
    #[serde(borrow)]
    pub sources: Option<Vec<Source<'a>>>,
    /// In which part of the content it stands; not said where there is one text.
    pub content_index: Index,
}

/// A document of the request, or what a tool gave back: objects of the client's making.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Source<'a> {
    #[serde(borrow)]
    pub id: Label<'a>,
    #[serde(borrow)]
    pub document: Option<&'a RawValue>,
    #[serde(borrow)]
    pub tool_output: Option<&'a RawValue>,
}

/// What such an object may say of where it was found.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Page<'a> {
    #[serde(borrow)]
    pub url: Label<'a>,
    #[serde(borrow)]
    pub title: Label<'a>,
}

/// A whole answer.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Answer<'a> {
    #[serde(borrow)]
    pub id: Label<'a>,
    #[serde(borrow)]
    pub message: Option<Said<'a>>,
    #[serde(borrow)]
    pub finish_reason: Label<'a>,
    #[serde(borrow)]
    pub usage: Option<&'a RawValue>,
}

/// What an answer says; a text is all that an error does.
pub(super) enum Said<'a> {
    Message(Message<'a>),
    Error,
}

impl<'de: 'a, 'a> Deserialize<'de> for Said<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?.get();
        let said = if raw.starts_with('{') {
            serde_json::from_str(raw).map(Self::Message)
        } else {
            serde_json::from_str::<Text<'de>>(raw).map(|_| Self::Error)
        };
        said.map_err(D::Error::custom)
    }
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub content: Option<Vec<Content<'a>>>,
    #[serde(borrow)]
    pub tool_plan: Option<Text<'a>>,
    #[serde(borrow)]
    pub tool_calls: Option<Vec<Call<'a>>>,
    #[serde(borrow)]
    pub citations: Option<Vec<Citation<'a>>>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct WireUsage<'a> {
    /// What the model read and wrote, with the vendor's own words around it.
    #[serde(borrow)]
    tokens: Option<&'a RawValue>,
    /// The part of it that is charged.
    #[serde(borrow)]
    billed_units: Option<&'a RawValue>,
    cached_tokens: Count,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
#[allow(clippy::struct_field_names)] // the vendor's names
struct Counts {
    input_tokens: Count,
    output_tokens: Count,
    reasoning_tokens: Count,
    image_tokens: Count,
}

impl WireUsage<'_> {
    /// The counts in neutral meaning.
    pub fn usage(&self) -> Usage {
        let all: Counts = self.tokens.map(read_or_default).unwrap_or_default();
        let billed: Counts = self.billed_units.map(read_or_default).unwrap_or_default();
        let (input, output) = (billed.input_tokens.tokens(), billed.output_tokens.tokens());
        let usage = Usage {
            input_tokens: all.input_tokens.tokens().or(input),
            cached_input_tokens: self.cached_tokens.tokens(),
            output_tokens: all.output_tokens.tokens().or(output),
            reasoning_tokens: all.reasoning_tokens.tokens(),
            image_tokens: all.image_tokens.tokens(),
            billed_input_tokens: input,
            billed_output_tokens: output,
            ..Usage::default()
        };
        usage.without_absurd_parts()
    }
}

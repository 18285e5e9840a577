//! What we read of an event; every other field is skipped unread.
//!
//! Source: <https://platform.openai.com/docs/api-reference/responses-streaming>.

use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::value::RawValue;

use crate::stream::call::Arguments;
use crate::stream::lenient::Index;
use crate::stream::text::{Label, Text};
use crate::stream::usage::Count;

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Event<'a> {
    #[serde(borrow, rename = "type")]
    pub kind: Label<'a>,
    pub output_index: Index,
    pub summary_index: Index,
    pub sequence_number: Count,
    /// Text in all events whose text we read; an object in some others.
    #[serde(borrow)]
    pub delta: Option<&'a RawValue>,
    /// What the pieces before were, whole.
    #[serde(borrow)]
    pub text: Label<'a>,
    #[serde(borrow)]
    pub arguments: Arguments<'a>,
    #[serde(borrow)]
    pub item: Option<&'a RawValue>,
    #[serde(borrow)]
    pub part: Option<&'a RawValue>,
    #[serde(borrow)]
    pub annotation: Option<&'a RawValue>,
    #[serde(borrow)]
    pub response: Option<&'a RawValue>,
    #[serde(borrow)]
    pub error: Option<&'a RawValue>,
}

/// `response` of an event, and a whole unstreamed answer.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Response<'a> {
    #[serde(borrow)]
    pub id: Label<'a>,
    #[serde(borrow)]
    pub model: Label<'a>,
    pub created_at: Count,
    #[serde(borrow)]
    pub status: Label<'a>,
    #[serde(borrow)]
    pub output: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    pub usage: Option<&'a RawValue>,
    #[serde(borrow)]
    pub service_tier: Label<'a>,
    #[serde(borrow)]
    pub error: Option<&'a RawValue>,
    #[serde(borrow)]
    pub incomplete_details: Option<&'a RawValue>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct IncompleteDetails<'a> {
    #[serde(borrow)]
    pub reason: Label<'a>,
}

/// One entry of `output`.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Item<'a> {
    #[serde(borrow, rename = "type")]
    pub kind: Label<'a>,
    #[serde(borrow)]
    pub id: Label<'a>,
    #[serde(borrow)]
    pub call_id: Label<'a>,
    #[serde(borrow)]
    pub name: Label<'a>,
    #[serde(borrow)]
    pub arguments: Arguments<'a>,
    /// Of a tool whose input is free text.
    #[serde(borrow)]
    pub input: Option<Text<'a>>,
    #[serde(borrow)]
    pub content: Option<Content<'a>>,
    #[serde(borrow)]
    pub summary: Option<Vec<Part<'a>>>,
    #[serde(borrow)]
    pub encrypted_content: Label<'a>,
}

impl<'a> Item<'a> {
    /// What it holds.
    pub(super) fn parts(&self) -> &[Part<'a>] {
        self.content.as_ref().map_or(&[], |content| &content.0)
    }
}

/// The two fields of an item that tell whether the rest of it is read.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct ItemHead<'a> {
    #[serde(borrow, rename = "type")]
    pub kind: Label<'a>,
    #[serde(borrow)]
    pub id: Label<'a>,
}

/// Parts; at some hosts of the dialect one text.
pub(super) struct Content<'a>(pub Vec<Part<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?.get();
        let parts = if raw.starts_with('"') {
            serde_json::from_str(raw).map(|text| vec![Part { text: Some(text), ..Part::default() }])
        } else {
            serde_json::from_str(raw)
        };
        parts.map(Self).map_err(D::Error::custom)
    }
}

/// A part of a message, of reasoning or of its summary.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Part<'a> {
    #[serde(borrow, rename = "type")]
    pub kind: Label<'a>,
    #[serde(borrow)]
    pub text: Option<Text<'a>>,
    #[serde(borrow)]
    pub refusal: Option<Text<'a>>,
    #[serde(borrow)]
    pub annotations: Option<Vec<&'a RawValue>>,
}

/// A source of a text.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Annotation<'a> {
    #[serde(borrow)]
    pub url: Label<'a>,
    #[serde(borrow)]
    pub title: Label<'a>,
}

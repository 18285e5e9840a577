//! The error object that most hosts put into a stream or an answer.

use serde_json::value::RawValue;

use super::UpstreamError;
use super::text::{Label, Text};

#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct ErrorBody<'a> {
    #[serde(borrow)]
    message: Label<'a>,
    #[serde(borrow, rename = "type")]
    kind: Label<'a>,
    #[serde(borrow)]
    code: Label<'a>,
}

/// Reads an error, an object or a text, that stands in the event `data`; the whole event where it is none.
pub(super) fn read_error(error: Option<&RawValue>, data: &[u8]) -> UpstreamError {
    let raw = String::from_utf8_lossy(data).into_owned();
    let text = error.map_or(raw.as_str(), RawValue::get);
    if let Ok(Text(message)) = serde_json::from_str(text) {
        return UpstreamError { message: message.into_owned(), raw, ..UpstreamError::default() };
    }
    let body: ErrorBody<'_> = serde_json::from_str(text).unwrap_or_default();
    // An event is called `error` itself, which says nothing.
    let kind = Some(body.kind.0).filter(|kind| kind != "error").unwrap_or_default();
    let (message, code) = (body.message.0.into_owned(), body.code.0.into_owned());
    UpstreamError { message, kind: kind.into_owned(), code, raw }
}

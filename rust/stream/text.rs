//! Text inside an event: borrowed where it can be, and written back as JSON.

use std::borrow::Cow;
use std::io::Write as _;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::Error;

/// JSON text, borrowed unless it holds escapes. (serde gives `Option<Cow<str>>` owned, hence a type.)
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

/// What it says; nothing where there is none.
pub(crate) fn text_of<'t>(text: Option<&'t Text<'_>>) -> &'t str {
    text.map_or("", |Text(text)| text)
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("text")
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(text)))
    }
    fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }
}

/// A label such as an id or code: text, or a number as text; anything else reads as empty.
///
/// Labels are shown, never acted on, so a host that sends an odd one keeps its event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Label<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Label<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LabelVisitor)
    }
}

struct LabelVisitor;

impl<'de> Visitor<'de> for LabelVisitor {
    type Value = Label<'de>;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("any value")
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Label<'de>, E> {
        Ok(Label(Cow::Borrowed(text)))
    }
    fn visit_str<E>(self, text: &str) -> Result<Label<'de>, E> {
        Ok(Label(Cow::Owned(text.to_owned())))
    }
    fn visit_u64<E>(self, number: u64) -> Result<Label<'de>, E> {
        Ok(Label(Cow::Owned(number.to_string())))
    }
    fn visit_i64<E>(self, number: i64) -> Result<Label<'de>, E> {
        Ok(Label(Cow::Owned(number.to_string())))
    }
    fn visit_f64<E>(self, _: f64) -> Result<Label<'de>, E> {
        Ok(Label::default())
    }
    fn visit_bool<E>(self, _: bool) -> Result<Label<'de>, E> {
        Ok(Label::default())
    }
    fn visit_unit<E>(self) -> Result<Label<'de>, E> {
        Ok(Label::default())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Label<'de>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Label::default())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Label<'de>, A::Error> {
        while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Label::default())
    }
}

/// Reads `data` as one JSON object in the shape `T`.
///
/// The reason of a failure names the place and never the payload, which may be a customer's.
pub(crate) fn read_object<'a, T: Deserialize<'a>>(
    dialect: &'static str,
    data: &'a [u8],
) -> Result<T, Error> {
    let malformed = |reason: String| Error::MalformedEvent { dialect, reason };
    let text = simdutf8::basic::from_utf8(data).map_err(|_| malformed("not UTF-8".to_owned()))?;
    // serde would read an array into a struct field by field.
    if !text.trim_ascii_start().starts_with('{') {
        return Err(malformed("not a JSON object".to_owned()));
    }
    serde_json::from_str(text).map_err(|error| {
        let what = if error.is_data() { "a field of the wrong type" } else { "not JSON" };
        malformed(format!("{what} at line {}, column {}", error.line(), error.column()))
    })
}

/// Reads a part that we would like to have and can do without: what is no fitting object reads as empty.
pub(crate) fn read_or_default<'a, T: Deserialize<'a> + Default>(raw: &'a RawValue) -> T {
    let raw = raw.get();
    if !raw.starts_with('{') {
        return T::default();
    }
    serde_json::from_str(raw).unwrap_or_default()
}

/// Appends `text` as a JSON string, quotes included.
pub(crate) fn write_json(out: &mut Vec<u8>, text: &str) {
    // Writing text into memory cannot fail.
    let _ = serde_json::to_writer(out, text);
}

/// Appends raw JSON on one line, since a line break would end the event's data.
pub(crate) fn write_compact(out: &mut Vec<u8>, raw: &str) {
    // JSON escapes line breaks inside strings, so the bare ones are only layout.
    out.extend(raw.bytes().filter(|byte| !matches!(byte, b'\n' | b'\r')));
}

/// Appends a number.
pub(crate) fn write_number(out: &mut Vec<u8>, number: u64) {
    match u8::try_from(number) {
        // Indices are almost always one digit.
        Ok(digit @ 0..=9) => out.push(b'0' + digit),
        _ => {
            // Writing into memory cannot fail.
            let _ = write!(out, "{number}");
        }
    }
}

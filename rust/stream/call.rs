//! A tool call as hosts write it that follow Chat Completions.

use std::borrow::Cow;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::value::RawValue;

use super::text::{Label, Text};

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Call<'a> {
    /// Not every host gives one.
    #[serde(borrow)]
    pub id: Label<'a>,
    #[serde(borrow)]
    pub function: Option<Function<'a>>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Function<'a> {
    #[serde(borrow)]
    pub name: Label<'a>,
    #[serde(borrow)]
    pub arguments: Arguments<'a>,
}

/// JSON as text; some hosts send the object itself, and those in PHP a list where it is empty.
#[derive(Default)]
pub(super) struct Arguments<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Arguments<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?.get();
        match raw.as_bytes().first() {
            Some(b'"') => {
                let text: Text<'de> = serde_json::from_str(raw).map_err(D::Error::custom)?;
                Ok(Self(text.0))
            }
            Some(b'[') if is_void(raw) => Ok(Self(Cow::Borrowed("{}"))),
            _ if raw == "null" => Ok(Self::default()),
            _ => Ok(Self(Cow::Borrowed(raw))),
        }
    }
}

fn is_void(list: &str) -> bool {
    list.bytes().all(|byte| matches!(byte, b'[' | b']') || byte.is_ascii_whitespace())
}

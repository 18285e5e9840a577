//! A tool call's arguments as hosts write them.

use std::borrow::Cow;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::value::RawValue;

use super::text::Text;

/// JSON as text; some hosts send the object itself.
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
            Some(b'{') => Ok(Self(Cow::Borrowed(raw))),
            _ if raw == "null" => Ok(Self::default()),
            _ => Err(D::Error::custom("arguments are neither text nor an object")),
        }
    }
}

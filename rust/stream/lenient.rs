//! Fields that hosts write in forms of their own: an odd one must not cost us the event it stands in.

use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::value::RawValue;

/// An object; nothing where anything else stands, such as the empty list of a host that is written in PHP.
pub(super) struct One<T>(pub Option<T>);

impl<T> Default for One<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for One<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?.get();
        if !raw.starts_with('{') {
            return Ok(Self(None));
        }
        serde_json::from_str(raw).map(|one| Self(Some(one))).map_err(D::Error::custom)
    }
}

/// A place in a list: a whole number, or one as text; nothing where anything else stands.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Index(pub Option<u32>);

impl<'de> Deserialize<'de> for Index {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?.get();
        Ok(Self(raw.trim_matches('"').parse().ok()))
    }
}

//! One journal payload as values.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::columns::{ATTEMPT, COLUMNS, Finder, Kind, REQUEST_ID, STREAM, TIME};
use super::json;
use crate::error::Error;

/// Digits of a sum of money before and after its point.
const MONEY_DIGITS: (usize, usize) = (15, 12);

/// What one column says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Value<'a> {
    /// Nothing.
    #[default]
    Null,
    /// A number.
    Integer(i64),
    /// A text, a sum of money or JSON.
    Text(Cow<'a, str>),
}

/// A row, in the order of [`COLUMNS`].
pub type Values<'a> = [Value<'a>; COLUMNS.len()];

/// Reads rows that were written in the same way.
#[derive(Debug)]
pub struct Reader(Finder);

impl Default for Reader {
    fn default() -> Self {
        Self(Finder::new())
    }
}

impl Reader {
    /// The values of a row; those that it does not mention are null.
    ///
    /// Columns that are not known are passed over: a newer worker may have written them.
    ///
    /// # Errors
    /// [`Error::UnreadableRow`]: it is no JSON object, has no time, or a value that its column cannot hold; a store
    /// that refused such a row would be offered the same one for ever.
    pub fn read<'a>(
        &mut self,
        request_id: &'a str,
        attempt: u32,
        payload: &'a [u8],
    ) -> Result<Values<'a>, Error> {
        let unreadable = |reason: &dyn fmt::Display| Error::UnreadableRow(reason.to_string());
        let text = simdutf8::basic::from_utf8(payload).map_err(|cause| unreadable(&cause))?;
        if !text.trim_ascii_start().starts_with('{') {
            return Err(unreadable(&"it is no JSON object"));
        }
        let mut values: Values<'a> = NOTHING;
        let mut json = serde_json::Deserializer::from_str(text);
        let row = Row { values: &mut values, columns: &mut self.0 };
        row.deserialize(&mut json).and_then(|()| json.end()).map_err(|cause| unreadable(&cause))?;
        if !matches!(values[TIME], Value::Text(_)) {
            return Err(unreadable(&"it has no time"));
        }
        if values[STREAM] == Value::Null {
            values[STREAM] = Value::Integer(0);
        }
        values[REQUEST_ID] = Value::Text(request_id.into());
        values[ATTEMPT] = Value::Integer(attempt.into());
        Ok(values)
    }
}

const NOTHING: Values<'static> = [const { Value::Null }; COLUMNS.len()];

/// Fills a row.
struct Row<'r, 'a> {
    values: &'r mut Values<'a>,
    columns: &'r mut Finder,
}

impl<'a> DeserializeSeed<'a> for Row<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        self.columns.begin();
        deserializer.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for Row<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(place) = map.next_key_seed(Place(self.columns))? {
            let known = place.and_then(|place| COLUMNS.get(place).zip(self.values.get_mut(place)));
            let Some((column, value)) = known else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            // A cause may quote what it found, which belongs in no log.
            *value = map.next_value_seed(column.kind).map_err(|_| {
                A::Error::custom(format!("{} is no {}", column.name, column.kind.noun()))
            })?;
        }
        Ok(())
    }
}

/// A key, as the place of its column.
struct Place<'r>(&'r mut Finder);

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Place<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a column")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.find(name))
    }
}

impl<'de> DeserializeSeed<'de> for Kind {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'de>, D::Error> {
        if self == Self::Json {
            let raw = <&RawValue>::deserialize(deserializer)?;
            let text = json::text_of(raw).map_err(D::Error::custom)?;
            return Ok(text.map_or(Value::Null, Value::Text));
        }
        deserializer.deserialize_any(Scalar(self))
    }
}

/// A value of a column that holds no JSON.
struct Scalar(Kind);

impl Scalar {
    fn text<'de, E: serde::de::Error>(&self, text: Cow<'de, str>) -> Result<Value<'de>, E> {
        match self.0 {
            Kind::Text | Kind::Json => Ok(Value::Text(text)),
            Kind::Money if is_money(&text) => Ok(Value::Text(text)),
            Kind::Integer | Kind::Money => Err(E::custom("a text")),
        }
    }

    fn integer<'de, E: serde::de::Error>(&self, number: Option<i64>) -> Result<Value<'de>, E> {
        match number {
            Some(number) if self.0 == Kind::Integer => Ok(Value::Integer(number)),
            _ => Err(E::custom("a number")),
        }
    }
}

impl<'de> Visitor<'de> for Scalar {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.noun())
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: serde::de::Error>(self, truth: bool) -> Result<Value<'de>, E> {
        self.integer(Some(truth.into()))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Value<'de>, E> {
        self.integer(Some(number))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Value<'de>, E> {
        self.integer(number.try_into().ok())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value<'de>, E> {
        self.text(text.to_owned().into())
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, text: &'de str) -> Result<Value<'de>, E> {
        self.text(text.into())
    }
}

/// Whether a text is a decimal as the ledger writes them: no exponent, nothing that a store would round.
fn is_money(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, places) = digits.split_once('.').map_or((digits, None), |(w, p)| (w, Some(p)));
    let are_digits = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    are_digits(whole, MONEY_DIGITS.0)
        && places.is_none_or(|places| are_digits(places, MONEY_DIGITS.1))
}

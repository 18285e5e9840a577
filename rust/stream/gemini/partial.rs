//! The arguments of a function call that come bit by bit, each bit with the place that it belongs to (Vertex AI's
//! `streamFunctionCallArguments`).

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::stream::text::Label;

/// A list that is longer is a fault of the host.
const MAX_ITEMS: usize = 10_000;

/// One bit.
#[derive(serde::Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PartialArg<'a> {
    #[serde(borrow)]
    json_path: Label<'a>,
    string_value: Option<String>,
    #[serde(borrow)]
    number_value: Option<&'a RawValue>,
    bool_value: Option<bool>,
    #[serde(borrow)]
    null_value: Option<&'a RawValue>,
}

/// A call that is not over.
#[derive(Debug)]
pub(super) struct Partial {
    pub choice: u32,
    pub tool: u32,
    arguments: Value,
}

impl Partial {
    /// A call without arguments.
    pub fn new(choice: u32, tool: u32) -> Self {
        Self { choice, tool, arguments: Value::Object(Map::new()) }
    }

    /// Puts in one bit; a text goes behind what stands there.
    pub fn put(&mut self, bit: &PartialArg<'_>) {
        let Some(place) = place(&mut self.arguments, &bit.json_path.0) else { return };
        match (&bit.string_value, bit.number_value, bit.bool_value, bit.null_value) {
            (Some(more), ..) => match place {
                Value::String(text) => text.push_str(more),
                other => *other = Value::String(more.clone()),
            },
            (_, Some(raw), ..) => *place = serde_json::from_str(raw.get()).unwrap_or_default(),
            (_, _, Some(is_true), _) => *place = Value::Bool(is_true),
            _ => *place = Value::Null,
        }
    }

    /// All of them, as JSON.
    pub fn arguments(&self) -> String {
        self.arguments.to_string()
    }
}

/// Where `$.a.b[0]` or `$['a'].b` points, made if it is not there.
fn place<'v>(root: &'v mut Value, path: &str) -> Option<&'v mut Value> {
    let mut place = root;
    let mut rest = path.strip_prefix('$')?;
    while !rest.is_empty() {
        if let Some(behind) = rest.strip_prefix('.') {
            let end = behind.find(['.', '[']).unwrap_or(behind.len());
            let (key, behind) = behind.split_at_checked(end)?;
            (place, rest) = (member(place, key)?, behind);
            continue;
        }
        let (inside, behind) = rest.strip_prefix('[')?.split_once(']')?;
        let key = inside.trim_matches(['\'', '"']);
        place = match inside.parse::<usize>() {
            Ok(index) => item(place, index)?,
            Err(_) => member(place, key)?,
        };
        rest = behind;
    }
    Some(place)
}

fn member<'v>(place: &'v mut Value, key: &str) -> Option<&'v mut Value> {
    if !place.is_object() {
        *place = Value::Object(Map::new());
    }
    Some(place.as_object_mut()?.entry(key).or_insert(Value::Null))
}

fn item(place: &mut Value, index: usize) -> Option<&mut Value> {
    if !place.is_array() {
        *place = Value::Array(Vec::new());
    }
    let list = place.as_array_mut()?;
    if list.len() <= index {
        list.resize((index <= MAX_ITEMS).then_some(index + 1)?, Value::Null);
    }
    list.get_mut(index)
}

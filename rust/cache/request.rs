//! What of a request decides whether its answer is kept.

use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;

/// What a body says of it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Nature {
    /// How freely the model chooses; `None` where the request leaves it to the vendor.
    pub temperature: Option<f64>,
    /// The answer depends on something at the vendor that changes from request to request: a conversation, a container,
    /// a job in the background.
    pub is_stateful: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Fields<'a> {
    #[serde(borrow)]
    temperature: Option<&'a RawValue>,
    #[serde(borrow, rename = "generationConfig", alias = "generation_config")]
    generation_config: Option<&'a RawValue>,
    #[serde(borrow)]
    conversation: Option<&'a RawValue>,
    #[serde(borrow)]
    container: Option<&'a RawValue>,
    #[serde(borrow)]
    background: Option<&'a RawValue>,
}

/// The names of fields that say anything.
const NAMES: [&[u8]; 4] =
    [b"\"temperature\":", b"\"conversation\":", b"\"container\":", b"\"background\":"];

impl Nature {
    /// Of a body in its [canonical](super::canonical) form; of what is no object nothing is known, and it counts as
    /// stateful.
    pub fn of(body: &[u8]) -> Self {
        let unknown = Self { is_stateful: true, ..Self::default() };
        if body.first() != Some(&b'{') {
            return unknown;
        }
        // Most say nothing of it, and are not read for that.
        if NAMES.iter().all(|name| memmem::find(body, name).is_none()) {
            return Self::default();
        }
        let Ok(fields) = serde_json::from_slice::<Fields<'_>>(body) else { return unknown };
        let nested = || {
            let config = fields.generation_config?;
            serde_json::from_str::<Fields<'_>>(config.get()).ok()?.temperature
        };
        let temperature = fields.temperature.or_else(nested);
        let says =
            |raw: Option<&RawValue>| raw.is_some_and(|raw| !matches!(raw.get(), "null" | "false"));
        Self {
            temperature: temperature.and_then(|raw| raw.get().parse().ok()),
            is_stateful: says(fields.conversation)
                || says(fields.container)
                || says(fields.background),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_say_what_they_are() {
        for (body, temperature, is_stateful) in [
            ("{}", None, false),
            (r#"{"temperature":0.5,"background":false}"#, Some(0.5), false),
            (r#"{"temperature":null}"#, None, false),
            (r#"{"generationConfig":{"temperature":2}}"#, Some(2.0), false),
            (r#"{"generation_config":{"temperature":2}}"#, Some(2.0), false),
            (r#"{"conversation":"conv_1"}"#, None, true),
            (r#"{"container":{"id":"x"}}"#, None, true),
            (r#"{"background":true}"#, None, true),
            ("[]", None, true),
        ] {
            assert_eq!(Nature::of(body.as_bytes()), Nature { temperature, is_stateful }, "{body}");
        }
    }
}

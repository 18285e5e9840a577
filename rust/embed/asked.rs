//! What a client asked for, as far as its answer depends on it.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::dialect::Dialect;
use crate::stream::Text;

/// The form of the answer that a client reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    pub(super) client: Client,
    /// Vectors as base64 instead of numbers.
    pub(super) base64: bool,
    /// How many vectors.
    pub count: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Client {
    OpenAi,
    /// Gemini's, of one text.
    One,
    /// Gemini's, of several.
    Batch,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct OpenAi<'a> {
    #[serde(borrow)]
    encoding_format: Option<Text<'a>>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Gemini {
    requests: Vec<IgnoredAny>,
}

impl Wanted {
    /// By a request that was accepted. `verb`: what Gemini's path says behind the model.
    pub fn by(client: Dialect, verb: Option<&str>, body: &[u8]) -> Self {
        match (client, verb) {
            (Dialect::Gemini, Some(":batchEmbedContents")) => {
                let asked: Gemini = serde_json::from_slice(body).unwrap_or_default();
                Self { client: Client::Batch, base64: false, count: asked.requests.len() }
            }
            (Dialect::Gemini, _) => Self { client: Client::One, base64: false, count: 1 },
            _ => {
                let asked: OpenAi<'_> = serde_json::from_slice(body).unwrap_or_default();
                let base64 = asked.encoding_format.is_some_and(|Text(format)| format == "base64");
                let count = asked.input.map_or(1, |input| count_texts(input.get()));
                Self { client: Client::OpenAi, base64, count }
            }
        }
    }
}

/// Of an `input`: one text, several, or the tokens of one.
fn count_texts(input: &str) -> usize {
    let items: Vec<&RawValue> = serde_json::from_str(input).unwrap_or_default();
    let are_tokens = items.first().is_none_or(|item| item.get().starts_with(char::is_numeric));
    if are_tokens { 1 } else { items.len() }
}

#[cfg(test)]
mod tests {
    use super::count_texts;

    #[test]
    fn tokens_are_one_text_and_lists_of_them_several() {
        for (input, count) in
            [(r#""a""#, 1), (r#"["a","b"]"#, 2), ("[1, 2, 3]", 1), ("[[1, 2], [3]]", 2), ("[]", 1)]
        {
            assert_eq!(count_texts(input), count, "{input}");
        }
    }
}

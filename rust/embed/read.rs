//! An answer with vectors in it, of whichever form: hosts have few names for them, and none means two things.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::vector::Vector;
use crate::error::Error;
use crate::meter::Found;
use crate::stream::{Count, Label, Usage, sum};

/// What an answer holds.
#[derive(Debug, Clone, Default)]
pub struct Answer<'a> {
    /// Empty if none.
    pub id: String,
    /// The model that answered, empty if not said.
    pub model: String,
    /// Checked field by field; empty where nothing was reported.
    pub usage: Usage,
    /// In the order of the texts.
    pub vectors: Vec<Vector<'a>>,
    /// What a failure with a status of success says.
    pub error: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Said<'a> {
    #[serde(borrow)]
    id: Label<'a>,
    #[serde(borrow)]
    model: Label<'a>,
    /// `OpenAI` and its like.
    #[serde(borrow)]
    data: Option<Vec<Item<'a>>>,
    /// One: Gemini, Titan, Ollama's older path.
    #[serde(borrow)]
    embedding: Option<&'a RawValue>,
    /// Several: Gemini, Cohere, Ollama.
    #[serde(borrow)]
    embeddings: Option<&'a RawValue>,
    /// Vertex AI.
    #[serde(borrow)]
    predictions: Option<Vec<Prediction<'a>>>,
    #[serde(borrow, alias = "usageMetadata")]
    usage: Option<&'a RawValue>,
    /// Cohere.
    #[serde(borrow)]
    meta: Option<&'a RawValue>,
    /// Ollama.
    prompt_eval_count: Count,
    /// Titan.
    #[serde(rename = "inputTextTokenCount")]
    input_text_tokens: Count,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(default)]
    index: Option<u64>,
    #[serde(borrow)]
    embedding: &'a RawValue,
}

#[derive(Deserialize)]
struct Prediction<'a> {
    #[serde(borrow)]
    embeddings: Values<'a>,
}

#[derive(Deserialize)]
struct Values<'a> {
    #[serde(borrow)]
    values: &'a RawValue,
    #[serde(default)]
    statistics: Statistics,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Statistics {
    token_count: Count,
}

/// Cohere's, each kind of number by itself.
#[derive(Deserialize, Default)]
#[serde(default)]
struct ByKind<'a> {
    #[serde(borrow)]
    float: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    int8: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    uint8: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    binary: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    ubinary: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    base64: Option<Vec<&'a RawValue>>,
}

/// Reads an answer. What is not JSON is `InvalidJson`; what is JSON of another shape, `MalformedEvent`.
///
/// Cost: one pass, in which numbers are not parsed.
pub fn read(body: &[u8]) -> Result<Answer<'_>, Error> {
    let text = simdutf8::compat::from_utf8(body)
        .map_err(|error| Error::InvalidJson { offset: error.valid_up_to(), reason: "not UTF-8" })?;
    let text = text.trim_start_matches('\u{feff}');
    if !text.trim_ascii_start().starts_with('{') {
        return Err(Error::InvalidJson { offset: 0, reason: "not a JSON object" });
    }
    let said: Said<'_> = serde_json::from_str(text).map_err(|error| {
        if error.is_data() {
            malformed("a field of the wrong type")
        } else {
            Error::InvalidJson { offset: 0, reason: "not one complete JSON value" }
        }
    })?;
    let vectors = said.vectors().ok_or_else(|| malformed("vectors that cannot be read"))?;
    let error = said.error.map(RawValue::get).filter(|error| *error != "null");
    Ok(Answer {
        usage: said.usage(),
        error: error.filter(|_| vectors.is_empty()).map(str::to_owned),
        vectors,
        id: said.id.0.into_owned(),
        model: said.model.0.into_owned(),
    })
}

fn malformed(reason: &str) -> Error {
    Error::MalformedEvent { dialect: "embeddings", reason: reason.to_owned() }
}

impl<'a> Said<'a> {
    /// None where there is something in their place that is none.
    fn vectors(&self) -> Option<Vec<Vector<'a>>> {
        if let Some(items) = &self.data {
            // Some hosts answer as their batches end.
            let mut items: Vec<&Item<'a>> = items.iter().collect();
            items.sort_by_key(|item| item.index);
            return items.into_iter().map(|item| Vector::of(item.embedding)).collect();
        }
        if let Some(predictions) = &self.predictions {
            return predictions.iter().map(|each| Vector::of(each.embeddings.values)).collect();
        }
        if let Some(embeddings) = self.embeddings {
            return several(embeddings)?.into_iter().map(one).collect();
        }
        self.embedding.map_or(Some(Vec::new()), |raw| Some(vec![one(raw)?]))
    }

    fn usage(&self) -> Usage {
        let mut found = Found::default();
        for raw in [self.usage, self.meta].into_iter().flatten() {
            found.take_reported(raw);
        }
        let statistics = self.predictions.iter().flatten();
        let counts: Vec<_> =
            statistics.map(|each| each.embeddings.statistics.token_count.tokens()).collect();
        let predicted = Some(&counts).filter(|counts| counts.iter().all(Option::is_some));
        let input_tokens = [
            found.usage.input_tokens,
            self.prompt_eval_count.tokens(),
            self.input_text_tokens.tokens(),
            predicted.and_then(|counts| sum(counts)),
        ];
        Usage { input_tokens: input_tokens.into_iter().flatten().next(), ..found.usage }
    }
}

/// What stands under `embeddings`: a list, or one of a kind of numbers.
fn several(raw: &RawValue) -> Option<Vec<&RawValue>> {
    if raw.get().starts_with('[') {
        return serde_json::from_str(raw.get()).ok();
    }
    let kinds: ByKind<'_> = serde_json::from_str(raw.get()).ok()?;
    let ByKind { float, int8, uint8, binary, ubinary, base64 } = kinds;
    [float, int8, uint8, binary, ubinary, base64].into_iter().flatten().next()
}

/// A vector by itself, or as Gemini has it: `{"values": [...]}`.
fn one(raw: &RawValue) -> Option<Vector<'_>> {
    if raw.get().starts_with('{') {
        let values: Values<'_> = serde_json::from_str(raw.get()).ok()?;
        return Vector::of(values.values);
    }
    Vector::of(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(body: &str) -> (Vec<String>, Option<u64>) {
        let answer = read(body.as_bytes()).unwrap();
        let vectors = answer.vectors.iter().map(|vector| match vector {
            Vector::Numbers(json) => (*json).to_owned(),
            Vector::Base64(text) => text.clone().into_owned(),
        });
        (vectors.collect(), answer.usage.input_tokens)
    }

    #[test]
    fn every_form_is_read() {
        for (body, vectors, input_tokens) in [
            (
                r#"{"object":"list","data":[{"index":1,"embedding":[2]},{"index":0,"embedding":"AAAA"}],"model":"m","usage":{"prompt_tokens":3,"total_tokens":3}}"#,
                vec!["AAAA", "[2]"],
                Some(3),
            ),
            (
                r#"{"data":[{"embedding":[1]},{"embedding":[2]}],"usage":{"total_tokens":0}}"#,
                vec!["[1]", "[2]"],
                Some(0),
            ),
            (r#"{"embedding":{"values":[1,2]}}"#, vec!["[1,2]"], None),
            (
                r#"{"embeddings":[{"values":[1]},{"values":[2]}],"usageMetadata":{"promptTokenCount":7}}"#,
                vec!["[1]", "[2]"],
                Some(7),
            ),
            (
                r#"{"predictions":[{"embeddings":{"statistics":{"token_count":5},"values":[1]}},{"embeddings":{"statistics":{"token_count":6},"values":[2]}}]}"#,
                vec!["[1]", "[2]"],
                Some(11),
            ),
            (
                r#"{"embedding":[0.5],"embeddingsByType":{"float":[0.5]},"inputTextTokenCount":4}"#,
                vec!["[0.5]"],
                Some(4),
            ),
            (r#"{"embeddings":[[1],[2]],"id":"x","texts":["a","b"]}"#, vec!["[1]", "[2]"], None),
            (
                r#"{"embeddings":{"float":[[1],[2]]},"meta":{"billed_units":{"input_tokens":2,"image_tokens":0}}}"#,
                vec!["[1]", "[2]"],
                Some(2),
            ),
            (r#"{"embeddings":{"float":null,"int8":[[18,-7]]}}"#, vec!["[18,-7]"], None),
            (r#"{"model":"m","embeddings":[[1]],"prompt_eval_count":12}"#, vec!["[1]"], Some(12)),
            (r#"{"embedding":[1]}"#, vec!["[1]"], None),
            (r#"{"object":"list"}"#, vec![], None),
        ] {
            let wanted = vectors.into_iter().map(str::to_owned).collect();
            assert_eq!(numbers(body), (wanted, input_tokens), "{body}");
        }
    }

    #[test]
    fn failures_and_other_shapes_are_told_apart() {
        let failed = read(br#"{"error":{"message":"no"}}"#).unwrap();
        assert_eq!(failed.error.as_deref(), Some(r#"{"message":"no"}"#));
        assert!(read(br#"{"error":null,"embedding":[1]}"#).unwrap().error.is_none());
        for other in [r#"{"data":7}"#, r#"{"embeddings":"x"}"#, r#"{"data":[{"embedding":null}]}"#]
        {
            assert!(matches!(read(other.as_bytes()), Err(Error::MalformedEvent { .. })), "{other}");
        }
        for broken in ["", "[1]", r#"{"data":["#, "{} {}"] {
            assert!(matches!(read(broken.as_bytes()), Err(Error::InvalidJson { .. })), "{broken}");
        }
    }
}

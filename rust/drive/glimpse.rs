//! What a stream of a model with a form of its own has written so far, for when it is cut before it says so itself.

use serde_json::Value;

use crate::tokens::StreamCounter;

/// Where such models have what they write: Titan, Llama, Cohere, Mistral, Jamba, Nova and others.
const FIELDS: [&str; 6] =
    ["text", "content", "outputText", "generation", "completion", "reasoning_content"];

/// Counts the texts of one piece.
pub(super) fn count(counter: &mut StreamCounter, piece: &[u8]) {
    if let Ok(value) = serde_json::from_slice(piece) {
        walk(counter, &value);
    }
}

fn walk(counter: &mut StreamCounter, value: &Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if FIELDS.contains(&name.as_str()) => counter.push(text),
                    value => walk(counter, value),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| walk(counter, item)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::count;
    use crate::tokens::{StreamCounter, vocabulary_of};

    #[test]
    fn what_models_write_is_found() {
        for piece in [
            r#"{"outputText":"one two","index":0,"inputTextTokenCount":3}"#,
            r#"{"generation":"one two","prompt_token_count":null,"stop_reason":null}"#,
            r#"{"outputs":[{"text":"one two","stop_reason":null}]}"#,
            r#"{"contentBlockDelta":{"delta":{"text":"one two"},"contentBlockIndex":0}}"#,
            r#"{"choices":[{"delta":{"content":"one two","role":"assistant"}}],"model":"x y z"}"#,
            r#"{"is_finished":false,"text":"one two"}"#,
        ] {
            let mut counter = StreamCounter::new(vocabulary_of("unknown").0);
            count(&mut counter, piece.as_bytes());
            assert_eq!(counter.total(), 2, "{piece}");
        }
        let mut counter = StreamCounter::new(vocabulary_of("unknown").0);
        count(&mut counter, b"no JSON");
        assert_eq!(counter.total(), 0);
    }
}

//! Answers in the client's dialect, put together from one host's answer or from several.

use std::io::Write as _;

use super::asked::{Client, Wanted};
use super::read::{Answer, read};
use super::vector::Vector;
use crate::error::Error;
use crate::stream::{Usage, write_json};

/// What was read of an answer, with its vectors written for the client where it wants another form.
#[derive(Debug, Default)]
pub struct Taken {
    /// Empty if none.
    pub id: String,
    /// The model that answered, empty if not said.
    pub model: String,
    /// As the host reports it.
    pub usage: Usage,
    /// What a failure with a status of success says.
    pub error: Option<String>,
    /// How many vectors there are.
    pub count: usize,
    /// They, as items of a list, without its brackets.
    pub items: Vec<u8>,
}

/// Reads an answer; where the client wants another form its vectors are written, numbered from `first`.
///
/// Cost: a pass over the answer, and where numbers become floats some 15 ns each; see `bench/rust/embed.rs`.
pub fn take(body: &[u8], wanted: Option<&Wanted>, first: usize) -> Result<Taken, Error> {
    let Answer { id, model, usage, vectors, error } = read(body)?;
    let mut items = Vec::new();
    if let Some(wanted) = wanted {
        items.reserve(body.len());
        for (at, vector) in vectors.iter().enumerate() {
            if at > 0 {
                items.push(b',');
            }
            wanted.item(vector, first + at, &mut items).ok_or_else(|| Error::MalformedEvent {
                dialect: "embeddings",
                reason: "a vector that is no list of numbers".to_owned(),
            })?;
        }
    }
    Ok(Taken { id, model, usage, error, count: vectors.len(), items })
}

impl Wanted {
    fn item(&self, vector: &Vector<'_>, index: usize, out: &mut Vec<u8>) -> Option<()> {
        match self.client {
            Client::OpenAi => {
                // Writing into memory cannot fail, here and below.
                let _ = write!(out, r#"{{"object":"embedding","index":{index},"embedding":"#);
            }
            Client::One | Client::Batch => out.extend_from_slice(br#"{"values":"#),
        }
        if self.base64 {
            vector.write_base64(out)?;
        } else {
            vector.write_numbers(out)?;
        }
        out.push(b'}');
        Some(())
    }

    /// The answer around its items.
    pub fn whole(&self, items: &[u8], id: &str, model: &str, input_tokens: u64) -> Vec<u8> {
        let mut out = Vec::with_capacity(items.len() + 256);
        match self.client {
            Client::OpenAi => {
                out.push(b'{');
                if !id.is_empty() {
                    out.extend_from_slice(br#""id":"#);
                    write_json(&mut out, id);
                    out.push(b',');
                }
                out.extend_from_slice(br#""object":"list","data":["#);
                out.extend_from_slice(items);
                out.extend_from_slice(br#"],"model":"#);
                write_json(&mut out, model);
                let _ = write!(
                    out,
                    r#","usage":{{"prompt_tokens":{input_tokens},"total_tokens":{input_tokens}}}}}"#
                );
                return out;
            }
            Client::One => {
                out.extend_from_slice(br#"{"embedding":"#);
                out.extend_from_slice(items);
            }
            Client::Batch => {
                out.extend_from_slice(br#"{"embeddings":["#);
                out.extend_from_slice(items);
                out.push(b']');
            }
        }
        let _ = write!(out, r#","usageMetadata":{{"promptTokenCount":{input_tokens}}}}}"#);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Dialect;

    fn asked(client: Dialect, verb: Option<&str>, request: &str, answer: &str) -> String {
        let wanted = Wanted::by(client, verb, request.as_bytes());
        let taken = take(answer.as_bytes(), Some(&wanted), 0).unwrap();
        assert_eq!(taken.count, wanted.count);
        String::from_utf8(wanted.whole(&taken.items, &taken.id, "m", 3)).unwrap()
    }

    #[test]
    fn each_client_gets_its_own_form() {
        let titan = r#"{"embedding":[1, -2.5],"inputTextTokenCount":3}"#;
        let (openai, gemini) = (Dialect::OpenAiChat, Dialect::Gemini);
        for (client, verb, request, answer, wanted) in [
            (
                openai,
                None,
                r#"{"input":"x"}"#,
                titan,
                r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[1,-2.5]}],"model":"m","usage":{"prompt_tokens":3,"total_tokens":3}}"#,
            ),
            (
                openai,
                None,
                r#"{"input":["x"],"encoding_format":"base64"}"#,
                titan,
                r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":"AACAPwAAIMA="}],"model":"m","usage":{"prompt_tokens":3,"total_tokens":3}}"#,
            ),
            (
                gemini,
                Some(":embedContent"),
                r#"{"content":{}}"#,
                titan,
                r#"{"embedding":{"values":[1,-2.5]},"usageMetadata":{"promptTokenCount":3}}"#,
            ),
            (
                gemini,
                Some(":batchEmbedContents"),
                r#"{"requests":[{},{}]}"#,
                r#"{"id":"y","data":[{"index":1,"embedding":[2]},{"index":0,"embedding":"AACAPw=="}]}"#,
                r#"{"embeddings":[{"values":[1.0]},{"values":[2]}],"usageMetadata":{"promptTokenCount":3}}"#,
            ),
        ] {
            assert_eq!(asked(client, verb, request, answer), wanted, "{request}");
        }
    }

    #[test]
    fn further_answers_go_on_counting() {
        let wanted = Wanted::by(Dialect::OpenAiChat, None, br#"{"input":["a","b"]}"#);
        let taken = take(br#"{"embedding":[1]}"#, Some(&wanted), 1).unwrap();
        assert_eq!(taken.items, br#"{"object":"embedding","index":1,"embedding":[1]}"#);
        assert_eq!(wanted.count, 2);
    }
}

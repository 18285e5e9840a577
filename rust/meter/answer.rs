//! Whole answers, read in one go.

use super::counter::{Counters, TextCounter};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::stream::{Counting, Decoder, Delta, FinishReason, UpstreamError, Usage};
use crate::tokens::Framing;

/// What a whole JSON answer says.
#[derive(Debug, Clone)]
pub struct Answer<'a> {
    dialect: Dialect,
    body: &'a [u8],
    /// The upstream's id of the answer, empty if none.
    pub id: String,
    /// The model that answered, empty if not said.
    pub model: String,
    /// The upstream's usage, checked field by field.
    pub usage: Usage,
    /// Why each alternative stopped, as (choice, reason).
    pub finish_reasons: Vec<(u32, FinishReason)>,
    /// A failure that came with a status of success.
    pub error: Option<UpstreamError>,
    /// Neither choices nor content nor embeddings: not an answer.
    pub empty: bool,
}

/// The fields beside what the stream decoders read.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct Holds<'a> {
    /// Embeddings.
    #[serde(borrow)]
    data: Option<Vec<&'a serde_json::value::RawValue>>,
    #[serde(borrow)]
    choices: Option<Vec<&'a serde_json::value::RawValue>>,
    /// A list of blocks, and at some hosts one text.
    #[serde(borrow)]
    content: Option<&'a serde_json::value::RawValue>,
    #[serde(borrow)]
    candidates: Option<Vec<&'a serde_json::value::RawValue>>,
    /// A list of items, or Bedrock's object.
    #[serde(borrow)]
    output: Option<&'a serde_json::value::RawValue>,
    /// Cohere's and Ollama's object.
    #[serde(borrow)]
    message: Option<&'a serde_json::value::RawValue>,
}

impl Holds<'_> {
    /// Another dialect's answer is none: read as this one's it would be a success without a word.
    fn nothing_of(&self, dialect: Dialect) -> bool {
        let places: &[_] = match dialect {
            Dialect::OpenAiChat | Dialect::OpenAiCompletions => &[&self.data, &self.choices],
            Dialect::Anthropic => {
                return self.content.is_none_or(|content| is_bare(content.get()));
            }
            Dialect::Gemini => &[&self.candidates],
            Dialect::OpenAiResponses | Dialect::Bedrock => {
                return self.output.is_none_or(|output| is_bare(output.get()));
            }
            Dialect::Cohere | Dialect::Ollama => {
                return self.message.is_none_or(|message| is_bare(message.get()));
            }
        };
        places.iter().copied().flatten().all(Vec::is_empty)
    }
}

/// Whether a JSON value is null, or a list or object of nothing.
fn is_bare(json: &str) -> bool {
    let inner = json.get(1..json.len().saturating_sub(1)).unwrap_or_default();
    json == "null" || (json.starts_with(['[', '{']) && inner.trim_ascii().is_empty())
}

/// Reads a whole answer: chat, messages or embeddings.
///
/// The body must be one JSON object and nothing else; what is not JSON is `InvalidJson`, what is JSON of
/// another shape `MalformedEvent`. An error object is no failure of reading: see [`Answer::error`].
pub fn read_answer(dialect: Dialect, body: &[u8]) -> Result<Answer<'_>, Error> {
    read_answer_of(dialect, Counting::default(), body)
}

/// As [`read_answer`], from a host that counts so.
pub fn read_answer_of(
    dialect: Dialect,
    counting: Counting,
    body: &[u8],
) -> Result<Answer<'_>, Error> {
    let holds = read_holds(dialect, body)?;
    let mut answer = Answer {
        dialect,
        body,
        id: String::new(),
        model: String::new(),
        usage: Usage::default(),
        finish_reasons: Vec::new(),
        error: None,
        empty: holds.nothing_of(dialect),
    };
    Decoder::new(dialect).counting(counting).whole(body, |delta| match delta {
        Delta::Start { id, model, .. } => {
            id.as_ref().clone_into(&mut answer.id);
            model.as_ref().clone_into(&mut answer.model);
        }
        Delta::Usage { usage, .. } => answer.usage = *usage,
        Delta::Finish { choice, reason, .. } => answer.finish_reasons.push((*choice, *reason)),
        Delta::Error(error) => answer.error = Some(error.clone()),
        _ => {}
    })?;
    Ok(answer)
}

impl Answer<'_> {
    /// Length of the answer as it came.
    pub fn body_bytes(&self) -> usize {
        self.body.len()
    }

    /// Our own count of what the model wrote, as [`super::Meter`] has it of a stream. `counter` has seen nothing.
    ///
    /// Cost: reads the body again.
    pub fn counted_output_tokens<C: TextCounter>(&self, counter: C, framing: Framing) -> u64 {
        let mut counters = Counters::new(counter);
        counters.frame(framing);
        // It was read once, so it can be read again.
        let _ = Decoder::new(self.dialect).whole(self.body, |delta| counters.push(delta));
        counters.total()
    }
}

fn read_holds(dialect: Dialect, body: &[u8]) -> Result<Holds<'_>, Error> {
    let text = simdutf8::compat::from_utf8(body)
        .map_err(|error| Error::InvalidJson { offset: error.valid_up_to(), reason: "not UTF-8" })?;
    serde_json::from_str(text).map_err(|error| {
        if error.is_data() {
            let reason = "a whole answer of the wrong shape".to_owned();
            return Error::MalformedEvent { dialect: dialect.name(), reason };
        }
        let offset = offset_of(text, error.line(), error.column());
        Error::InvalidJson { offset, reason: "not one complete JSON value" }
    })
}

/// Byte offset of a place that serde names by line and column, both from 1.
fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (before + column.saturating_sub(1)).min(text.len())
}

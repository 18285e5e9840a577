//! What a client asked for, as far as its answer depends on it.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::stream::Text;
use crate::tokens::Vocabulary;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Asked<'a> {
    #[serde(borrow)]
    query: Option<Text<'a>>,
    #[serde(borrow)]
    documents: Vec<&'a RawValue>,
    return_documents: Option<bool>,
}

/// A document as an object.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Document<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
}

/// The form of the answer that a client reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// How many documents there are to rank.
    pub count: usize,
    /// They, as JSON, where each shall stand beside its rank.
    pub(super) documents: Option<Vec<String>>,
    /// Which of Cohere's versions the client speaks.
    pub(super) version: u8,
}

impl Wanted {
    /// By a request that was accepted. `version`: of the path that it came to.
    pub fn by(body: &[u8], version: u8) -> Self {
        let asked: Asked<'_> = serde_json::from_slice(body).unwrap_or_default();
        let count = asked.documents.len();
        let returned = asked.return_documents == Some(true);
        let documents = returned.then(|| asked.documents.into_iter().map(as_object).collect());
        Self { count, documents, version }
    }
}

/// A document as clients read it back.
fn as_object(raw: &RawValue) -> String {
    let json = raw.get();
    if json.starts_with('"') { format!(r#"{{"text":{json}}}"#) } else { json.to_owned() }
}

/// Bytes of the question, for each document but one: so much more is read than stands in the request. 0 of a request
/// that ranks nothing.
pub fn repeated_bytes(body: &[u8]) -> usize {
    if memchr::memmem::find(body, b"\"documents\"").is_none() {
        return 0;
    }
    let asked: Asked<'_> = serde_json::from_slice(body).unwrap_or_default();
    let question = asked.query.as_ref().map_or(0, |Text(query)| query.len());
    question.saturating_mul(asked.documents.len().saturating_sub(1))
}

/// Documents that one search goes through, and tokens of a piece of one: a longer one counts as several. Source:
/// <https://docs.cohere.com/docs/how-does-cohere-pricing-work>, and <https://cohere.com/pricing>.
const SEARCH_DOCUMENTS: u64 = 100;
const PIECE_TOKENS: usize = 500;

/// Searches that a ranking takes, where nobody says how many; long documents count as one.
pub fn searches(body: &[u8]) -> u64 {
    let asked: Asked<'_> = serde_json::from_slice(body).unwrap_or_default();
    (asked.documents.len() as u64).div_ceil(SEARCH_DOCUMENTS).max(1)
}

/// Searches that it takes at most: a token has at least a byte, and the question stands in each piece.
pub fn most_searches(body: &[u8]) -> u64 {
    let asked: Asked<'_> = serde_json::from_slice(body).unwrap_or_default();
    let question = asked.query.as_ref().map_or(0, |Text(query)| query.len());
    let room = PIECE_TOKENS.saturating_sub(question).max(PIECE_TOKENS / 5);
    let pieces = asked.documents.iter().map(|raw| raw.get().len().div_ceil(room) as u64);
    pieces.sum::<u64>().div_ceil(SEARCH_DOCUMENTS).max(1)
}

/// Tokens of the question and the documents, in that vocabulary; the question is read once with each.
///
/// Cost: some 60 ns a token.
pub fn count_tokens(body: &[u8], vocabulary: Vocabulary) -> u64 {
    let asked: Asked<'_> = serde_json::from_slice(body).unwrap_or_default();
    let count = |text: &Text<'_>| vocabulary.count(&text.0) as u64;
    let of_documents: u64 = asked.documents.iter().map(|raw| count(&text_of(raw))).sum();
    let question = asked.query.as_ref().map_or(0, count);
    of_documents + question * asked.documents.len() as u64
}

fn text_of(raw: &RawValue) -> Text<'_> {
    if raw.get().starts_with('{') {
        let document: Document<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
        return document.text.unwrap_or_default();
    }
    serde_json::from_str(raw.get()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::vocabulary_of;

    #[test]
    fn the_question_is_read_with_each_document() {
        let (vocabulary, _) = vocabulary_of("rerank");
        let body =
            br#"{"query":"hello","documents":["hello world",{"text":"hello"},{"image":"x"}]}"#;
        assert_eq!(count_tokens(body, vocabulary), 3 + 3);
        assert_eq!(count_tokens(b"{}", vocabulary), 0);
        assert_eq!(repeated_bytes(body), 10);
        assert_eq!(repeated_bytes(br#"{"query":"hello"}"#), 0);
    }

    #[test]
    fn a_search_goes_through_a_hundred_documents() {
        let of = |documents: usize, bytes: usize| {
            let document = "x".repeat(bytes);
            let body = serde_json::json!({"query": "q", "documents": vec![document; documents]});
            let body = body.to_string();
            (searches(body.as_bytes()), most_searches(body.as_bytes()))
        };
        assert_eq!(of(1, 10), (1, 1));
        assert_eq!(of(100, 10), (1, 1));
        assert_eq!(of(101, 10), (2, 2));
        assert_eq!(of(100, 600), (1, 2));
        assert_eq!(searches(b"no"), 1);
    }
}

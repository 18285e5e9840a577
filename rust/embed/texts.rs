//! What a request for vectors has a model read, in whichever form it is.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::stream::Text;
use crate::tokens::Vocabulary;

/// The names of all forms; none has another meaning in another one.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Asked<'a> {
    /// `OpenAI` and its like: a text, several, tokens, several lists of tokens.
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    /// Cohere.
    #[serde(borrow)]
    texts: Vec<Text<'a>>,
    /// Titan.
    #[serde(borrow, rename = "inputText")]
    input_text: Option<Text<'a>>,
    /// Gemini, several.
    #[serde(borrow)]
    requests: Vec<Request<'a>>,
    /// Gemini, one.
    #[serde(borrow)]
    content: Option<Content<'a>>,
    /// Vertex AI.
    #[serde(borrow)]
    instances: Vec<Instance<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Request<'a> {
    #[serde(borrow)]
    content: Option<Content<'a>>,
    #[serde(borrow)]
    title: Option<Text<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Content<'a> {
    #[serde(borrow)]
    parts: Vec<Part<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Part<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Instance<'a> {
    #[serde(borrow)]
    content: Option<Text<'a>>,
    #[serde(borrow)]
    title: Option<Text<'a>>,
}

/// Tokens that a request has a model read: its texts in that vocabulary, and those that are tokens already. 0 where it
/// cannot be read.
///
/// Cost: some 60 ns a token.
pub fn count_tokens(body: &[u8], vocabulary: Vocabulary) -> u64 {
    let asked: Asked<'_> = serde_json::from_slice(body).unwrap_or_default();
    let count = |text: &Text<'_>| vocabulary.count(&text.0) as u64;
    let of_content = |content: &Content<'_>| -> u64 {
        content.parts.iter().filter_map(|part| part.text.as_ref()).map(count).sum()
    };
    let mut total: u64 = asked.texts.iter().chain(&asked.input_text).map(count).sum();
    total += asked.content.iter().map(of_content).sum::<u64>();
    for request in &asked.requests {
        total += request.content.iter().map(of_content).sum::<u64>();
        total += request.title.iter().map(count).sum::<u64>();
    }
    for instance in &asked.instances {
        total += instance.content.iter().chain(&instance.title).map(count).sum::<u64>();
    }
    total + asked.input.map_or(0, |input| count_input(input, &count))
}

fn count_input(raw: &RawValue, count: &impl Fn(&Text<'_>) -> u64) -> u64 {
    let json = raw.get();
    if !json.starts_with('[') {
        return serde_json::from_str(json).map_or(0, |text| count(&text));
    }
    let items: Vec<&RawValue> = serde_json::from_str(json).unwrap_or_default();
    let each = items.iter().map(|item| match item.get().as_bytes().first() {
        Some(b'"' | b'[') => count_input(item, count),
        Some(b'0'..=b'9') => 1,
        _ => 0,
    });
    each.sum()
}

#[cfg(test)]
mod tests {
    use super::count_tokens;
    use crate::tokens::vocabulary_of;

    #[test]
    fn every_forms_texts_are_counted_and_nothing_else() {
        let (vocabulary, _) = vocabulary_of("text-embedding-3-small");
        for body in [
            r#"{"model":"m","input":"hello world","user":"somebody"}"#,
            r#"{"model":"m","input":["hello"," world"]}"#,
            r#"{"input":[15339,1917]}"#,
            r#"{"input":[[15339],[1917]]}"#,
            r#"{"texts":["hello world"],"input_type":"search_query"}"#,
            r#"{"inputText":"hello world","normalize":true}"#,
            r#"{"requests":[{"model":"models/m","content":{"parts":[{"text":"hello"},{"text":" world"}]},"taskType":"X"}]}"#,
            r#"{"content":{"role":"user","parts":[{"text":"hello world"}]}}"#,
            r#"{"instances":[{"content":"hello world","task_type":"X"}]}"#,
        ] {
            assert_eq!(count_tokens(body.as_bytes(), vocabulary), 2, "{body}");
        }
        for body in ["", "{}", r#"{"input":{}}"#, r#"{"input":[null,{}]}"#] {
            assert_eq!(count_tokens(body.as_bytes(), vocabulary), 0, "{body}");
        }
    }
}

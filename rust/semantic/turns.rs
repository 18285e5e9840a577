//! The texts of a request's user turns, and where they stand in its bytes.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::dialect::Dialect;

/// String values as they stand in the body, in their order.
pub type Texts<'b> = Vec<&'b RawValue>;

/// What of a body may hold turns: a field of each dialect.
#[derive(Deserialize)]
struct Body<'b> {
    #[serde(borrow)]
    messages: Option<&'b RawValue>,
    #[serde(borrow)]
    input: Option<&'b RawValue>,
    #[serde(borrow)]
    contents: Option<&'b RawValue>,
    #[serde(borrow)]
    prompt: Option<&'b RawValue>,
    #[serde(borrow)]
    conversation: Option<&'b RawValue>,
}

/// A message, an input item, a content.
#[derive(Deserialize)]
struct Turn<'b> {
    role: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(borrow)]
    content: Option<&'b RawValue>,
    #[serde(borrow)]
    parts: Option<&'b RawValue>,
}

#[derive(Deserialize)]
struct Part<'b> {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(borrow)]
    text: Option<&'b RawValue>,
    #[serde(rename = "functionResponse", alias = "function_response")]
    function_response: Option<IgnoredAny>,
}

/// The texts of the last `window` user turns, where the last of all turns is one.
///
/// None where a tool's result, or the model's own beginning, comes last; where no text is; and where a part of what the
/// model will see is not in the body.
pub fn last_texts(dialect: Dialect, body: &[u8], window: usize) -> Option<Texts<'_>> {
    let body: Body<'_> = serde_json::from_slice(body).ok()?;
    match dialect {
        Dialect::OpenAiChat | Dialect::Anthropic => of_turns(dialect, body.messages?, window),
        Dialect::Gemini => of_turns(dialect, body.contents?, window),
        // A conversation grows on the host: the same body asks another question later.
        Dialect::OpenAiResponses if body.conversation.is_some_and(|it| it.get() != "null") => None,
        Dialect::OpenAiResponses => {
            let input = body.input?;
            if is_string(input) { Some(vec![input]) } else { of_turns(dialect, input, window) }
        }
        Dialect::OpenAiCompletions => of_prompt(body.prompt?),
        Dialect::Bedrock | Dialect::Cohere | Dialect::Ollama => None,
    }
}

fn of_turns(dialect: Dialect, turns: &RawValue, window: usize) -> Option<Texts<'_>> {
    let turns: Vec<Turn<'_>> = serde_json::from_str(turns.get()).ok()?;
    let (last, earlier) = turns.split_last()?;
    let mut taken = vec![of_turn(dialect, last)?];
    let more = earlier.iter().rev().filter_map(|turn| of_turn(dialect, turn));
    taken.extend(more.take(window.saturating_sub(1)));
    Some(taken.into_iter().rev().flatten().collect())
}

/// The texts of a user's turn; none of any other turn, or of one without text.
fn of_turn<'b>(dialect: Dialect, turn: &Turn<'b>) -> Option<Texts<'b>> {
    let is_user = turn.role.as_deref().map_or(dialect == Dialect::Gemini, |role| role == "user");
    let is_message = turn.kind.as_deref().is_none_or(|kind| kind == "message");
    let content = if dialect == Dialect::Gemini { turn.parts } else { turn.content }?;
    if !is_user || !is_message {
        return None;
    }
    if is_string(content) {
        return Some(vec![content]);
    }
    let parts: Vec<Part<'b>> = serde_json::from_str(content.get()).ok()?;
    if parts.iter().any(Part::is_tool_result) {
        return None;
    }
    let texts: Texts<'b> = parts.iter().filter_map(|part| part.text(dialect)).collect();
    (!texts.is_empty()).then_some(texts)
}

/// One prompt; of several each has its own answer, and of token numbers nobody knows the words.
fn of_prompt(prompt: &RawValue) -> Option<Texts<'_>> {
    if is_string(prompt) {
        return Some(vec![prompt]);
    }
    let prompts: Texts<'_> = serde_json::from_str(prompt.get()).ok()?;
    (prompts.len() == 1 && prompts.iter().all(|it| is_string(it))).then_some(prompts)
}

impl<'b> Part<'b> {
    fn is_tool_result(&self) -> bool {
        let kind = self.kind.as_deref().unwrap_or_default();
        self.function_response.is_some() || kind.ends_with("_result") || kind.ends_with("_output")
    }

    fn text(&self, dialect: Dialect) -> Option<&'b RawValue> {
        let is_text = match self.kind.as_deref() {
            Some(kind) => matches!(kind, "text" | "input_text"),
            None => dialect == Dialect::Gemini,
        };
        self.text.filter(|text| is_text && is_string(text))
    }
}

fn is_string(value: &RawValue) -> bool {
    value.get().starts_with('"')
}

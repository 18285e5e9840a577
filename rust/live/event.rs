//! What an event of `OpenAI`'s realtime API is about, as far as anything is held or paid for it. Source:
//! <https://platform.openai.com/docs/api-reference/realtime-client-events> and `realtime-server-events`.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::context;
use crate::meter::Found;
use crate::stream::{FinishReason, Usage};

/// An event that two readers could take for two different ones, or that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the event cannot be read: {0}")]
pub struct Unreadable(String);

/// What a client's event asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// A response.
    Response {
        /// The client's name for the event, which an error about it has.
        event_id: Option<String>,
        /// The most tokens of it, where the event says it.
        bound: Bound,
        /// At most so many tokens are read for it beside the conversation.
        tokens: u64,
    },
    /// Other terms for what follows.
    Update {
        /// The client's name for the event.
        event_id: Option<String>,
        /// Which.
        update: Update,
        /// Of its instructions and tools.
        tokens: u64,
    },
    /// Something that the next response reads: at most so many tokens.
    Item(u64),
}

/// The most tokens of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Bound {
    /// Nothing is said.
    #[default]
    Unsaid,
    /// As many as the model can.
    Infinite,
    /// So many.
    Tokens(u64),
}

/// What a session is told to be from now on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Update {
    /// The most tokens of each response.
    pub bound: Bound,
    /// The session's model.
    pub model: Option<String>,
    /// The model that writes down what is heard.
    pub transcriber: Option<String>,
}

/// What an upstream's event tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// A response began.
    Created(String),
    /// A part of one came: bytes of sound in base64, or text.
    Delta {
        /// Whose part it is.
        response: String,
        /// Of sound.
        audio_bytes: usize,
        /// Text, words of sound and arguments of calls.
        text: String,
    },
    /// A response is over.
    Done(Box<Done>),
    /// Something is wrong with an event of the client's, or with the session.
    Error(Option<String>),
    /// What was heard was written down.
    Transcribed(Box<Usage>),
    /// Nothing that anything is held or paid for.
    Other,
}

/// A response that is over.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Done {
    /// The upstream's name for it.
    pub response: String,
    /// What it used; empty where nothing believable is said.
    pub usage: Usage,
    /// Whether it failed at the upstream.
    pub has_failed: bool,
    /// Whether it was cancelled.
    pub is_cancelled: bool,
    /// Why the model stopped.
    pub finish: Option<FinishReason>,
}

#[derive(Deserialize)]
#[allow(clippy::struct_field_names)] // the vendor's names
struct Event<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    event_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    response: Option<&'a RawValue>,
    #[serde(borrow, default)]
    session: Option<&'a RawValue>,
    #[serde(borrow, default)]
    item: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    response_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Terms<'a> {
    max_output_tokens: Bound,
    max_response_output_tokens: Bound,
    #[serde(borrow)]
    model: Option<Cow<'a, str>>,
    input_audio_transcription: Option<Transcription>,
    audio: Option<Audio>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Audio {
    input: Option<Input>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Input {
    transcription: Option<Transcription>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Transcription {
    model: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Response {
    id: Option<String>,
    status: Option<String>,
    status_details: Option<Details>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Details {
    reason: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Wrong {
    event_id: Option<String>,
}

impl Bound {
    /// This, or what holds where nothing is said.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        match self {
            Self::Unsaid => other,
            said => said,
        }
    }
}

impl<'de> Deserialize<'de> for Bound {
    /// Any value: one that is none is the upstream's to refuse, and until then may mean as much as there is.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        Ok(match raw.parse::<u64>() {
            _ if raw == "null" => Self::Unsaid,
            Ok(tokens) => Self::Tokens(tokens),
            Err(_) => Self::Infinite,
        })
    }
}

/// Reads a client's event.
pub fn read_client(json: &str) -> Result<Asked, Unreadable> {
    if !json.trim_start().starts_with('{') {
        return Err(Unreadable("it is no object".to_owned())); // a list has no names to go by
    }
    let event: Event<'_> = parsed(json)?;
    let event_id = event.event_id.map(Cow::into_owned);
    let len = json.len() as u64;
    Ok(match event.kind.as_deref() {
        Some("response.create") => {
            let terms: Terms<'_> = event.response.map_or(Ok(Terms::default()), within)?;
            let bound = terms.max_output_tokens.or(terms.max_response_output_tokens);
            Asked::Response { event_id, bound, tokens: len }
        }
        Some("session.update" | "transcription_session.update") => {
            let terms: Terms<'_> = event.session.map_or(Ok(Terms::default()), within)?;
            let bound = terms.max_output_tokens.or(terms.max_response_output_tokens);
            let newer = terms.audio.and_then(|audio| audio.input?.transcription);
            let transcriber = newer.or(terms.input_audio_transcription).and_then(|t| t.model);
            let model = terms.model.map(Cow::into_owned);
            Asked::Update { event_id, update: Update { bound, model, transcriber }, tokens: len }
        }
        Some("input_audio_buffer.append") => Asked::Item(context::heard(json.len())),
        Some("conversation.item.create") => {
            Asked::Item(context::of_item(json.len(), event.item.map(RawValue::get)))
        }
        _ => Asked::Item(0),
    })
}

/// Reads an upstream's event; what cannot be read is nothing to us.
pub fn read_upstream(json: &str) -> Said {
    let Ok(event) = parsed::<Event<'_>>(json) else { return Said::Other };
    let kind = event.kind.as_deref().unwrap_or_default();
    match kind {
        "response.created" => match event.response.map(within::<Response>) {
            Some(Ok(Response { id: Some(id), .. })) => Said::Created(id),
            _ => Said::Other,
        },
        "response.done" => Said::Done(Box::new(done(json, event.response))),
        "error" => Said::Error(event.error.and_then(|raw| within::<Wrong>(raw).ok()?.event_id)),
        "conversation.item.input_audio_transcription.completed" => {
            Said::Transcribed(Box::new(usage(json)))
        }
        "response.output_audio.delta" | "response.audio.delta" => Said::Delta {
            response: name(event.response_id),
            audio_bytes: event.delta.map_or(0, |raw| raw.get().len()),
            text: String::new(),
        },
        "response.output_text.delta"
        | "response.text.delta"
        | "response.output_audio_transcript.delta"
        | "response.audio_transcript.delta"
        | "response.function_call_arguments.delta" => Said::Delta {
            response: name(event.response_id),
            audio_bytes: 0,
            text: name(event.delta),
        },
        _ => Said::Other,
    }
}

fn done(json: &str, response: Option<&RawValue>) -> Done {
    let response = response.and_then(|raw| within::<Response>(raw).ok()).unwrap_or_default();
    let status = response.status.as_deref().unwrap_or_default();
    let reason = response.status_details.and_then(|details| details.reason);
    Done {
        response: response.id.unwrap_or_default(),
        usage: usage(json),
        has_failed: status == "failed",
        is_cancelled: status == "cancelled",
        finish: match (status, reason.as_deref()) {
            ("completed", _) => Some(FinishReason::Stop),
            ("incomplete", Some("content_filter")) => Some(FinishReason::ContentFilter),
            ("incomplete", _) => Some(FinishReason::Length),
            _ => None,
        },
    }
}

fn usage(json: &str) -> Usage {
    let mut found = Found::default();
    found.read(json.as_bytes());
    found.usage
}

fn name(raw: Option<&RawValue>) -> String {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

fn parsed<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, Unreadable> {
    serde_json::from_str(json).map_err(|error| Unreadable(error.to_string()))
}

fn within<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Result<T, Unreadable> {
    parsed(raw.get())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_asks_for_is_read() {
        let response = |event_id: Option<&str>, bound, json: &str| Asked::Response {
            event_id: event_id.map(str::to_owned),
            bound,
            tokens: json.len() as u64,
        };
        for (json, event_id, bound) in [
            (r#"{"type":"response.create"}"#, None, Bound::Unsaid),
            (
                r#"{"type":"response.create","event_id":"e","response":null}"#,
                Some("e"),
                Bound::Unsaid,
            ),
            (
                r#"{"typ\u0065":"response.create","response":{"max_output_tokens":7}}"#,
                None,
                Bound::Tokens(7),
            ),
            (
                r#"{"type":"response.create","response":{"max_response_output_tokens":"inf"}}"#,
                None,
                Bound::Infinite,
            ),
        ] {
            assert_eq!(read_client(json), Ok(response(event_id, bound, json)), "{json}");
        }
        for (json, model, transcriber) in [
            (r#"{"type":"session.update","session":{"model":"m"}}"#, Some("m"), None),
            (
                r#"{"type":"session.update","session":{"input_audio_transcription":{"model":"w"}}}"#,
                None,
                Some("w"),
            ),
            (
                r#"{"type":"session.update","session":{"audio":{"input":{"transcription":{"model":"w"}}}}}"#,
                None,
                Some("w"),
            ),
            (
                r#"{"type":"session.update","session":{"audio":{"input":{"transcription":null}}}}"#,
                None,
                None,
            ),
        ] {
            let Ok(Asked::Update { update, .. }) = read_client(json) else { panic!("{json}") };
            assert_eq!(
                (update.model.as_deref(), update.transcriber.as_deref()),
                (model, transcriber)
            );
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_not_passed_on() {
        for json in [
            "",
            "[]",
            "{",
            r#"{"type":"x","type":"response.create"}"#,
            r#"{"type":"response.create","response":{"max_output_tokens":1,"max_output_tokens":2}}"#,
            r#"{"type":7}"#,
        ] {
            assert!(read_client(json).is_err(), "{json}");
        }
    }

    #[test]
    fn usage_of_a_response_has_its_classes() {
        let json = r#"{"type":"response.done","response":{"id":"r","status":"completed","usage":{"total_tokens":253,"input_tokens":132,"output_tokens":121,
            "input_token_details":{"text_tokens":119,"audio_tokens":13,"cached_tokens":64,"cached_tokens_details":{"text_tokens":60,"audio_tokens":4}},
            "output_token_details":{"text_tokens":30,"audio_tokens":91}}}}"#;
        let Said::Done(done) = read_upstream(json) else { panic!("not read") };
        assert_eq!((done.response.as_str(), done.finish), ("r", Some(FinishReason::Stop)));
        let usage = done.usage;
        assert_eq!((usage.input_tokens, usage.output_tokens), (Some(132), Some(121)));
        assert_eq!((usage.cached_input_tokens, usage.cached_audio_tokens), (Some(64), Some(4)));
        assert_eq!((usage.audio_tokens, usage.output_audio_tokens), (Some(104), Some(91)));
    }

    #[test]
    fn parts_and_errors_are_told_from_the_rest() {
        for (json, said) in [
            (r#"{"type":"response.created","response":{"id":"r"}}"#, Said::Created("r".to_owned())),
            (r#"{"type":"error","error":{"event_id":"e"}}"#, Said::Error(Some("e".to_owned()))),
            (r#"{"type":"error","error":{"event_id":null}}"#, Said::Error(None)),
            (
                r#"{"type":"response.output_text.delta","response_id":"r","delta":"hi"}"#,
                Said::Delta { response: "r".to_owned(), audio_bytes: 0, text: "hi".to_owned() },
            ),
            (
                r#"{"type":"response.audio.delta","response_id":"r","delta":"AAAA"}"#,
                Said::Delta { response: "r".to_owned(), audio_bytes: 6, text: String::new() },
            ),
            (r#"{"type":"rate_limits.updated"}"#, Said::Other),
            ("nothing", Said::Other),
        ] {
            assert_eq!(read_upstream(json), said, "{json}");
        }
    }
}

//! Chunks in, deltas out.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::sources::Cited;
use super::tools::Tools;
use super::wire::{
    Audio, Choice, Chunk, Content, ErrorBody, ExtraContent, Groq, Message, ReasoningDetail,
    Reported, WireUsage,
};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::stream::mould::Mould;
use crate::stream::text::{Text, read_object, read_or_default, text_of};
use crate::stream::{Counting, Delta, FinishReason, UpstreamError};

const DIALECT: &str = Dialect::OpenAiChat.name();
/// Before a signature of Gemini's, by which `python/sluicegate/dialects/seal.py` knows whose it is.
const GEMINIS: &str = "sgGemini";

/// Reads the chunks of one stream.
#[derive(Debug, Default)]
pub struct Decoder {
    started: bool,
    closed: bool,
    /// The answer comes in pieces, so a whole message repeats them (`MiniMax` ends its streams with one).
    in_pieces: bool,
    cited: Cited,
    tools: Tools,
    reported: Reported,
    plain: Mould<Plain>,
}

/// What the one text of a plain chunk is.
#[derive(Debug, Clone, Copy)]
enum Plain {
    Text(u32),
    Reasoning(u32),
}

impl Decoder {
    /// Says how the host counts.
    pub fn set_counting(&mut self, counting: Counting) {
        self.reported.set_counting(counting);
    }

    /// Hands out what one event holds; see [`crate::stream::Decoder::event`].
    pub fn event(
        &mut self,
        name: &str,
        data: &[u8],
        mut sink: impl FnMut(&Delta<'_>),
    ) -> Result<(), Error> {
        let data = data.trim_ascii();
        if self.closed || data.is_empty() {
            return Ok(());
        }
        if data == b"[DONE]" {
            self.closed = true;
            sink(&Delta::End);
            return Ok(());
        }
        let is_error = name == "error";
        if !is_error && let Some((plain, text)) = self.plain.fit(data) {
            emit_plain(plain, text, &mut sink);
            return Ok(());
        }
        let mut chunk: Chunk<'_> = read_object(DIALECT, data)?;
        for choice in chunk.choices.iter_mut().flatten().filter(|_| self.in_pieces) {
            choice.message = None;
        }
        self.chunk(&chunk, is_error, data, &mut sink)?;
        self.in_pieces |= chunk.choices.iter().flatten().any(|choice| choice.delta.is_some());
        if !is_error && let Some((plain, text)) = plain_text(&chunk) {
            self.plain.learn(data, text, plain);
        }
        Ok(())
    }

    /// Hands out what a whole answer holds.
    pub fn whole(&mut self, body: &[u8], mut sink: impl FnMut(&Delta<'_>)) -> Result<(), Error> {
        let mut chunk: Chunk<'_> = read_object(DIALECT, body)?;
        // Perplexity adds an empty `delta` to the message of a whole answer.
        for choice in chunk.choices.iter_mut().flatten().filter(|choice| choice.message.is_some()) {
            choice.delta = None;
        }
        self.chunk(&chunk, false, body, &mut sink)
    }

    fn chunk(
        &mut self,
        chunk: &Chunk<'_>,
        is_error: bool,
        data: &[u8],
        sink: &mut impl FnMut(&Delta<'_>),
    ) -> Result<(), Error> {
        let choices = chunk.choices.as_deref().unwrap_or_default();
        let fragments = choices.iter().filter_map(message).map(fragment_count).sum();
        if !self.tools.has_room(fragments) {
            let reason = "more tool calls than an answer can hold".to_owned();
            return Err(Error::MalformedEvent { dialect: DIALECT, reason });
        }
        let error = self.find_error(chunk, is_error, data);
        let names_itself = !(chunk.id.0.is_empty() && chunk.model.0.is_empty());
        if !self.started && error.is_none() && (names_itself || !choices.is_empty()) {
            self.started = true;
            sink(&Delta::Start {
                id: chunk.id.0.as_ref().into(),
                model: chunk.model.0.as_ref().into(),
                created_s: chunk.created.0,
            });
        }
        for choice in choices {
            self.choice(choice, sink);
            if is_last(choice) {
                self.cited.tell(chunk.search_results.or(chunk.citations), sink);
            }
            finish(choice, sink);
        }
        if choices.is_empty() {
            self.cited.tell(chunk.search_results.or(chunk.citations), sink);
        }
        let groq: Option<Groq<'_>> = chunk.x_groq.map(read_or_default);
        let usage = chunk
            .usage
            .or_else(|| groq.and_then(|groq| groq.usage))
            .or_else(|| choices.iter().find_map(|choice| choice.usage));
        if let Some(raw) = usage {
            let wire: WireUsage = read_or_default(raw);
            let usage = self.reported.fold(&wire, chunk.service_tier);
            sink(&Delta::Usage { usage, alone: choices.is_empty() });
        }
        if let Some(error) = error {
            self.closed = true;
            sink(&Delta::Error(error));
        }
        Ok(())
    }

    /// The error that a chunk holds: as `error`, in `x_groq`, or the whole object.
    fn find_error(&self, chunk: &Chunk<'_>, is_error: bool, data: &[u8]) -> Option<UpstreamError> {
        let raw = || String::from_utf8_lossy(data).into_owned();
        if let Some(error) = chunk.error.filter(|error| is_set(error.get())) {
            return Some(read_error(error, raw()));
        }
        if let Some(groq) = chunk.x_groq {
            let groq: Groq<'_> = read_or_default(groq);
            if let Some(error) = groq.error {
                return Some(read_error(error, raw()));
            }
        }
        if chunk.choices.is_some() || chunk.usage.is_some() {
            return None;
        }
        let whole: ErrorBody<'_> = serde_json::from_slice(data).unwrap_or_default();
        let has_code = !(whole.code.0.is_empty() && whole.error_code.0.is_empty());
        let says_so = is_error
            || whole.kind.0.ends_with("error")
            || (has_code && !whole.message.0.is_empty())
            || (!self.started && !whole.detail.0.is_empty());
        says_so.then(|| into_error(whole, raw()))
    }

    fn choice(&mut self, choice: &Choice<'_>, sink: &mut impl FnMut(&Delta<'_>)) {
        let number = choice.index.0.unwrap_or(0);
        if let Some(message) = message(choice) {
            self.message(number, message, sink);
        } else if let Some(raw) = choice.text {
            let Text(text) = serde_json::from_str(raw.get()).unwrap_or_default();
            if !text.is_empty() {
                sink(&Delta::Text { choice: number, text: text.as_ref().into() });
            }
        }
        if let Some(raw) = choice.logprobs {
            sink(&Delta::Beside { choice: number, field: "logprobs", raw: raw.get() });
        }
    }

    fn message(&mut self, choice: u32, message: &Message<'_>, sink: &mut impl FnMut(&Delta<'_>)) {
        reasoning(choice, message, sink);
        if let Some(content) = &message.content {
            content_deltas(choice, content, sink);
        }
        if let Some(Text(text)) = &message.refusal
            && !text.is_empty()
        {
            sink(&Delta::Refusal { choice, text: text.as_ref().into() });
        }
        signature(choice, message.extra_content, sink);
        for call in &message.tool_calls.0 {
            signature(choice, call.extra_content, sink);
            let (name, arguments) = match (&call.function, &call.custom) {
                (Some(function), _) => (function.name.as_ref(), function.arguments.0.as_ref()),
                (None, Some(custom)) => (
                    custom.name.as_ref(),
                    custom.input.as_ref().map_or("", |input| input.0.as_ref()),
                ),
                (None, None) => (None, ""),
            };
            self.tool(choice, call.index.0, &call.id.0, text_of(name), arguments, sink);
        }
        if let Some(function) = &message.function_call {
            let name = text_of(function.name.as_ref());
            self.tool(choice, None, "", name, &function.arguments.0, sink);
        }
        if let Some(raw) = message.audio {
            let audio: Audio<'_> = read_or_default(raw);
            // Snowflake sends an empty one with every message.
            if !audio.is_empty() {
                sink(&Delta::Beside { choice, field: "audio", raw: raw.get() });
            }
        }
        for (field, raw) in [("annotations", message.annotations), ("images", message.images)] {
            if let Some(raw) = raw.filter(|raw| is_set(raw.get())) {
                sink(&Delta::Beside { choice, field, raw: raw.get() });
            }
        }
    }

    fn tool(
        &mut self,
        choice: u32,
        index: Option<u32>,
        id: &str,
        name: &str,
        arguments: &str,
        sink: &mut impl FnMut(&Delta<'_>),
    ) {
        let Some(call) = self.tools.place(choice, index, id, name) else {
            return;
        };
        if call.id.is_empty() {
            id.clone_into(&mut call.id);
        }
        if !call.started {
            name.clone_into(&mut call.name);
            // Some hosts send the id ahead of the name; the start waits until it can say both.
            if !(name.is_empty() && arguments.is_empty()) {
                call.started = true;
                sink(&Delta::ToolStart {
                    choice,
                    tool: call.tool,
                    id: call.id.as_str().into(),
                    name: name.into(),
                });
            }
        }
        if !arguments.is_empty() {
            call.push_arguments(arguments);
            sink(&Delta::ToolArguments { choice, tool: call.tool, fragment: arguments.into() });
        }
    }
}

fn emit_plain(plain: Plain, text: &str, sink: &mut impl FnMut(&Delta<'_>)) {
    if text.is_empty() {
        return;
    }
    let text = text.into();
    sink(&match plain {
        Plain::Text(choice) => Delta::Text { choice, text },
        Plain::Reasoning(choice) => Delta::Reasoning { choice, text },
    });
}

/// The text of a chunk that says one text and nothing else.
fn plain_text<'c>(chunk: &'c Chunk<'_>) -> Option<(Plain, &'c str)> {
    let [choice] = chunk.choices.as_deref()? else {
        return None;
    };
    let beside = [chunk.usage, chunk.x_groq, chunk.error, choice.logprobs, choice.usage];
    let says_more = choice.message.is_some() || !choice.finish_reason.0.is_empty();
    if says_more || beside.iter().any(Option::is_some) {
        return None;
    }
    choice.delta.as_ref()?.plain_text(choice.index.0.unwrap_or(0))
}

impl Message<'_> {
    fn plain_text(&self, choice: u32) -> Option<(Plain, &str)> {
        let beside = [
            self.reasoning_details,
            self.thinking_blocks,
            self.annotations,
            self.audio,
            self.images,
            self.extra_content,
        ];
        let says_more =
            self.refusal.is_some() || !self.tool_calls.0.is_empty() || self.function_call.is_some();
        if says_more || beside.iter().any(Option::is_some) {
            return None;
        }
        let content = match &self.content {
            None => "",
            Some(Content::Text(text)) => text.as_ref(),
            Some(Content::Parts(_)) => return None,
        };
        let thoughts = [&self.reasoning_content, &self.reasoning, &self.thinking];
        let mut thoughts =
            thoughts.map(|label| label.0.as_ref()).into_iter().filter(|text| !text.is_empty());
        match (content, thoughts.next(), thoughts.next()) {
            (text, None, _) => Some((Plain::Text(choice), text)),
            ("", Some(text), None) => Some((Plain::Reasoning(choice), text)),
            _ => None,
        }
    }
}

fn message<'c, 'a>(choice: &'c Choice<'a>) -> Option<&'c Message<'a>> {
    choice.delta.as_ref().or(choice.message.as_deref())
}

fn finish_word<'c>(choice: &'c Choice<'_>) -> &'c str {
    &choice.finish_reason.0
}

fn is_last(choice: &Choice<'_>) -> bool {
    FinishReason::parse(finish_word(choice)).is_some()
}

fn finish(choice: &Choice<'_>, sink: &mut impl FnMut(&Delta<'_>)) {
    if let Some(reason) = FinishReason::parse(finish_word(choice)) {
        let choice = choice.index.0.unwrap_or(0);
        sink(&Delta::Finish { choice, reason, stop_sequence: None });
    }
}

/// Gemini's signature, which stands before the call that it is about and behind a text.
fn signature(choice: u32, extra: Option<&RawValue>, sink: &mut impl FnMut(&Delta<'_>)) {
    let extra: ExtraContent<'_> = extra.map(read_or_default).unwrap_or_default();
    let given = extra.google.map(|google| google.thought_signature.0).unwrap_or_default();
    if !given.is_empty() {
        sink(&Delta::Signature { choice, signature: format!("{GEMINIS}{given}").into() });
    }
}

fn fragment_count(message: &Message<'_>) -> usize {
    message.tool_calls.0.len() + usize::from(message.function_call.is_some())
}

/// Whether a raw value says anything.
fn is_set(raw: &str) -> bool {
    !matches!(raw, "null" | "[]" | "{}" | "\"\"" | "false")
}

/// Reasoning: hosts that send it under several names send the same text, so the first name counts.
fn reasoning(choice: u32, message: &Message<'_>, sink: &mut impl FnMut(&Delta<'_>)) {
    let mut said = false;
    for text in [&message.reasoning_content.0, &message.reasoning.0, &message.thinking.0] {
        if !said && !text.is_empty() {
            said = true;
            sink(&Delta::Reasoning { choice, text: text.as_ref().into() });
        }
    }
    let details = message.reasoning_details.or(message.thinking_blocks);
    let Some(details) = details.filter(|raw| is_set(raw.get())) else {
        return;
    };
    let details: Vec<ReasoningDetail<'_>> = serde_json::from_str(details.get()).unwrap_or_default();
    for detail in &details {
        for text in [&detail.text.0, &detail.summary.0, &detail.thinking.0] {
            if !said && !text.is_empty() {
                sink(&Delta::Reasoning { choice, text: text.as_ref().into() });
            }
        }
        if !detail.signature.0.is_empty() {
            sink(&Delta::Signature { choice, signature: detail.signature.0.as_ref().into() });
        }
        if !detail.data.0.is_empty() {
            sink(&Delta::RedactedReasoning { choice, data: detail.data.0.as_ref().into() });
        }
    }
}

fn content_deltas(choice: u32, content: &Content<'_>, sink: &mut impl FnMut(&Delta<'_>)) {
    match content {
        Content::Text(text) => {
            if !text.is_empty() {
                sink(&Delta::Text { choice, text: text.as_ref().into() });
            }
        }
        Content::Parts(parts) => {
            for part in parts {
                if let Some(thinking) = part.thinking.as_ref().or(part.summary.as_ref()) {
                    thinking_deltas(choice, thinking, sink);
                }
                if let Some(Text(text)) = &part.text
                    && !text.is_empty()
                {
                    sink(&Delta::Text { choice, text: text.as_ref().into() });
                }
            }
        }
    }
}

fn thinking_deltas(choice: u32, thinking: &Content<'_>, sink: &mut impl FnMut(&Delta<'_>)) {
    let mut say = |text: &Cow<'_, str>| {
        if !text.is_empty() {
            sink(&Delta::Reasoning { choice, text: text.as_ref().into() });
        }
    };
    match thinking {
        Content::Text(text) => say(text),
        Content::Parts(parts) => {
            for part in parts {
                if let Some(text) = &part.text {
                    say(&text.0);
                }
            }
            for part in parts.iter().filter(|part| !part.signature.0.is_empty()) {
                sink(&Delta::Signature { choice, signature: part.signature.0.as_ref().into() });
            }
        }
    }
}

fn read_error(error: &RawValue, raw: String) -> UpstreamError {
    if let Ok(Text(message)) = serde_json::from_str(error.get()) {
        return UpstreamError { message: message.into_owned(), raw, ..UpstreamError::default() };
    }
    into_error(read_or_default(error), raw)
}

fn into_error(body: ErrorBody<'_>, raw: String) -> UpstreamError {
    let first = |one: Cow<'_, str>, other: Cow<'_, str>| {
        if one.is_empty() { other.into_owned() } else { one.into_owned() }
    };
    UpstreamError {
        message: first(body.message.0, body.detail.0),
        kind: body.kind.0.into_owned(),
        code: first(body.code.0, body.error_code.0),
        raw,
    }
}

//! Events in, deltas out.

use serde_json::value::RawValue;

use super::wire::{Answer, Citation, Content, Event, Message, Page, Said, Source, WireUsage};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::stream::call::Call;
use crate::stream::citation::web_source;
use crate::stream::error_body::read_error;
use crate::stream::mould::Mould;
use crate::stream::open_calls::OpenCalls;
use crate::stream::plain::Plain;
use crate::stream::text::{read_object, read_or_default, text_of};
use crate::stream::{Delta, FinishReason, UpstreamError};

const DIALECT: &str = Dialect::Cohere.name();
/// What it writes for a call without arguments.
const NO_ARGUMENTS: &str = "null";

/// Reads the events of one stream.
#[derive(Debug, Default)]
pub struct Decoder {
    started: bool,
    closed: bool,
    calls: OpenCalls,
    plain: Mould<Plain>,
}

impl Decoder {
    /// Hands out what one event holds; see [`crate::stream::Decoder::event`].
    pub fn event(
        &mut self,
        name: &str,
        data: &[u8],
        mut sink: impl FnMut(&Delta<'_>),
    ) -> Result<(), Error> {
        let data = data.trim_ascii();
        // Behind `message-end` one word follows that says nothing more.
        if self.closed || data.is_empty() || data == b"[DONE]" {
            return Ok(());
        }
        if let Some((plain, text)) = self.plain.fit(data) {
            plain.tell(text, &mut sink);
            return Ok(());
        }
        let event: Event<'_> = read_object(DIALECT, data)?;
        let kind = if event.kind.0.is_empty() { name } else { event.kind.0.as_ref() };
        match kind {
            "content-delta" | "content-start" | "tool-plan-delta" => {
                self.start("", &mut sink);
                if let Some((plain, text)) = plain_text(&event) {
                    plain.tell(text, &mut sink);
                    self.plain.learn(data, text, plain);
                }
            }
            "tool-call-delta" => self.call_delta(&event, &mut sink),
            "tool-call-start" => self.call_start(&event, &mut sink)?,
            "tool-call-end" => {
                self.calls.end(event.index.0.unwrap_or(0));
                sink(&Delta::BlockEnd);
            }
            "content-end" => sink(&Delta::BlockEnd),
            "citation-start" => {
                let piece = event.delta.as_ref().and_then(|delta| delta.message.as_ref());
                if let Some(citation) = piece.and_then(|piece| piece.citations.0.as_ref()) {
                    cite(citation, &mut sink);
                }
            }
            "message-start" => self.start(&event.id.0, &mut sink),
            "message-end" => self.end(&event, data, &mut sink),
            _ if kind == "error" || event.message.is_some() => {
                self.closed = true;
                sink(&Delta::Error(read_error(None, data)));
            }
            // `citation-end`, `debug`, and what Cohere will add.
            _ => {}
        }
        Ok(())
    }

    /// Hands out what a whole answer holds.
    pub fn whole(&mut self, body: &[u8], mut sink: impl FnMut(&Delta<'_>)) -> Result<(), Error> {
        let answer: Answer<'_> = read_object(DIALECT, body)?;
        let message = match answer.message {
            Some(Said::Error) => {
                self.closed = true;
                sink(&Delta::Error(read_error(None, body)));
                return Ok(());
            }
            Some(Said::Message(message)) => message,
            None => Message::default(),
        };
        self.start(&answer.id.0, &mut sink);
        Plain::Reasoning.tell(text_of(message.tool_plan.as_ref()), &mut sink);
        contents(&message, &mut sink);
        for call in message.tool_calls.iter().flatten() {
            let tool = self.calls.next_tool();
            tool_start(tool, call, &mut sink);
            let given = call.function.as_ref().map_or("", |function| &function.arguments.0);
            tool_arguments(tool, Some(given).filter(|given| *given != NO_ARGUMENTS), &mut sink);
            sink(&Delta::BlockEnd);
        }
        if is_failure(&answer.finish_reason.0) {
            self.closed = true;
            sink(&Delta::Error(failure(&answer.finish_reason.0, "", "", body)));
            return Ok(());
        }
        finish(&answer.finish_reason.0, &mut sink);
        usage(answer.usage, &mut sink);
        Ok(())
    }

    /// Its answers do not name the model.
    fn start(&mut self, id: &str, sink: &mut impl FnMut(&Delta<'_>)) {
        if !self.started {
            self.started = true;
            sink(&Delta::Start { id: id.into(), model: "".into(), created_s: None });
        }
    }

    fn call_start(
        &mut self,
        event: &Event<'_>,
        sink: &mut impl FnMut(&Delta<'_>),
    ) -> Result<(), Error> {
        let Some(call) = call_of(event) else { return Ok(()) };
        self.calls.admit(DIALECT)?;
        self.start("", sink);
        let tool = self.calls.next_tool();
        tool_start(tool, call, sink);
        self.calls.begin(event.index.0.unwrap_or(0), Some(tool));
        self.call_delta(event, sink);
        Ok(())
    }

    fn call_delta(&mut self, event: &Event<'_>, sink: &mut impl FnMut(&Delta<'_>)) {
        let given = call_of(event).and_then(|call| call.function.as_ref());
        let fragment = given.map_or("", |function| function.arguments.0.as_ref());
        let Some(open) = self.calls.at(event.index.0.unwrap_or(0)) else { return };
        let is_void = !open.has_arguments && fragment == NO_ARGUMENTS;
        if let Some(tool) = open.tool.filter(|_| !fragment.is_empty() && !is_void) {
            open.has_arguments = true;
            tool_arguments(tool, Some(fragment), sink);
        }
    }

    fn end(&mut self, event: &Event<'_>, data: &[u8], sink: &mut impl FnMut(&Delta<'_>)) {
        self.closed = true;
        self.start("", sink);
        let Some(delta) = &event.delta else { return sink(&Delta::End) };
        if is_failure(&delta.finish_reason.0) || !delta.error.0.is_empty() {
            let reason = &delta.finish_reason.0;
            let told = failure(reason, &delta.error.0, &delta.error_type.0, data);
            return sink(&Delta::Error(told));
        }
        finish(&delta.finish_reason.0, sink);
        usage(delta.usage, sink);
        sink(&Delta::End);
    }
}

/// The text of an event that says one text and nothing else. What a model plans to do with its tools is a thought.
fn plain_text<'e>(event: &'e Event<'_>) -> Option<(Plain, &'e str)> {
    let piece = event.delta.as_ref()?.message.as_ref()?;
    match &piece.content.0 {
        Some(content) => Some(told(content)),
        None => Some((Plain::Reasoning, text_of(piece.tool_plan.as_ref()))),
    }
}

fn told<'c>(content: &'c Content<'_>) -> (Plain, &'c str) {
    match text_of(content.thinking.as_ref()) {
        "" => (Plain::Text, text_of(content.text.as_ref())),
        thinking => (Plain::Reasoning, thinking),
    }
}

fn call_of<'e, 'a>(event: &'e Event<'a>) -> Option<&'e Call<'a>> {
    event.delta.as_ref()?.message.as_ref()?.tool_calls.0.as_ref()
}

/// The parts of a whole message, each with its sources.
fn contents(message: &Message<'_>, sink: &mut impl FnMut(&Delta<'_>)) {
    let parts = message.content.as_deref().unwrap_or_default();
    for (index, content) in parts.iter().enumerate() {
        let (plain, text) = told(content);
        plain.tell(text, sink);
        let is_last = index + 1 == parts.len();
        for citation in message.citations.iter().flatten() {
            let is_here = citation.content_index.0.map_or(is_last, |at| at as usize == index);
            if is_here {
                cite(citation, sink);
            }
        }
        sink(&Delta::BlockEnd);
    }
}

fn tool_start(tool: u32, call: &Call<'_>, sink: &mut impl FnMut(&Delta<'_>)) {
    let name = call.function.as_ref().map_or("", |function| function.name.0.as_ref());
    sink(&Delta::ToolStart { choice: 0, tool, id: call.id.0.as_ref().into(), name: name.into() });
}

fn tool_arguments(tool: u32, fragment: Option<&str>, sink: &mut impl FnMut(&Delta<'_>)) {
    if let Some(fragment) = fragment.filter(|fragment| !fragment.is_empty()) {
        sink(&Delta::ToolArguments { choice: 0, tool, fragment: fragment.into() });
    }
}

/// Sources with an address, in Anthropic's words, which other dialects read; the others have no counterpart.
fn cite(citation: &Citation<'_>, sink: &mut impl FnMut(&Delta<'_>)) {
    for source in citation.sources.iter().flatten() {
        let page = page_of(source);
        let url = [&page.url.0, &source.id.0].into_iter().find(|url| url.starts_with("http"));
        if let Some(url) = url {
            sink(&Delta::Citation { raw: &web_source(url, &page.title.0) });
        }
    }
}

fn page_of<'a>(source: &Source<'a>) -> Page<'a> {
    source.document.or(source.tool_output).map(read_or_default).unwrap_or_default()
}

/// Reasons that end no answer.
fn is_failure(reason: &str) -> bool {
    reason.starts_with("ERROR") || reason == "TIMEOUT"
}

fn failure(reason: &str, message: &str, kind: &str, data: &[u8]) -> UpstreamError {
    let or = |text: &str, other: String| if text.is_empty() { other } else { text.to_owned() };
    UpstreamError {
        message: or(message, format!("the provider ended its answer with {reason}")),
        kind: or(kind, reason.to_owned()),
        code: or(kind, reason.to_owned()),
        raw: String::from_utf8_lossy(data).into_owned(),
    }
}

fn finish(reason: &str, sink: &mut impl FnMut(&Delta<'_>)) {
    if let Some(reason) = FinishReason::parse(reason) {
        sink(&Delta::Finish { choice: 0, reason, stop_sequence: None });
    }
}

fn usage(raw: Option<&RawValue>, sink: &mut impl FnMut(&Delta<'_>)) {
    let wire: WireUsage<'_> = raw.map(read_or_default).unwrap_or_default();
    let usage = wire.usage();
    if !usage.is_empty() {
        sink(&Delta::Usage { usage, alone: false });
    }
}

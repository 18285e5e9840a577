//! Events in, deltas out.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::value::RawValue;

use super::origin::{Sealed, unseal};
use super::usage::WireUsage;
use super::wire::{Annotation, Event, IncompleteDetails, Item, ItemHead, Part, Response};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::stream::citation::web_source;
use crate::stream::error_body::read_error;
use crate::stream::mould::Mould;
use crate::stream::text::{Text, read_object, read_or_default};
use crate::stream::{Delta, FinishReason};

const DIALECT: &str = Dialect::OpenAiResponses.name();

/// Far above what an answer holds; bounds what a hostile host can make us keep.
const MAX_ITEMS: usize = 4096;

/// Reads the events of one stream.
#[derive(Debug, Default)]
pub struct Decoder {
    started: bool,
    closed: bool,
    items: Vec<Known>,
    tool_count: u32,
    web_searches: u64,
    /// Of pieces of text.
    mould: Mould<()>,
}

/// An entry of `output` that has begun.
#[derive(Debug)]
struct Known {
    index: u32,
    kind: Kind,
    /// Some of its text has come.
    said: bool,
    done: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Message,
    Reasoning,
    Tool(u32),
    /// What the vendor does itself.
    Vendor,
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
        // Some hosts end as Chat Completions do, behind the last event.
        if self.closed || data.is_empty() || data == b"[DONE]" {
            return Ok(());
        }
        if let Some(((), text)) = self.mould.fit(data)
            && !text.is_empty()
        {
            sink(&Delta::Text { choice: 0, text: text.into() });
            return Ok(());
        }
        let event: Event<'_> = read_object(DIALECT, data)?;
        let kind = if event.kind.0.is_empty() { name } else { event.kind.0.as_ref() };
        match kind {
            "response.output_text.delta" => {
                self.piece(&event, Kind::Message, &mut sink, text)?;
                self.learn(&event, data);
                Ok(())
            }
            "response.refusal.delta" => self.piece(&event, Kind::Message, &mut sink, refusal),
            "response.reasoning_text.delta" | "response.reasoning_summary_text.delta" => {
                self.piece(&event, Kind::Reasoning, &mut sink, reasoning)
            }
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                self.arguments(&event, &mut sink)
            }
            // Hosts that send no pieces.
            "response.output_text.done" => self.whole_text(&event, &mut sink),
            "response.function_call_arguments.done" => {
                self.whole_arguments(&event, &mut sink);
                Ok(())
            }
            "response.code_interpreter_call_code.delta" | "response.mcp_call_arguments.delta" => {
                let text = event.delta.and_then(as_text).unwrap_or_default();
                sink(&Delta::Unshown { choice: 0, text });
                Ok(())
            }
            "response.output_item.added" => self.item(&event, false, &mut sink),
            "response.output_item.done" => self.item(&event, true, &mut sink),
            "response.reasoning_summary_part.added" => {
                self.next_summary(&event, &mut sink);
                Ok(())
            }
            "response.output_text.annotation.added" => {
                cite(event.annotation, &mut sink);
                Ok(())
            }
            "response.created" | "response.in_progress" | "response.queued" => {
                self.start(&read_response(&event)?, &mut sink);
                Ok(())
            }
            "response.completed"
            | "response.incomplete"
            | "response.failed"
            | "response.cancelled" => self.last(kind, &event, data, &mut sink),
            _ if kind == "error" || event.error.is_some() => {
                self.closed = true;
                sink(&Delta::Error(read_error(event.error, data)));
                Ok(())
            }
            "" | "message" => Err(malformed("no type")),
            // Progress of the vendor's own tools, repetitions of what was said, and what will be added.
            _ => Ok(()),
        }
    }

    /// Hands out what a whole answer holds.
    pub fn whole(&mut self, body: &[u8], mut sink: impl FnMut(&Delta<'_>)) -> Result<(), Error> {
        let response: Response<'_> = read_object(DIALECT, body)?;
        if let Some(error) = response.error.filter(|error| error.get() != "null") {
            self.usage(&response, &mut sink);
            sink(&Delta::Error(read_error(Some(error), body)));
            return Ok(());
        }
        let status = response.status.0.as_ref();
        let kind =
            if status == "incomplete" { "response.incomplete" } else { "response.completed" };
        self.start(&response, &mut sink);
        self.rest(&response, &mut sink)?;
        self.usage(&response, &mut sink);
        let is_over = !matches!(status, "queued" | "in_progress");
        if is_over && response.output.is_some() {
            self.finish(kind, &response, &mut sink);
        }
        Ok(())
    }

    fn start(&mut self, response: &Response<'_>, sink: &mut impl FnMut(&Delta<'_>)) {
        if !self.started {
            self.started = true;
            sink(&Delta::Start {
                id: response.id.0.as_ref().into(),
                model: response.model.0.as_ref().into(),
                created_s: response.created_at.0,
            });
        }
    }

    fn piece(
        &mut self,
        event: &Event<'_>,
        kind: Kind,
        sink: &mut impl FnMut(&Delta<'_>),
        delta: impl FnOnce(Cow<'_, str>) -> Delta<'_>,
    ) -> Result<(), Error> {
        let text = read_delta(event)?;
        let index = self.index(event);
        if !text.is_empty() {
            self.place(index, kind)?.said = true;
            sink(&delta(text));
        }
        Ok(())
    }

    /// Which entry an event is about: the last one, at hosts that do not say.
    fn index(&self, event: &Event<'_>) -> u32 {
        let last = || self.items.last().map_or(0, |item| item.index);
        event.output_index.0.unwrap_or_else(last)
    }

    fn whole_text(
        &mut self,
        event: &Event<'_>,
        sink: &mut impl FnMut(&Delta<'_>),
    ) -> Result<(), Error> {
        let place = self.place(self.index(event), Kind::Message)?;
        if !event.text.0.is_empty() && !std::mem::replace(&mut place.said, true) {
            sink(&text(Cow::Borrowed(&event.text.0)));
        }
        Ok(())
    }

    fn whole_arguments(&mut self, event: &Event<'_>, sink: &mut impl FnMut(&Delta<'_>)) {
        let index = self.index(event);
        let known = self.items.iter_mut().find(|item| item.index == index);
        let Some(Known { kind: Kind::Tool(tool), said, .. }) = known else { return };
        let given = event.arguments.0.as_ref();
        if !given.is_empty() && !std::mem::replace(said, true) {
            sink(&Delta::ToolArguments { choice: 0, tool: *tool, fragment: given.into() });
        }
    }

    /// Remembers the shape of a piece of text. Its place is known now, and that something was said there.
    fn learn(&mut self, event: &Event<'_>, data: &[u8]) {
        if let Ok(Cow::Borrowed(text)) = read_delta(event)
            && !text.is_empty()
            && !event.kind.0.is_empty()
        {
            self.mould.learn(data, text, ());
        }
    }

    fn arguments(
        &mut self,
        event: &Event<'_>,
        sink: &mut impl FnMut(&Delta<'_>),
    ) -> Result<(), Error> {
        let fragment = read_delta(event)?;
        let index = self.index(event);
        let known = self.items.iter_mut().find(|item| item.index == index);
        let Some(Known { kind: Kind::Tool(tool), said, .. }) = known else {
            return Err(malformed("arguments of no function call"));
        };
        if !fragment.is_empty() {
            *said = true;
            sink(&Delta::ToolArguments { choice: 0, tool: *tool, fragment });
        }
        Ok(())
    }

    /// The entry at a place, made if its beginning was left out.
    fn place(&mut self, index: u32, kind: Kind) -> Result<&mut Known, Error> {
        let known = self.items.iter().rposition(|item| item.index == index);
        let at = match known {
            Some(at) => at,
            None if self.items.len() < MAX_ITEMS => {
                self.items.push(Known { index, kind, said: false, done: false });
                self.items.len() - 1
            }
            None => return Err(malformed("more items than an answer can hold")),
        };
        self.items.get_mut(at).ok_or_else(|| malformed("an item without a place"))
    }

    /// An entry begins, or ends and is told whole.
    fn item(
        &mut self,
        event: &Event<'_>,
        done: bool,
        sink: &mut impl FnMut(&Delta<'_>),
    ) -> Result<(), Error> {
        let raw = event.item.ok_or_else(|| malformed("an item event without an item"))?;
        // One that does not say its place begins behind the others, and the last one is the one that ends.
        let last = self.items.last();
        let begins = |item: &Known| item.done || !done;
        let place = last.map_or(0, |item| item.index + u32::from(begins(item)));
        self.entry(event.output_index.0.unwrap_or(place), raw, done, sink)
    }

    fn entry(
        &mut self,
        index: u32,
        raw: &RawValue,
        done: bool,
        sink: &mut impl FnMut(&Delta<'_>),
    ) -> Result<(), Error> {
        let head: ItemHead<'_> = read_or_default(raw);
        let wanted = match head.kind.0.as_ref() {
            "message" => Kind::Message,
            "reasoning" => Kind::Reasoning,
            "function_call" | "custom_tool_call" => Kind::Tool(self.tool_count),
            _ => Kind::Vendor,
        };
        let is_new = !self.items.iter().any(|item| item.index == index);
        let known = self.place(index, wanted)?;
        let (kind, said) = (known.kind, known.said);
        if done && std::mem::replace(&mut known.done, true) {
            return Ok(());
        }
        match kind {
            Kind::Vendor => {
                self.web_searches += u64::from(done && head.kind.0 == "web_search_call");
                Ok(())
            }
            Kind::Tool(tool) => {
                let item: Item<'_> = read_object(DIALECT, raw.get().as_bytes())?;
                if is_new {
                    self.tool_count = self.tool_count.saturating_add(1);
                    let (id, name) = (item.call_id.0.as_ref().into(), item.name.0.as_ref().into());
                    sink(&Delta::ToolStart { choice: 0, tool, id, name });
                }
                if done && !said {
                    let arguments = Text(item.arguments.0);
                    let given = item.input.as_ref().unwrap_or(&arguments);
                    emit(
                        Some(given),
                        |fragment| Delta::ToolArguments { choice: 0, tool, fragment },
                        sink,
                    );
                }
                Ok(())
            }
            Kind::Message if done => {
                let item: Item<'_> = read_object(DIALECT, raw.get().as_bytes())?;
                if !said {
                    item.parts().iter().for_each(|part| spoken(part, sink));
                }
                sink(&Delta::BlockEnd);
                Ok(())
            }
            Kind::Reasoning if done => {
                let item: Item<'_> = read_object(DIALECT, raw.get().as_bytes())?;
                thought(&item, said, sink);
                Ok(())
            }
            Kind::Message | Kind::Reasoning => Ok(()),
        }
    }

    /// Parts of a summary are paragraphs.
    fn next_summary(&mut self, event: &Event<'_>, sink: &mut impl FnMut(&Delta<'_>)) {
        let index = self.index(event);
        let said = self.items.iter().any(|item| item.index == index && item.said);
        if said && event.summary_index.0.is_some_and(|part| part > 0) {
            sink(&Delta::Reasoning { choice: 0, text: "\n\n".into() });
        }
    }

    /// Entries that no event has told; some hosts send short answers so.
    fn rest(
        &mut self,
        response: &Response<'_>,
        sink: &mut impl FnMut(&Delta<'_>),
    ) -> Result<(), Error> {
        for (index, raw) in (0..).zip(response.output.as_deref().unwrap_or_default()) {
            self.entry(index, raw, true, sink)?;
        }
        Ok(())
    }

    fn last(
        &mut self,
        kind: &str,
        event: &Event<'_>,
        data: &[u8],
        sink: &mut impl FnMut(&Delta<'_>),
    ) -> Result<(), Error> {
        let response = read_response(event)?;
        self.start(&response, sink);
        let succeeds = matches!(kind, "response.completed" | "response.incomplete");
        if succeeds && self.items.is_empty() {
            self.rest(&response, sink)?;
        }
        self.usage(&response, sink);
        self.closed = true;
        if succeeds {
            self.finish(kind, &response, sink);
            sink(&Delta::End);
        } else {
            let error = response.error.filter(|error| error.get() != "null");
            let mut error = read_error(error.or(Some(RawValue::NULL)), data);
            if error.message.is_empty() {
                // Nothing but the kind of the end is known.
                let _ = write!(error.message, "the upstream ended the response: {kind}");
            }
            sink(&Delta::Error(error));
        }
        Ok(())
    }

    fn usage(&self, response: &Response<'_>, sink: &mut impl FnMut(&Delta<'_>)) {
        if let Some(raw) = response.usage.filter(|raw| raw.get() != "null") {
            let wire: WireUsage = read_or_default(raw);
            let usage = wire.read(&response.service_tier.0, self.web_searches);
            sink(&Delta::Usage { usage, alone: false });
        }
    }

    fn finish(&self, kind: &str, response: &Response<'_>, sink: &mut impl FnMut(&Delta<'_>)) {
        let details: IncompleteDetails<'_> =
            response.incomplete_details.map(read_or_default).unwrap_or_default();
        let reason = match (kind, FinishReason::parse(&details.reason.0)) {
            ("response.incomplete", Some(reason)) => reason,
            ("response.incomplete", None) => FinishReason::Length,
            _ if self.tool_count > 0 => FinishReason::ToolCalls,
            _ => FinishReason::Stop,
        };
        sink(&Delta::Finish { choice: 0, reason, stop_sequence: None });
    }
}

fn text(text: Cow<'_, str>) -> Delta<'_> {
    Delta::Text { choice: 0, text }
}

fn refusal(text: Cow<'_, str>) -> Delta<'_> {
    Delta::Refusal { choice: 0, text }
}

fn reasoning(text: Cow<'_, str>) -> Delta<'_> {
    Delta::Reasoning { choice: 0, text }
}

/// Hands out a text that is there and not empty.
fn emit<'t>(
    text: Option<&'t Text<'_>>,
    delta: impl FnOnce(Cow<'t, str>) -> Delta<'t>,
    sink: &mut impl FnMut(&Delta<'_>),
) {
    if let Some(Text(text)) = text
        && !text.is_empty()
    {
        sink(&delta(Cow::Borrowed(text)));
    }
}

fn spoken(part: &Part<'_>, sink: &mut impl FnMut(&Delta<'_>)) {
    emit(part.text.as_ref(), text, sink);
    emit(part.refusal.as_ref(), refusal, sink);
    for raw in part.annotations.iter().flatten() {
        cite(Some(raw), sink);
    }
}

/// A whole thought; `said`: its text has been handed out.
fn thought(item: &Item<'_>, said: bool, sink: &mut impl FnMut(&Delta<'_>)) {
    let mut is_readable = said;
    if !said {
        // Where both are there the summary is of the content, so one of them is enough.
        let content = item.parts().iter();
        let parts: Vec<&Part<'_>> = match item.summary.as_deref() {
            Some(summary) if !summary.is_empty() => summary.iter().collect(),
            _ => content.collect(),
        };
        for (number, part) in parts.into_iter().enumerate() {
            if number > 0 && is_readable {
                sink(&reasoning("\n\n".into()));
            }
            is_readable |= part.text.as_ref().is_some_and(|text| !text.0.is_empty());
            emit(part.text.as_ref(), reasoning, sink);
        }
    }
    if item.encrypted_content.0.is_empty() {
        return;
    }
    sink(&match unseal(&item.id.0, &item.encrypted_content.0, is_readable) {
        Sealed::Signature(signature) => Delta::Signature { choice: 0, signature },
        Sealed::Redacted(data) => Delta::RedactedReasoning { choice: 0, data },
    });
}

/// A source with an address, in the one shape that all encoders read: Anthropic's.
fn cite(annotation: Option<&RawValue>, sink: &mut impl FnMut(&Delta<'_>)) {
    let Some(raw) = annotation else { return };
    let source: Annotation<'_> = read_or_default(raw);
    if source.url.0.is_empty() {
        return; // places in files of the vendor's have no counterpart
    }
    sink(&Delta::Citation { raw: &web_source(&source.url.0, &source.title.0) });
}

fn malformed(reason: &str) -> Error {
    Error::MalformedEvent { dialect: DIALECT, reason: reason.to_owned() }
}

fn read_response<'a>(event: &Event<'a>) -> Result<Response<'a>, Error> {
    let raw = event.response.ok_or_else(|| malformed("a response event without a response"))?;
    read_object(DIALECT, raw.get().as_bytes())
}

fn as_text(raw: &RawValue) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Text<'_>>(raw.get()).ok().map(|text| text.0)
}

fn read_delta<'a>(event: &Event<'a>) -> Result<Cow<'a, str>, Error> {
    let raw = event.delta.ok_or_else(|| malformed("a delta event without a delta"))?;
    as_text(raw).ok_or_else(|| malformed("a delta of the wrong type"))
}

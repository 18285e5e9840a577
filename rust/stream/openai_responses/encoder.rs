//! Deltas in, events out.
//!
//! Entries of the output follow one another. The exception is a host that interleaves parallel tool calls: a call whose
//! arguments are not whole yet stays open, and its pieces are told apart by index.

use super::items::{Call, Events, Item, Kind, Part, PartKind, Status, annotation};
use super::origin::{seal_redacted, seal_signature};
use super::response::{Frame, Growing, call_id, item_id};
use crate::stream::encoder::{Options, StreamError};
use crate::stream::text::write_json;
use crate::stream::{Delta, FinishReason, Trail, Usage};

/// Writes the events of one stream.
#[derive(Debug)]
pub struct Encoder {
    options: Options,
    frame: Frame,
    events: Events,
    closed: bool,
    next: u32,
    open: Vec<Item>,
    done: Vec<(u32, Vec<u8>)>,
    /// Sources of the open block of text, and where that began, in characters.
    sources: Vec<String>,
    block_began: usize,
    finish: Option<FinishReason>,
    usage: Usage,
    cost_usd: Option<String>,
    kept: Option<Vec<u8>>,
}

impl Encoder {
    /// An encoder at the start of a stream.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            frame: Frame::default(),
            events: Events::default(),
            closed: false,
            next: 0,
            open: Vec::new(),
            done: Vec::new(),
            sources: Vec::new(),
            block_began: 0,
            finish: None,
            usage: Usage::default(),
            cost_usd: None,
            kept: None,
        }
    }

    /// An encoder for the rest of a stream.
    pub fn resume(options: Options, trail: &Trail) -> Self {
        let mut encoder = Self::new(options);
        if let Some(trail) = &trail.responses {
            encoder.frame = trail.frame.clone();
            encoder.events = trail.events;
            encoder.open.clone_from(&trail.open);
            encoder.done.clone_from(&trail.done);
        }
        encoder
    }

    /// Appends what `delta` becomes; see [`crate::stream::Encoder::delta`].
    ///
    /// Only the first alternative is written, since this dialect has no others.
    pub fn delta(&mut self, delta: &Delta<'_>, out: &mut Vec<u8>) {
        if self.closed {
            return;
        }
        match delta {
            Delta::Text { choice: 0, text } => self.piece(PartKind::Text, text, out),
            Delta::Refusal { choice: 0, text } => self.piece(PartKind::Refusal, text, out),
            Delta::Reasoning { choice: 0, text } => self.piece(PartKind::Summary, text, out),
            Delta::Signature { choice: 0, signature } => self.signature(signature, out),
            Delta::RedactedReasoning { choice: 0, data } => {
                let (id, encrypted) = seal_redacted(data);
                let encrypted = Some(encrypted.into_owned());
                self.begin("rs", id, Kind::Reasoning { encrypted }, out);
                self.close_last(Status::Completed, out);
            }
            Delta::ToolStart { choice: 0, tool, id, name } => self.tool_start(*tool, id, name, out),
            Delta::ToolArguments { choice: 0, tool, fragment } => {
                self.arguments(*tool, fragment, out);
            }
            Delta::Citation { raw } => self.sources.push((*raw).to_owned()),
            Delta::BlockEnd => self.block_end(out),
            Delta::Start { id, model, created_s } => {
                self.frame = Frame::new(id, model, *created_s, &self.options);
                self.start(out);
            }
            Delta::Usage { usage, .. } => self.usage = *usage,
            // The end waits: this dialect sends usage with it.
            Delta::Finish { choice: 0, reason, .. } => self.finish = Some(*reason),
            Delta::Error(error) => {
                let request_id = std::mem::take(&mut self.options.request_id);
                self.error(&StreamError::from_upstream(error, &request_id), out);
            }
            Delta::End => self.end(out),
            // Other alternatives, and what this dialect has no place for.
            _ => {}
        }
    }

    /// Sets what the last usage says.
    pub fn settle(&mut self, usage: Usage, cost_usd: Option<&str>) {
        self.usage = usage;
        self.cost_usd = cost_usd.map(str::to_owned);
    }

    /// The whole answer, once it is over and is to be kept.
    pub fn take_kept(&mut self) -> Option<Vec<u8>> {
        self.kept.take()
    }

    /// Appends an error, which ends the stream. It stands there twice: as the API's pages have it, and as `OpenAI` sends
    /// it and its SDK reads it.
    pub fn error(&mut self, error: &StreamError<'_>, out: &mut Vec<u8>) {
        if self.closed {
            return;
        }
        self.closed = true;
        self.events.write("error", out, |out| {
            for (field, text) in [
                (",\"code\":", error.code),
                (",\"message\":", error.message),
                (",\"param\":null,\"error\":{\"type\":", error.kind),
                (",\"code\":", error.code),
                (",\"message\":", error.message),
                (",\"param\":null,\"origin\":", error.origin),
                (",\"request_id\":", error.request_id),
            ] {
                out.extend_from_slice(field.as_bytes());
                write_json(out, text);
            }
            out.push(b'}');
        });
    }

    fn start(&mut self, out: &mut Vec<u8>) {
        for name in ["response.created", "response.in_progress"] {
            let growing =
                Growing { status: Status::InProgress, incomplete: None, output: &[], usage: None };
            let frame = &self.frame;
            self.events.write(name, out, |out| {
                out.extend_from_slice(b",\"response\":");
                frame.write(&growing, out);
            });
        }
    }

    fn piece(&mut self, kind: PartKind, text: &str, out: &mut Vec<u8>) {
        self.enter(kind, out);
        let Self { open, events, .. } = self;
        let Some(item) = open.last_mut() else { return };
        events.part_delta(item, text, out);
        if let Some(part) = item.parts.last_mut() {
            part.text.push_str(text);
        }
    }

    /// Makes the last item one that takes a piece of this kind, and its last part that piece's.
    fn enter(&mut self, kind: PartKind, out: &mut Vec<u8>) {
        let is_reasoning = matches!(kind, PartKind::Summary | PartKind::Reasoning);
        let fits = self.open.last().is_some_and(|item| match &item.kind {
            Kind::Message => !is_reasoning,
            Kind::Reasoning { encrypted } => is_reasoning && encrypted.is_none(),
            _ => false,
        });
        if !fits {
            let (prefix, new) = if is_reasoning {
                ("rs", Kind::Reasoning { encrypted: None })
            } else {
                ("msg", Kind::Message)
            };
            self.begin(prefix, None, new, out);
        }
        let is_other = |part: &Part| part.kind != kind;
        if self.open.last().and_then(|item| item.parts.last()).is_some_and(is_other) {
            self.block_end(out);
            if let Some(item) = self.open.last() {
                self.events.end_part(item, out);
            }
        }
        let Some(item) = self.open.last_mut() else { return };
        if item.parts.last().is_none_or(is_other) {
            self.block_began = 0;
            item.parts.push(Part::new(kind));
            self.events.part_added(item, out);
        }
    }

    /// Begins an item behind the others.
    fn begin(&mut self, prefix: &str, id: Option<&str>, kind: Kind, out: &mut Vec<u8>) {
        self.close_finished(out);
        if self.frame.is_empty() {
            self.frame = Frame::new("", "", None, &self.options);
            self.start(out);
        }
        let index = self.next;
        self.next += 1;
        let id = id.map_or_else(|| item_id(prefix, index, &self.options), str::to_owned);
        let item = Item { index, id, kind, parts: Vec::new() };
        self.events.item("response.output_item.added", &item, Status::InProgress, out);
        self.open.push(item);
    }

    fn signature(&mut self, signature: &str, out: &mut Vec<u8>) {
        let (id, sealed) = seal_signature(signature);
        let is_open = self.open.last().is_some_and(
            |item| matches!(&item.kind, Kind::Reasoning { encrypted } if encrypted.is_none()),
        );
        if !is_open {
            self.begin("rs", id, Kind::Reasoning { encrypted: None }, out);
        }
        if let Some(item) = self.open.last_mut() {
            item.kind = Kind::Reasoning { encrypted: Some(sealed.into_owned()) };
        }
        self.close_last(Status::Completed, out);
    }

    fn tool_start(&mut self, number: u32, id: &str, name: &str, out: &mut Vec<u8>) {
        let form = self.options.tool_forms.of(name);
        let call = Call::of(number, call_id(id, number, &self.options), name, form);
        self.begin(call.prefix(), None, Kind::Tool(call), out);
    }

    fn arguments(&mut self, number: u32, fragment: &str, out: &mut Vec<u8>) {
        let Self { open, events, .. } = self;
        for item in open.iter_mut().rev() {
            let Kind::Tool(call) = &mut item.kind else { continue };
            if call.number == number {
                let shown = call.push(fragment);
                if !shown.is_empty() {
                    events.arguments(item, &shown, out);
                }
                return;
            }
        }
    }

    /// A block of text ended: its sources are known, and so is what of the text they are of.
    fn block_end(&mut self, out: &mut Vec<u8>) {
        let Self { open, events, sources, block_began, .. } = self;
        let Some(item) = open.last_mut() else { return };
        let Some(part) = item.parts.last_mut() else { return };
        let (begin, end) = (*block_began, part.text.chars().count());
        *block_began = end;
        let before = part.annotations.len();
        part.annotations.extend(sources.drain(..).filter_map(|raw| annotation(&raw, begin, end)));
        for number in before..part.annotations.len() {
            events.annotation(item, number, out);
        }
    }

    /// Ends every item but the tool calls that wait for more arguments.
    fn close_finished(&mut self, out: &mut Vec<u8>) {
        self.block_end(out);
        for item in std::mem::take(&mut self.open) {
            match &item.kind {
                Kind::Tool(call) if !call.nesting.is_complete() => self.open.push(item),
                _ => self.close(item, Status::Completed, out),
            }
        }
    }

    fn close_last(&mut self, status: Status, out: &mut Vec<u8>) {
        if let Some(item) = self.open.pop() {
            self.close(item, status, out);
        }
    }

    fn close(&mut self, mut item: Item, status: Status, out: &mut Vec<u8>) {
        if let Kind::Tool(call) = &mut item.kind
            && status == Status::Completed
        {
            let rest = call.rest();
            if !rest.is_empty() {
                self.events.arguments(&item, &rest, out);
            }
        }
        self.events.end_item(&item, status, out);
        let mut written = Vec::new();
        item.write(status, &mut written);
        self.done.push((item.index, written));
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.closed = true;
        let incomplete = self.finish.and_then(FinishReason::openai_responses);
        let status = if incomplete.is_some() { Status::Incomplete } else { Status::Completed };
        self.block_end(out);
        for item in std::mem::take(&mut self.open) {
            self.close(item, status, out);
        }
        if self.frame.is_empty() {
            self.frame = Frame::new("", "", None, &self.options);
            self.start(out);
        }
        self.done.sort_by_key(|(index, _)| *index);
        let output: Vec<Vec<u8>> = self.done.drain(..).map(|(_, item)| item).collect();
        let usage = Some((&self.usage, self.cost_usd.as_deref()));
        let growing = Growing { status, incomplete, output: &output, usage };
        let name = if incomplete.is_some() { "response.incomplete" } else { "response.completed" };
        let frame = &self.frame;
        let mut response = Vec::new();
        frame.write(&growing, &mut response);
        self.events.write(name, out, |out| {
            out.extend_from_slice(b",\"response\":");
            out.extend_from_slice(&response);
        });
        self.kept = self.options.is_kept.then_some(response);
    }
}

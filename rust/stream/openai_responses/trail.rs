//! As much of a stream that passes as bytes as its end must know, should the gateway write it.

use serde_json::value::RawValue;

use super::items::{Call, Events, Item, Kind, Part, PartKind};
use super::response::Frame;
use super::wire::{Event, Item as WireItem, ItemHead, Part as WirePart};
use crate::stream::Delta;
use crate::stream::nesting::Nesting;
use crate::stream::text::read_or_default;

/// Entries that are remembered; no answer has more.
const MAX_ITEMS: usize = 4096;

/// What a stream has said so far.
#[derive(Debug, Default, Clone)]
pub struct Trail {
    pub(super) frame: Frame,
    pub(super) events: Events,
    pub(super) open: Vec<Item>,
    /// Entries that have ended, as they came.
    pub(super) done: Vec<(u32, Vec<u8>)>,
    tools: u32,
}

impl Trail {
    /// Takes in an event by its name and data. Those that bring text cost nothing: [`Self::delta`] has it.
    pub fn event(&mut self, name: &str, data: &[u8]) {
        self.events.sequence += 1;
        if name.rsplit('.').next() == Some("delta") {
            return;
        }
        let Ok(event) = serde_json::from_slice::<Event<'_>>(data) else { return };
        if let Some(number) = event.sequence_number.0 {
            self.events.sequence = number.saturating_add(1);
        }
        let kind = if event.kind.0.is_empty() { name } else { event.kind.0.as_ref() };
        let index = event.output_index.0.unwrap_or(0);
        match kind {
            "response.created" | "response.in_progress" | "response.queued" => {
                if let Some(response) = event.response {
                    self.frame = Frame::of(response);
                }
            }
            "response.output_item.added" => self.begin(index, event.item),
            "response.output_item.done" => self.end(event.output_index.0, event.item),
            "response.content_part.added" => self.part(index, part_kind(event.part)),
            "response.reasoning_summary_part.added" => self.part(index, PartKind::Summary),
            _ => {}
        }
    }

    fn begin(&mut self, index: u32, item: Option<&RawValue>) {
        let Some(raw) = item.filter(|_| self.open.len() < MAX_ITEMS) else { return };
        let item: WireItem<'_> = read_or_default(raw);
        let kind = match item.kind.0.as_ref() {
            "message" => Kind::Message,
            "reasoning" => Kind::Reasoning { encrypted: None },
            word @ ("function_call" | "custom_tool_call") => {
                let number = self.tools;
                self.tools = number.saturating_add(1);
                Kind::Tool(Call {
                    number,
                    call_id: item.call_id.0.into_owned(),
                    name: item.name.0.into_owned(),
                    arguments: String::new(),
                    namespace: None,
                    free_text: None,
                    is_custom: word == "custom_tool_call",
                    nesting: Nesting::default(),
                })
            }
            _ => Kind::Vendor { raw: raw.get().to_owned() },
        };
        self.open.push(Item { index, id: item.id.0.into_owned(), kind, parts: Vec::new() });
    }

    /// An item that does not say its place is known by its id.
    fn end(&mut self, index: Option<u32>, item: Option<&RawValue>) {
        let Some(raw) = item.filter(|_| self.done.len() < MAX_ITEMS) else { return };
        let named: ItemHead<'_> = read_or_default(raw);
        let ended = self.open.iter().position(|open| match index {
            Some(index) => open.index == index,
            None => open.id == named.id.0,
        });
        let place = ended.map(|at| self.open.remove(at).index).or(index).unwrap_or(0);
        self.done.push((place, raw.get().as_bytes().to_vec()));
    }

    fn part(&mut self, index: u32, kind: PartKind) {
        if let Some(item) = self.open.iter_mut().find(|item| item.index == index)
            && item.parts.len() < MAX_ITEMS
        {
            item.parts.push(Part::new(kind));
        }
    }

    /// Takes in one piece of the stream.
    pub fn delta(&mut self, delta: &Delta<'_>) {
        match delta {
            Delta::Text { text, .. } => self.push(text, PartKind::Text),
            Delta::Refusal { text, .. } => self.push(text, PartKind::Refusal),
            // Between parts of a summary the decoder puts what no part holds.
            Delta::Reasoning { text, .. } if text != "\n\n" => self.push(text, PartKind::Summary),
            Delta::ToolArguments { tool, fragment, .. } => {
                for item in &mut self.open {
                    if let Kind::Tool(call) = &mut item.kind
                        && call.number == *tool
                    {
                        call.arguments.push_str(fragment);
                    }
                }
            }
            _ => {}
        }
    }

    fn push(&mut self, text: &str, kind: PartKind) {
        let is_reasoning = matches!(kind, PartKind::Summary);
        let fits = |item: &&mut Item| match item.kind {
            Kind::Message => !is_reasoning,
            Kind::Reasoning { .. } => is_reasoning,
            _ => false,
        };
        let Some(item) = self.open.iter_mut().rev().find(fits) else { return };
        if item.parts.is_empty() {
            item.parts.push(Part::new(kind)); // a host that does not say that parts begin
        }
        if let Some(part) = item.parts.last_mut() {
            part.text.push_str(text);
        }
    }
}

fn part_kind(part: Option<&RawValue>) -> PartKind {
    let part: WirePart<'_> = part.map(read_or_default).unwrap_or_default();
    match part.kind.0.as_ref() {
        "refusal" => PartKind::Refusal,
        "reasoning_text" => PartKind::Reasoning,
        _ => PartKind::Text,
    }
}

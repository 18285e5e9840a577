//! A whole answer as `response`.

use super::items::{Call, Item, Kind, Part, PartKind, Status, annotation};
use super::origin::{seal_redacted, seal_signature};
use super::response::{Frame, Growing, call_id, item_id};
use crate::stream::collected::{Block, Choice, Collected};
use crate::stream::{FinishReason, Options};

/// Appends the answer. The dialect has one alternative: the first.
pub fn write_whole(answer: &Collected, options: &Options, out: &mut Vec<u8>) {
    let fallback = Choice::default();
    let choice = answer.choices.values().next().unwrap_or(&fallback);
    let incomplete = choice.finish.and_then(FinishReason::openai_responses);
    let status = if incomplete.is_some() { Status::Incomplete } else { Status::Completed };
    let mut output = Output { options, items: Vec::new() };
    choice.blocks.iter().for_each(|block| output.block(block));
    let last = output.items.len().saturating_sub(1);
    let written: Vec<Vec<u8>> = (0..)
        .zip(&output.items)
        .map(|(number, item)| {
            let mut written = Vec::new();
            item.write(if number == last { status } else { Status::Completed }, &mut written);
            written
        })
        .collect();
    let usage = Some((&answer.usage, None));
    let growing = Growing { status, incomplete, output: &written, usage };
    Frame::new(&answer.id, &answer.model, answer.created_s, options).write(&growing, out);
}

/// Blocks as entries: texts and refusals that follow one another are parts of one message.
struct Output<'a> {
    options: &'a Options,
    items: Vec<Item>,
}

impl Output<'_> {
    fn block(&mut self, block: &Block) {
        match block {
            Block::Text { text, .. } if text.is_empty() => {}
            Block::Text { text, citations } => self.speak(PartKind::Text, text, citations),
            Block::Refusal { text } => self.speak(PartKind::Refusal, text, &[]),
            Block::Reasoning { text, signature } => {
                let sealed = signature.as_deref().map(seal_signature);
                let id = sealed.as_ref().and_then(|(id, _)| *id);
                let encrypted = sealed.as_ref().map(|(_, content)| content.to_string());
                let part = Part { text: text.clone(), ..Part::new(PartKind::Summary) };
                let parts = if text.is_empty() { Vec::new() } else { vec![part] };
                self.push("rs", id, Kind::Reasoning { encrypted }, parts);
            }
            Block::Redacted { data } => {
                let (id, encrypted) = seal_redacted(data);
                let kind = Kind::Reasoning { encrypted: Some(encrypted.into_owned()) };
                self.push("rs", id, kind, Vec::new());
            }
            Block::Tool { tool, id, name, arguments } => {
                let form = self.options.tool_forms.of(name);
                let mut call = Call::of(*tool, call_id(id, *tool, self.options), name, form);
                call.push(arguments);
                call.rest();
                self.push(call.prefix(), None, Kind::Tool(call), Vec::new());
            }
            Block::Vendor { .. } => {}
        }
    }

    fn speak(&mut self, kind: PartKind, text: &str, citations: &[String]) {
        if !self.items.last().is_some_and(|item| matches!(item.kind, Kind::Message)) {
            self.push("msg", None, Kind::Message, Vec::new());
        }
        let Some(item) = self.items.last_mut() else { return };
        if item.parts.last().is_none_or(|part| part.kind != kind) {
            item.parts.push(Part::new(kind));
        }
        let Some(part) = item.parts.last_mut() else { return };
        let begin = part.text.chars().count();
        part.text.push_str(text);
        let end = part.text.chars().count();
        part.annotations.extend(citations.iter().filter_map(|raw| annotation(raw, begin, end)));
    }

    fn push(&mut self, prefix: &str, id: Option<&str>, kind: Kind, parts: Vec<Part>) {
        let index = u32::try_from(self.items.len()).unwrap_or(u32::MAX);
        let id = id.map_or_else(|| item_id(prefix, index, self.options), str::to_owned);
        self.items.push(Item { index, id, kind, parts });
    }
}

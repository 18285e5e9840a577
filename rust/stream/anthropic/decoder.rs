//! Events in, deltas out.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::wire::{Block, Event, Message, Piece, RawPiece, Reported, WireUsage};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::stream::error_body::read_error;
use crate::stream::mould::Mould;
use crate::stream::text::{Text, read_object, read_or_default};
use crate::stream::{Delta, FinishReason};

const DIALECT: &str = Dialect::Anthropic.name();

/// Far above what an answer holds; bounds what a hostile host can make us keep.
const MAX_BLOCKS: usize = 4096;

/// Reads the events of one stream.
#[derive(Debug, Default)]
pub struct Decoder {
    started: bool,
    closed: bool,
    /// Blocks that began and did not end; Anthropic itself has one at a time.
    open: Vec<Open>,
    tool_count: u32,
    reported: Reported,
    /// Forgotten whenever a block begins or ends.
    plain: Mould<Plain>,
}

/// What the one text of a plain block delta is.
#[derive(Debug, Clone, Copy)]
enum Plain {
    Text,
    Reasoning,
    Arguments { tool: u32 },
}

#[derive(Debug)]
struct Open {
    index: u32,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Tool {
        tool: u32,
        /// Arguments that came whole with the block's start; used if no fragment follows.
        whole: Option<String>,
    },
    Vendor,
    Other,
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
        if self.closed || data.is_empty() {
            return Ok(());
        }
        if let Some((plain, text)) = self.plain.fit(data) {
            if !text.is_empty() {
                sink(&plain.delta(text));
            }
            return Ok(());
        }
        let event: Event<'_> = read_object(DIALECT, data)?;
        let kind = if event.kind.0.is_empty() { name } else { event.kind.0.as_ref() };
        match kind {
            "content_block_delta" => self.block_delta(&event, data, &mut sink),
            "content_block_start" => self.block_start(&event, &mut sink),
            "content_block_stop" => {
                self.block_stop(event.index.0.unwrap_or(0), &mut sink);
                Ok(())
            }
            "message_start" => self.message_start(&event, &mut sink),
            "message_delta" => {
                self.message_delta(&event, &mut sink);
                Ok(())
            }
            "message_stop" => {
                self.closed = true;
                sink(&Delta::End);
                Ok(())
            }
            _ if kind == "error" || event.error.is_some() => {
                self.closed = true;
                sink(&Delta::Error(read_error(event.error, data)));
                Ok(())
            }
            "" | "message" => Err(malformed("no type")),
            // `ping`, and what Anthropic will add: clients must ignore what they do not know.
            _ => Ok(()),
        }
    }

    /// Hands out what a whole answer holds.
    pub fn whole(&mut self, body: &[u8], mut sink: impl FnMut(&Delta<'_>)) -> Result<(), Error> {
        let message: Message<'_> = read_object(DIALECT, body)?;
        let is_error = message.kind.0 == "error" || message.error.is_some();
        if is_error || message.is_clouds_error() {
            sink(&Delta::Error(read_error(message.error, body)));
            return Ok(());
        }
        let mut blocks = Vec::new();
        let content: Content<'_> = read_content(message.content)?;
        for raw in content.blocks {
            blocks.push((raw.get(), read_block(raw)?));
        }
        self.start(&message, &mut sink);
        said(content.text.as_ref(), |text| sink(&Delta::Text { choice: 0, text }));
        for (raw, block) in &blocks {
            self.block(0, block, raw, &mut sink)?;
            self.block_stop(0, &mut sink);
        }
        stop_details(message.stop_details, &mut sink);
        finish(message.stop_reason.as_ref(), message.stop_sequence.as_ref(), &mut sink);
        self.usage(message.usage, false, &mut sink);
        Ok(())
    }

    fn message_start(
        &mut self,
        event: &Event<'_>,
        sink: &mut impl FnMut(&Delta<'_>),
    ) -> Result<(), Error> {
        let raw = event.message.ok_or_else(|| malformed("message_start without a message"))?;
        let message: Message<'_> = read_object(DIALECT, raw.get().as_bytes())?;
        self.start(&message, sink);
        self.usage(message.usage, true, sink);
        Ok(())
    }

    fn start(&mut self, message: &Message<'_>, sink: &mut impl FnMut(&Delta<'_>)) {
        if !self.started {
            self.started = true;
            sink(&Delta::Start {
                id: message.id.0.as_ref().into(),
                model: message.model.0.as_ref().into(),
                created_s: None,
            });
        }
    }

    fn usage(&mut self, raw: Option<&RawValue>, is_start: bool, sink: &mut impl FnMut(&Delta<'_>)) {
        if let Some(raw) = raw {
            let wire: WireUsage<'_> = read_or_default(raw);
            let usage = self.reported.fold(&wire, is_start);
            sink(&Delta::Usage { usage, alone: false });
        }
    }

    fn message_delta(&mut self, event: &Event<'_>, sink: &mut impl FnMut(&Delta<'_>)) {
        if let Some(piece) = &event.delta {
            stop_details(piece.stop_details, sink);
            finish(piece.stop_reason.as_ref(), piece.stop_sequence.as_ref(), sink);
        }
        self.usage(event.usage, false, sink);
    }

    fn block_start(
        &mut self,
        event: &Event<'_>,
        sink: &mut impl FnMut(&Delta<'_>),
    ) -> Result<(), Error> {
        let raw = event.content_block.ok_or_else(|| malformed("a block start without a block"))?;
        let block = read_block(raw)?;
        self.block(event.index.0.unwrap_or(0), &block, raw.get(), sink)
    }

    fn block(
        &mut self,
        index: u32,
        block: &Block<'_>,
        raw: &str,
        sink: &mut impl FnMut(&Delta<'_>),
    ) -> Result<(), Error> {
        if self.open.len() >= MAX_BLOCKS {
            return Err(malformed("more blocks than an answer can hold"));
        }
        let kind = match block.kind.0.as_ref() {
            "text" => {
                said(block.text.as_ref(), |text| {
                    sink(&Delta::Text { choice: 0, text });
                });
                let citations = block.citations.map(RawValue::get).unwrap_or_default();
                let citations: Vec<&RawValue> = serde_json::from_str(citations).unwrap_or_default();
                for raw in citations {
                    sink(&Delta::Citation { raw: raw.get() });
                }
                Kind::Other
            }
            "thinking" => {
                said(block.thinking.as_ref(), |text| {
                    sink(&Delta::Reasoning { choice: 0, text });
                });
                said(block.signature.as_ref(), |signature| {
                    sink(&Delta::Signature { choice: 0, signature });
                });
                Kind::Other
            }
            "redacted_thinking" => {
                said(block.data.as_ref(), |data| {
                    sink(&Delta::RedactedReasoning { choice: 0, data });
                });
                Kind::Other
            }
            "tool_use" => self.tool_start(block, sink),
            _ => {
                sink(&Delta::VendorBlock { raw, text: block.name.0.as_ref().into() });
                Kind::Vendor
            }
        };
        self.plain.forget();
        self.open.retain(|open| open.index != index);
        self.open.push(Open { index, kind });
        Ok(())
    }

    fn tool_start(&mut self, block: &Block<'_>, sink: &mut impl FnMut(&Delta<'_>)) -> Kind {
        let tool = self.tool_count;
        self.tool_count = tool.saturating_add(1);
        sink(&Delta::ToolStart {
            choice: 0,
            tool,
            id: block.id.0.as_ref().into(),
            name: block.name.0.as_ref().into(),
        });
        Kind::Tool { tool, whole: block.input.and_then(whole_input) }
    }

    fn block_delta(
        &mut self,
        event: &Event<'_>,
        data: &[u8],
        sink: &mut impl FnMut(&Delta<'_>),
    ) -> Result<(), Error> {
        let piece =
            event.delta.as_ref().ok_or_else(|| malformed("a block delta without a delta"))?;
        let index = event.index.0.unwrap_or(0);
        let open = self.open.iter_mut().find(|open| open.index == index);
        if let Some(Open { kind: Kind::Vendor, .. }) = open {
            return vendor_delta(piece, data, sink);
        }
        match piece.kind.0.as_ref() {
            "text_delta" => self.plain_piece(Plain::Text, piece.text.as_ref(), data, sink),
            "thinking_delta" => {
                self.plain_piece(Plain::Reasoning, piece.thinking.as_ref(), data, sink);
            }
            "signature_delta" => said(piece.signature.as_ref(), |signature| {
                sink(&Delta::Signature { choice: 0, signature });
            }),
            "citations_delta" => {
                if let Some(raw) = piece.citation {
                    sink(&Delta::Citation { raw: raw.get() });
                }
            }
            "input_json_delta" => {
                let Some(Open { kind: Kind::Tool { tool, whole }, .. }) = open else {
                    return Err(malformed("tool input outside a tool block"));
                };
                let plain = Plain::Arguments { tool: *tool };
                if piece.partial_json.as_ref().is_some_and(|Text(text)| !text.is_empty()) {
                    *whole = None;
                    self.plain_piece(plain, piece.partial_json.as_ref(), data, sink);
                }
            }
            _ => return vendor_delta(piece, data, sink),
        }
        Ok(())
    }

    fn plain_piece(
        &mut self,
        plain: Plain,
        text: Option<&Text<'_>>,
        data: &[u8],
        sink: &mut impl FnMut(&Delta<'_>),
    ) {
        said(text, |text| {
            sink(&plain.delta(&text));
            self.plain.learn(data, &text, plain);
        });
    }

    fn block_stop(&mut self, index: u32, sink: &mut impl FnMut(&Delta<'_>)) {
        let Some(at) = self.open.iter().position(|open| open.index == index) else {
            return;
        };
        self.plain.forget();
        if let Kind::Tool { tool, whole: Some(whole) } = self.open.remove(at).kind {
            sink(&Delta::ToolArguments { choice: 0, tool, fragment: whole.into() });
        }
        sink(&Delta::BlockEnd);
    }
}

impl Plain {
    fn delta(self, text: &str) -> Delta<'_> {
        let text = Cow::Borrowed(text);
        match self {
            Self::Text => Delta::Text { choice: 0, text },
            Self::Reasoning => Delta::Reasoning { choice: 0, text },
            Self::Arguments { tool } => Delta::ToolArguments { choice: 0, tool, fragment: text },
        }
    }
}

fn malformed(reason: &str) -> Error {
    Error::MalformedEvent { dialect: DIALECT, reason: reason.to_owned() }
}

fn read_block(raw: &RawValue) -> Result<Block<'_>, Error> {
    read_object(DIALECT, raw.get().as_bytes())
}

/// Calls `sink` with a text that is there and not empty.
fn said<'t>(text: Option<&'t Text<'_>>, sink: impl FnOnce(Cow<'t, str>)) {
    if let Some(Text(text)) = text
        && !text.is_empty()
    {
        sink(Cow::Borrowed(text));
    }
}

/// What a whole answer holds: a list of blocks, and at some hosts of the dialect one text.
#[derive(Default)]
struct Content<'a> {
    blocks: Vec<&'a RawValue>,
    text: Option<Text<'a>>,
}

fn read_content(raw: Option<&RawValue>) -> Result<Content<'_>, Error> {
    let Some(raw) = raw.map(RawValue::get) else { return Ok(Content::default()) };
    let content = if raw.starts_with('"') {
        serde_json::from_str(raw).map(|text| Content { text: Some(text), ..Content::default() })
    } else {
        serde_json::from_str::<Option<_>>(raw)
            .map(|blocks| Content { blocks: blocks.unwrap_or_default(), text: None })
    };
    content.map_err(|_| malformed("content is neither a list nor a text"))
}

/// Arguments that stand in a block's start, which mostly has an empty object there. Some hosts send them as text.
fn whole_input(raw: &RawValue) -> Option<String> {
    let raw = raw.get();
    if raw.starts_with('"') {
        let Text(text) = serde_json::from_str(raw).ok()?;
        return Some(text.into_owned()).filter(|text| !text.is_empty());
    }
    let is_filled =
        raw.strip_prefix('{').is_some_and(|rest| !rest.trim_ascii_start().starts_with('}'));
    is_filled.then(|| raw.to_owned())
}

fn vendor_delta(
    piece: &Piece<'_>,
    data: &[u8],
    sink: &mut impl FnMut(&Delta<'_>),
) -> Result<(), Error> {
    let raw: RawPiece<'_> = read_object(DIALECT, data)?;
    let text = piece.partial_json.as_ref().or(piece.text.as_ref());
    let text = text.map(|text| text.0.as_ref()).unwrap_or_default();
    sink(&Delta::VendorDelta { raw: raw.delta.get(), text: text.into() });
    Ok(())
}

/// Why the model declined: other dialects have no field for it, and their clients read it by its own name.
fn stop_details(raw: Option<&RawValue>, sink: &mut impl FnMut(&Delta<'_>)) {
    if let Some(raw) = raw.filter(|raw| raw.get().starts_with('{')) {
        sink(&Delta::Beside { choice: 0, field: "stop_details", raw: raw.get() });
    }
}

fn finish(
    word: Option<&Text<'_>>,
    stop_sequence: Option<&Text<'_>>,
    sink: &mut impl FnMut(&Delta<'_>),
) {
    if let Some(reason) = word.and_then(|word| FinishReason::parse(&word.0)) {
        let stop_sequence = stop_sequence.map(|text| Cow::Borrowed(text.0.as_ref()));
        sink(&Delta::Finish { choice: 0, reason, stop_sequence });
    }
}

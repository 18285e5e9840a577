//! Events in, deltas out.

use serde_json::value::RawValue;

use super::wire::{
    Answer, Block, Citation, ErrorBody, Event, Piece, ReasoningPiece, Tier, ToolUse, WireUsage,
};
use crate::aws::decode_base64;
use crate::dialect::Dialect;
use crate::error::Error;
use crate::stream::citation::web_source;
use crate::stream::mould::Mould;
use crate::stream::open_calls::OpenCalls;
use crate::stream::plain::Plain;
use crate::stream::text::{Text, read_object, read_or_default};
use crate::stream::{Delta, FinishReason, ServiceTier, UpstreamError};

const DIALECT: &str = Dialect::Bedrock.name();
/// What the vendor runs itself.
const SERVER_TOOL: &str = "server_tool_use";

/// Reads the events of one stream.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // each tells of one event whether it came
pub struct Decoder {
    started: bool,
    closed: bool,
    stopped: bool,
    reported: bool,
    calls: OpenCalls,
    /// Forgotten whenever a block begins or ends.
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
        if self.closed {
            return Ok(());
        }
        match name {
            "contentBlockDelta" => self.block_delta(data, &mut sink)?,
            "contentBlockStart" => self.block_start(data, &mut sink)?,
            "contentBlockStop" => {
                let event: Event<'_> = read_object(DIALECT, data)?;
                self.calls.end(event.content_block_index.0.unwrap_or(0));
                self.plain.forget();
                sink(&Delta::BlockEnd);
            }
            "messageStart" => self.start(&mut sink),
            "messageStop" => {
                let event: Event<'_> = read_object(DIALECT, data)?;
                self.start(&mut sink);
                self.finish(&event.stop_reason.0, &mut sink);
            }
            "metadata" => {
                let event: Event<'_> = read_object(DIALECT, data)?;
                self.start(&mut sink);
                self.usage(event.usage, event.service_tier, &mut sink);
            }
            _ if name == "error" || name.ends_with("Exception") => {
                self.closed = true;
                sink(&Delta::Error(read_error(name, data)));
            }
            // What AWS will add.
            _ => {}
        }
        if self.stopped && self.reported && !self.closed {
            self.closed = true;
            sink(&Delta::End);
        }
        Ok(())
    }

    /// Hands out what a whole answer holds.
    pub fn whole(&mut self, body: &[u8], mut sink: impl FnMut(&Delta<'_>)) -> Result<(), Error> {
        let answer: Answer<'_> = read_object(DIALECT, body)?;
        if answer.output.is_none() && answer.message.is_some() {
            self.closed = true;
            sink(&Delta::Error(read_error("", body)));
            return Ok(());
        }
        self.start(&mut sink);
        let message = answer.output.and_then(|output| output.message).unwrap_or_default();
        for block in &message.content {
            self.block(block, &mut sink);
            sink(&Delta::BlockEnd);
        }
        self.finish(&answer.stop_reason.0, &mut sink);
        self.usage(answer.usage, answer.service_tier, &mut sink);
        Ok(())
    }

    /// It has neither an id nor the model's name in its body.
    fn start(&mut self, sink: &mut impl FnMut(&Delta<'_>)) {
        if !self.started {
            self.started = true;
            sink(&Delta::Start { id: "".into(), model: "".into(), created_s: None });
        }
    }

    fn block_start(&mut self, data: &[u8], sink: &mut impl FnMut(&Delta<'_>)) -> Result<(), Error> {
        let event: Event<'_> = read_object(DIALECT, data)?;
        self.plain.forget();
        self.start(sink);
        let Some(tool_use) = event.start.and_then(|start| start.tool_use) else { return Ok(()) };
        self.calls.admit(DIALECT)?;
        let tool = self.tool_start(&tool_use, sink);
        self.calls.begin(event.content_block_index.0.unwrap_or(0), tool);
        Ok(())
    }

    fn tool_start(
        &mut self,
        tool_use: &ToolUse<'_>,
        sink: &mut impl FnMut(&Delta<'_>),
    ) -> Option<u32> {
        if tool_use.kind.0 == SERVER_TOOL {
            return None;
        }
        let tool = self.calls.next_tool();
        sink(&Delta::ToolStart {
            choice: 0,
            tool,
            id: tool_use.tool_use_id.0.as_ref().into(),
            name: tool_use.name.0.as_ref().into(),
        });
        Some(tool)
    }

    fn block_delta(&mut self, data: &[u8], sink: &mut impl FnMut(&Delta<'_>)) -> Result<(), Error> {
        if let Some((plain, text)) = self.plain.fit(data) {
            plain.tell(text, sink);
            return Ok(());
        }
        let event: Event<'_> = read_object(DIALECT, data)?;
        self.start(sink);
        let Some(piece) = &event.delta else { return Ok(()) };
        match piece {
            Piece { text: Some(Text(text)), .. } => {
                Plain::Text.tell(text, sink);
                self.plain.learn(data, text, Plain::Text);
            }
            Piece { tool_use: Some(given), .. } => {
                let fragment = given.input.as_ref().map_or("", |Text(input)| input);
                self.arguments(event.content_block_index.0.unwrap_or(0), fragment, sink);
            }
            Piece { reasoning_content: Some(reasoning), .. } => {
                reasoning_piece(reasoning, sink);
                if let Some(Text(text)) = &reasoning.text
                    && reasoning.signature.0.is_empty()
                    && reasoning.redacted_content.0.is_empty()
                {
                    self.plain.learn(data, text, Plain::Reasoning);
                }
            }
            Piece { citation: Some(citation), .. } => cite(citation, sink),
            _ => {}
        }
        Ok(())
    }

    fn arguments(&mut self, index: u32, fragment: &str, sink: &mut impl FnMut(&Delta<'_>)) {
        let Some(open) = self.calls.at(index) else { return };
        if fragment.is_empty() {
            return;
        }
        sink(&match open.tool {
            Some(tool) => Delta::ToolArguments { choice: 0, tool, fragment: fragment.into() },
            None => Delta::Unshown { choice: 0, text: fragment.into() },
        });
    }

    fn block(&mut self, block: &Block<'_>, sink: &mut impl FnMut(&Delta<'_>)) {
        if let Some(Text(text)) = &block.text {
            Plain::Text.tell(text, sink);
        }
        if let Some(reasoning) = &block.reasoning_content {
            if let Some(text) = &reasoning.reasoning_text {
                reasoning_piece(text, sink);
            }
            redacted(&reasoning.redacted_content.0, sink);
        }
        if let Some(tool_use) = &block.tool_use {
            let tool = self.tool_start(tool_use, sink);
            let fragment = tool_use.input.map_or("{}", RawValue::get).into();
            sink(&match tool {
                Some(tool) => Delta::ToolArguments { choice: 0, tool, fragment },
                None => Delta::Unshown { choice: 0, text: fragment },
            });
        }
        if let Some(cited) = &block.citations_content {
            for words in &cited.content {
                Plain::Text.tell(words.text.as_ref().map_or("", |Text(text)| text), sink);
            }
            for citation in &cited.citations {
                cite(citation, sink);
            }
        }
    }

    fn finish(&mut self, reason: &str, sink: &mut impl FnMut(&Delta<'_>)) {
        if let Some(reason) = FinishReason::of_bedrock(reason) {
            self.stopped = true;
            sink(&Delta::Finish { choice: 0, reason, stop_sequence: None });
        }
    }

    fn usage(
        &mut self,
        raw: Option<&RawValue>,
        tier: Option<&RawValue>,
        sink: &mut impl FnMut(&Delta<'_>),
    ) {
        let Some(raw) = raw else { return };
        self.reported = true;
        let wire: WireUsage<'_> = read_or_default(raw);
        let tier: Tier<'_> = tier.map(read_or_default).unwrap_or_default();
        sink(&Delta::Usage { usage: wire.usage(ServiceTier::of(&tier.kind.0)), alone: true });
    }
}

fn reasoning_piece(reasoning: &ReasoningPiece<'_>, sink: &mut impl FnMut(&Delta<'_>)) {
    if let Some(Text(text)) = &reasoning.text {
        Plain::Reasoning.tell(text, sink);
    }
    if !reasoning.signature.0.is_empty() {
        sink(&Delta::Signature { choice: 0, signature: reasoning.signature.0.as_ref().into() });
    }
    redacted(&reasoning.redacted_content.0, sink);
}

/// The bytes are the text that Anthropic's own API has here, in base64 once more.
fn redacted(content: &str, sink: &mut impl FnMut(&Delta<'_>)) {
    if content.is_empty() {
        return;
    }
    let inner = decode_base64(content).and_then(|bytes| String::from_utf8(bytes).ok());
    let data = inner.map_or(content.into(), Into::into);
    sink(&Delta::RedactedReasoning { choice: 0, data });
}

/// A source in Anthropic's words, which other dialects read. Places in documents of the caller's have no counterpart.
fn cite(citation: &Citation<'_>, sink: &mut impl FnMut(&Delta<'_>)) {
    let web = citation.location.as_ref().and_then(|location| location.web.as_ref());
    let Some(web) = web.filter(|web| !web.url.0.is_empty()) else { return };
    sink(&Delta::Citation { raw: &web_source(&web.url.0, &citation.title.0) });
}

/// An error that is told as an event of its own; its name is its kind.
fn read_error(name: &str, data: &[u8]) -> UpstreamError {
    let raw = String::from_utf8_lossy(data).into_owned();
    let body: ErrorBody<'_> = read_object(DIALECT, data).unwrap_or_default();
    let message = [&body.message.0, &body.original.0].into_iter().find(|text| !text.is_empty());
    let code = if body.code.0.is_empty() { name } else { &body.code.0 };
    UpstreamError {
        message: message.map(ToString::to_string).unwrap_or_default(),
        kind: code.to_owned(),
        code: code.to_owned(),
        raw,
    }
}

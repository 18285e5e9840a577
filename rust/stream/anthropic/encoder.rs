//! Deltas in, events out.
//!
//! Blocks follow one another, each closed before the next begins. The exception is a host that
//! interleaves parallel tool calls: a call whose arguments are not whole yet stays open, and its
//! pieces are told apart by index, which the protocol allows.

use std::borrow::Cow;
use std::io::Write as _;

use super::sources::citations;
use crate::stream::encoder::{Options, StreamError};
use crate::stream::nesting::Nesting;
use crate::stream::text::{write_compact, write_json, write_number};
use crate::stream::{Delta, FinishReason, ServiceTier, Trail, Usage};

/// Writes the events of one stream.
#[derive(Debug)]
pub struct Encoder {
    options: Options,
    id: String,
    model: String,
    started: bool,
    closed: bool,
    blocks: u32,
    open: Vec<Open>,
    tools: Vec<Tool>,
    refused: bool,
    finish: Option<(FinishReason, Option<String>)>,
    usage: Usage,
    cost_usd: Option<String>,
}

#[derive(Debug)]
struct Open {
    block: u32,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    /// Its signature is out: more reasoning is another block.
    SignedThinking,
    Tool(u32),
    Vendor,
}

#[derive(Debug)]
struct Tool {
    number: u32,
    block: u32,
    arguments: Nesting,
}

impl Encoder {
    /// An encoder at the start of a stream.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            id: String::new(),
            model: String::new(),
            started: false,
            closed: false,
            blocks: 0,
            open: Vec::new(),
            tools: Vec::new(),
            refused: false,
            finish: None,
            usage: Usage::default(),
            cost_usd: None,
        }
    }

    /// An encoder for the rest of a stream.
    pub fn resume(options: Options, trail: &Trail) -> Self {
        let open = trail.blocks.iter().map(|block| Open { block: *block, kind: Kind::Vendor });
        let mut encoder = Self::new(options);
        encoder.started = true;
        encoder.open = open.collect();
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
            Delta::Text { choice: 0, text } => self.text(text, out),
            Delta::Refusal { choice: 0, text } => {
                self.refused = true;
                self.text(text, out);
            }
            Delta::ToolArguments { choice: 0, tool, fragment } => {
                self.arguments(*tool, fragment, out);
            }
            Delta::Reasoning { choice: 0, text } => {
                let block = self.enter(Kind::Thinking, out);
                write_piece(block, "thinking_delta", "thinking", text, out);
            }
            Delta::Signature { choice: 0, signature } => self.signature(signature, out),
            Delta::RedactedReasoning { choice: 0, data } => {
                self.close_finished(out);
                self.begin(Kind::Vendor, out, |out| {
                    out.extend_from_slice(b"{\"type\":\"redacted_thinking\",\"data\":");
                    write_json(out, data);
                    out.push(b'}');
                });
                self.close_last(out);
            }
            Delta::ToolStart { choice: 0, tool, id, name } => self.tool_start(*tool, id, name, out),
            Delta::Citation { raw } => self.citation(raw, out),
            Delta::Beside { choice: 0, field, raw } => {
                for citation in citations(field, raw) {
                    self.citation(citation.get(), out);
                }
            }
            Delta::VendorBlock { raw, .. } if is_block(raw) => {
                self.close_finished(out);
                self.begin(Kind::Vendor, out, |out| write_compact(out, raw));
            }
            Delta::VendorDelta { raw, .. } => self.vendor_delta(raw, out),
            Delta::BlockEnd => self.close_last(out),
            // The start waits for its usage, which the same event or a later one may bring.
            Delta::Start { id, model, .. } => {
                id.as_ref().clone_into(&mut self.id);
                model.as_ref().clone_into(&mut self.model);
            }
            Delta::Usage { usage, .. } => self.usage = *usage,
            // The end waits too: this dialect sends usage with the stop reason.
            Delta::Finish { choice: 0, reason, stop_sequence } => {
                self.finish = Some((*reason, stop_sequence.as_deref().map(str::to_owned)));
            }
            Delta::Error(error) => {
                let request_id = std::mem::take(&mut self.options.request_id);
                self.error(&StreamError::from_upstream(error, &request_id), out);
            }
            Delta::End => self.end(out),
            // Other alternatives, and fields that this dialect lacks (`logprobs`, `audio` ...).
            _ => {}
        }
    }

    /// Sets what the last usage says.
    pub fn settle(&mut self, usage: Usage, cost_usd: Option<&str>) {
        self.usage = usage;
        self.cost_usd = cost_usd.map(str::to_owned);
    }

    /// Appends an error, which ends the stream.
    pub fn error(&mut self, error: &StreamError<'_>, out: &mut Vec<u8>) {
        if self.closed {
            return;
        }
        self.closed = true;
        out.extend_from_slice(b"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":");
        write_json(out, error.kind);
        out.extend_from_slice(b",\"message\":");
        write_json(out, error.message);
        out.extend_from_slice(b",\"code\":");
        write_json(out, error.code);
        out.extend_from_slice(b",\"origin\":");
        write_json(out, error.origin);
        out.extend_from_slice(b"},\"request_id\":");
        write_json(out, error.request_id);
        out.extend_from_slice(b"}\n\n");
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        let block = self.enter(Kind::Text, out);
        write_piece(block, "text_delta", "text", text, out);
    }

    fn citation(&mut self, raw: &str, out: &mut Vec<u8>) {
        let block = self.enter(Kind::Text, out);
        open_delta(block, out);
        out.extend_from_slice(b"{\"type\":\"citations_delta\",\"citation\":");
        write_compact(out, raw);
        out.extend_from_slice(b"}}\n\n");
    }

    fn signature(&mut self, signature: &str, out: &mut Vec<u8>) {
        let block = self.enter(Kind::Thinking, out);
        write_piece(block, "signature_delta", "signature", signature, out);
        if let Some(last) = self.open.last_mut() {
            last.kind = Kind::SignedThinking;
        }
    }

    fn tool_start(&mut self, tool: u32, id: &str, name: &str, out: &mut Vec<u8>) {
        self.close_finished(out);
        let id = call_id(id, tool, &self.options);
        let block = self.begin(Kind::Tool(tool), out, |out| {
            out.extend_from_slice(b"{\"type\":\"tool_use\",\"id\":");
            write_json(out, &id);
            out.extend_from_slice(b",\"name\":");
            write_json(out, name);
            out.extend_from_slice(b",\"input\":{}}");
        });
        self.tools.push(Tool { number: tool, block, arguments: Nesting::default() });
    }

    fn arguments(&mut self, tool: u32, fragment: &str, out: &mut Vec<u8>) {
        if let Some(known) = self.tools.iter_mut().rev().find(|known| known.number == tool) {
            known.arguments.push(fragment);
            write_piece(known.block, "input_json_delta", "partial_json", fragment, out);
        }
    }

    fn vendor_delta(&mut self, raw: &str, out: &mut Vec<u8>) {
        let Some(last) = self.open.last() else { return };
        open_delta(last.block, out);
        write_compact(out, raw);
        out.extend_from_slice(b"}\n\n");
    }

    /// The open block of `kind`, begun if the last one is another.
    fn enter(&mut self, kind: Kind, out: &mut Vec<u8>) -> u32 {
        if let Some(last) = self.open.last()
            && last.kind == kind
        {
            return last.block;
        }
        self.close_finished(out);
        self.begin(kind, out, |out| {
            let block: &[u8] = match kind {
                Kind::Thinking => b"{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}",
                _ => b"{\"type\":\"text\",\"text\":\"\"}",
            };
            out.extend_from_slice(block);
        })
    }

    fn begin(&mut self, kind: Kind, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) -> u32 {
        self.start(out);
        let block = self.blocks;
        self.blocks += 1;
        self.open.push(Open { block, kind });
        out.extend_from_slice(
            b"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":",
        );
        write_number(out, u64::from(block));
        out.extend_from_slice(b",\"content_block\":");
        write(out);
        out.extend_from_slice(b"}\n\n");
        block
    }

    /// Closes every block but the tool calls that wait for more arguments.
    fn close_finished(&mut self, out: &mut Vec<u8>) {
        let tools = &self.tools;
        self.open.retain(|open| {
            let waits = matches!(open.kind, Kind::Tool(_))
                && !tools
                    .iter()
                    .any(|tool| tool.block == open.block && tool.arguments.is_complete());
            if !waits {
                write_block_stop(open.block, out);
            }
            waits
        });
    }

    fn close_last(&mut self, out: &mut Vec<u8>) {
        if let Some(last) = self.open.pop() {
            write_block_stop(last.block, out);
        }
    }

    fn start(&mut self, out: &mut Vec<u8>) {
        if self.started {
            return;
        }
        self.started = true;
        out.extend_from_slice(
            b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":",
        );
        write_json(out, &answer_id(&self.id, &self.options));
        out.extend_from_slice(b",\"type\":\"message\",\"role\":\"assistant\",\"model\":");
        write_json(out, self.options.model.as_deref().unwrap_or(&self.model));
        out.extend_from_slice(
            b",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":",
        );
        let known = Usage {
            input_tokens: self.usage.input_tokens.or(Some(0)),
            output_tokens: None,
            reasoning_tokens: None,
            ..self.usage
        };
        write_usage(&known, None, out);
        out.extend_from_slice(b"}}\n\n");
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.closed = true;
        self.start(out);
        for open in std::mem::take(&mut self.open) {
            write_block_stop(open.block, out);
        }
        let (reason, stop_sequence) = self.finish.take().unwrap_or((FinishReason::Stop, None));
        let called = !self.tools.is_empty();
        let stop_reason = stop_reason(reason, called, self.refused, stop_sequence.is_some());
        out.extend_from_slice(
            b"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":",
        );
        write_json(out, stop_reason);
        out.extend_from_slice(b",\"stop_sequence\":");
        match stop_sequence {
            Some(text) => write_json(out, &text),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b"},\"usage\":");
        write_usage(&self.usage, self.cost_usd.as_deref(), out);
        out.extend_from_slice(b"}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    }
}

/// Whether a vendor's block is one of this dialect's: those of others have no type.
pub(super) fn is_block(raw: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Typed<'a> {
        #[serde(borrow, rename = "type")]
        _kind: &'a serde_json::value::RawValue,
    }
    serde_json::from_str::<Typed<'_>>(raw).is_ok()
}

/// The answer's id, made where the upstream gave none.
pub(super) fn answer_id<'a>(id: &'a str, options: &Options) -> Cow<'a, str> {
    if id.is_empty() { format!("msg_{}", options.request_id).into() } else { id.into() }
}

/// A tool call's id, made where the upstream gave none: its result must name it.
pub(super) fn call_id<'a>(id: &'a str, tool: u32, options: &Options) -> Cow<'a, str> {
    if id.is_empty() { format!("toolu_{}_{tool}", options.request_id).into() } else { id.into() }
}

/// `stop_reason`, which here says what the answer holds; other dialects' hosts call much of it `stop`.
pub(super) fn stop_reason(
    finish: FinishReason,
    called: bool,
    refused: bool,
    met_sequence: bool,
) -> &'static str {
    match finish {
        // Where the caller forced the tool; clients wait for `tool_use`.
        FinishReason::Stop | FinishReason::Other if called => FinishReason::ToolCalls,
        FinishReason::Stop if refused => FinishReason::ContentFilter,
        FinishReason::Stop if met_sequence => FinishReason::StopSequence,
        reason => reason,
    }
    .anthropic()
}

fn open_delta(block: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(
        b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":",
    );
    write_number(out, u64::from(block));
    out.extend_from_slice(b",\"delta\":");
}

fn write_piece(block: u32, kind: &str, field: &str, text: &str, out: &mut Vec<u8>) {
    open_delta(block, out);
    for piece in ["{\"type\":\"", kind, "\",\"", field, "\":"] {
        out.extend_from_slice(piece.as_bytes());
    }
    write_json(out, text);
    out.extend_from_slice(b"}}\n\n");
}

fn write_block_stop(block: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(
        b"event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":",
    );
    write_number(out, u64::from(block));
    out.extend_from_slice(b"}\n\n");
}

/// Anthropic's `input_tokens` leaves out what touched the cache. `output_tokens` must always be there.
pub(super) fn write_usage(usage: &Usage, cost_usd: Option<&str>, out: &mut Vec<u8>) {
    let cached = usage.cached_input_tokens.unwrap_or(0);
    let written = usage.cache_write_tokens.unwrap_or(0);
    let fresh = usage.input_tokens.map(|all| all.saturating_sub(cached).saturating_sub(written));
    out.push(b'{');
    let fields = [
        ("input_tokens", fresh),
        ("cache_creation_input_tokens", usage.cache_write_tokens),
        ("cache_read_input_tokens", usage.cached_input_tokens),
    ];
    // Writing into memory cannot fail.
    for (field, count) in fields {
        if let Some(count) = count {
            let _ = write!(out, r#""{field}":{count},"#);
        }
    }
    if let Some(hour) = usage.cache_write_1h_tokens {
        let minutes = written.saturating_sub(hour);
        let _ = write!(
            out,
            r#""cache_creation":{{"ephemeral_5m_input_tokens":{minutes},"ephemeral_1h_input_tokens":{hour}}},"#
        );
    }
    let _ = write!(out, r#""output_tokens":{}"#, usage.output_tokens.unwrap_or(0));
    if let Some(thinking) = usage.reasoning_tokens {
        let _ = write!(out, r#","output_tokens_details":{{"thinking_tokens":{thinking}}}"#);
    }
    if let Some(tier @ (ServiceTier::Batch | ServiceTier::Priority)) = usage.service_tier {
        let _ = write!(out, r#","service_tier":"{}""#, tier.name());
    }
    if let Some(cost_usd) = cost_usd {
        let _ = write!(out, r#","cost_usd":{cost_usd}"#);
    }
    out.push(b'}');
}

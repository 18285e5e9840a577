//! Deltas in, chunks out.
//!
//! Reasoning goes out as `reasoning_content`, the name most hosts and clients use, and once more in
//! `thinking_blocks` (`LiteLLM`'s name), which adds what must be sent back unchanged: signatures and
//! redacted blocks. Each entry has an `index`, without which `OpenAI`'s SDK cannot join the pieces.

use std::borrow::Cow;
use std::io::Write as _;

use super::sources::Sources;
use crate::stream::encoder::{Options, StreamError};
use crate::stream::free_text::FreeText;
use crate::stream::text::{write_compact, write_json, write_number};
use crate::stream::{Delta, FinishReason, ServiceTier, Trail, Usage};

/// Writes the chunks of one stream.
#[derive(Debug)]
pub struct Encoder {
    options: Options,
    /// Everything before the choices, the same in every chunk.
    head: Vec<u8>,
    closed: bool,
    /// A finish reason is out.
    finished: bool,
    /// A tool was called.
    called: bool,
    /// Alternatives whose first chunk, which names the role, is out.
    introduced: Vec<u32>,
    /// Tool calls that have no arguments yet.
    bare_tools: Vec<(u32, u32)>,
    /// Tool calls whose input is free text, read from arguments.
    free_texts: Vec<((u32, u32), FreeText)>,
    thinking: Thinking,
    sources: Sources,
    usage: Usage,
    cost_usd: Option<String>,
}

/// Where the next piece of reasoning goes.
#[derive(Debug, Default)]
struct Thinking {
    index: u32,
    open: bool,
}

impl Thinking {
    fn close(&mut self) {
        self.index += u32::from(self.open);
        self.open = false;
    }
}

impl Encoder {
    /// An encoder at the start of a stream.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            head: Vec::new(),
            closed: false,
            finished: false,
            called: false,
            introduced: Vec::new(),
            bare_tools: Vec::new(),
            free_texts: Vec::new(),
            thinking: Thinking::default(),
            sources: Sources::default(),
            usage: Usage::default(),
            cost_usd: None,
        }
    }

    /// An encoder for the rest of a stream.
    pub fn resume(options: Options, trail: &Trail) -> Self {
        let mut encoder = Self::new(options);
        encoder.set_head(&trail.id, &trail.model, trail.created_s);
        encoder.introduced = trail.unfinished();
        encoder
    }

    /// Appends what `delta` becomes; see [`crate::stream::Encoder::delta`].
    pub fn delta(&mut self, delta: &Delta<'_>, out: &mut Vec<u8>) {
        if self.closed {
            return;
        }
        if !matches!(delta, Delta::Reasoning { .. } | Delta::Signature { .. }) {
            self.thinking.close();
        }
        match delta {
            Delta::Text { choice, text } => {
                self.sources.text(text);
                self.field(*choice, "content", text, out);
            }
            Delta::Refusal { choice, text } => self.field(*choice, "refusal", text, out),
            Delta::ToolArguments { choice, tool, fragment } => {
                self.bare_tools.retain(|bare| *bare != (*choice, *tool));
                let free = self.free_texts.iter_mut().find(|(call, _)| *call == (*choice, *tool));
                match free.map(|(_, free)| free.push(fragment)) {
                    None => self.arguments(*choice, *tool, fragment, out),
                    Some(text) => self.input(*choice, *tool, &text, out),
                }
            }
            Delta::Reasoning { choice, text } => self.reasoning(*choice, text, out),
            Delta::Signature { choice, signature } => self.signature(*choice, signature, out),
            Delta::RedactedReasoning { choice, data } => self.redacted(*choice, data, out),
            Delta::ToolStart { choice, tool, id, name } => {
                self.called = true;
                self.tool_start(*choice, *tool, id, name, out);
            }
            Delta::Start { id, model, created_s } => self.start(id, model, *created_s, out),
            Delta::Usage { usage, .. } => self.usage = *usage,
            Delta::Beside { choice, field, raw } => self.beside(*choice, field, raw, out),
            Delta::Citation { raw } => self.sources.cite(raw),
            Delta::BlockEnd => self.sources.block_end(),
            Delta::Finish { choice, reason, .. } => self.finish(*choice, *reason, out),
            Delta::Error(error) => {
                let request_id = std::mem::take(&mut self.options.request_id);
                self.error(&StreamError::from_upstream(error, &request_id), out);
            }
            Delta::End => self.end(out),
            // What server-side tools do has no place in this dialect.
            Delta::Unshown { .. } | Delta::VendorBlock { .. } | Delta::VendorDelta { .. } => {}
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
        write_error(error, out);
    }

    fn start(&mut self, id: &str, model: &str, created_s: Option<u64>, out: &mut Vec<u8>) {
        self.set_head(id, model, created_s);
        self.introduced.push(0);
        self.open_chunk(0, out);
        out.extend_from_slice(b"\"role\":\"assistant\",\"content\":\"\"");
        self.close_chunk(None, out);
    }

    fn set_head(&mut self, id: &str, model: &str, created_s: Option<u64>) {
        let head = &mut self.head;
        head.clear();
        head.extend_from_slice(b"data: {\"id\":");
        write_json(head, &answer_id(id, &self.options));
        head.extend_from_slice(b",\"object\":\"chat.completion.chunk\",\"created\":");
        write_number(head, created_s.unwrap_or(self.options.created_s));
        head.extend_from_slice(b",\"model\":");
        write_json(head, self.options.model.as_deref().unwrap_or(model));
        head.extend_from_slice(b",\"choices\":[");
    }

    /// Everything up to the fields of `delta`.
    fn open_chunk(&mut self, choice: u32, out: &mut Vec<u8>) {
        if self.head.is_empty() {
            self.set_head("", "", None);
        }
        out.extend_from_slice(&self.head);
        out.extend_from_slice(b"{\"index\":");
        write_number(out, u64::from(choice));
        out.extend_from_slice(b",\"delta\":{");
        if !self.introduced.contains(&choice) {
            self.introduced.push(choice);
            out.extend_from_slice(b"\"role\":\"assistant\",");
        }
    }

    /// Everything from the end of `delta` on.
    fn close_chunk(&self, finish_reason: Option<&str>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"},\"finish_reason\":");
        match finish_reason {
            Some(word) => write_json(out, word),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b"}]");
        if self.options.include_usage {
            out.extend_from_slice(b",\"usage\":null");
        }
        out.extend_from_slice(b"}\n\n");
    }

    fn field(&mut self, choice: u32, name: &str, text: &str, out: &mut Vec<u8>) {
        self.open_chunk(choice, out);
        write_json(out, name);
        out.push(b':');
        write_json(out, text);
        self.close_chunk(None, out);
    }

    fn reasoning(&mut self, choice: u32, text: &str, out: &mut Vec<u8>) {
        self.thinking.open = true;
        self.open_chunk(choice, out);
        out.extend_from_slice(b"\"reasoning_content\":");
        write_json(out, text);
        out.push(b',');
        self.thinking_block("thinking", "thinking", text, out);
        self.close_chunk(None, out);
    }

    fn signature(&mut self, choice: u32, signature: &str, out: &mut Vec<u8>) {
        self.thinking.open = true;
        self.open_chunk(choice, out);
        self.thinking_block("thinking", "signature", signature, out);
        self.close_chunk(None, out);
        self.thinking.close();
    }

    fn redacted(&mut self, choice: u32, data: &str, out: &mut Vec<u8>) {
        self.thinking.open = true;
        self.open_chunk(choice, out);
        self.thinking_block("redacted_thinking", "data", data, out);
        self.close_chunk(None, out);
        self.thinking.close();
    }

    fn thinking_block(&self, kind: &str, field: &str, value: &str, out: &mut Vec<u8>) {
        let index = self.thinking.index;
        // Writing into memory cannot fail.
        let _ = write!(out, r#""thinking_blocks":[{{"index":{index},"type":"{kind}","{field}":"#);
        write_json(out, value);
        out.extend_from_slice(b"}]");
    }

    fn tool_start(&mut self, choice: u32, tool: u32, id: &str, name: &str, out: &mut Vec<u8>) {
        self.open_chunk(choice, out);
        out.extend_from_slice(b"\"tool_calls\":[{\"index\":");
        write_number(out, u64::from(tool));
        out.extend_from_slice(b",\"id\":");
        write_json(out, &call_id(id, choice, tool, &self.options));
        if let Some(form) = self.options.tool_forms.of(name) {
            self.free_texts.push(((choice, tool), FreeText::default()));
            out.extend_from_slice(b",\"type\":\"custom\",\"custom\":{\"name\":");
            write_json(out, &form.name);
            out.extend_from_slice(b",\"input\":\"\"}}]");
        } else {
            self.bare_tools.push((choice, tool));
            out.extend_from_slice(b",\"type\":\"function\",\"function\":{\"name\":");
            write_json(out, name);
            out.extend_from_slice(b",\"arguments\":\"\"}}]");
        }
        self.close_chunk(None, out);
    }

    fn input(&mut self, choice: u32, tool: u32, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        self.open_chunk(choice, out);
        out.extend_from_slice(b"\"tool_calls\":[{\"index\":");
        write_number(out, u64::from(tool));
        out.extend_from_slice(b",\"custom\":{\"input\":");
        write_json(out, text);
        out.extend_from_slice(b"}}]");
        self.close_chunk(None, out);
    }

    fn arguments(&mut self, choice: u32, tool: u32, fragment: &str, out: &mut Vec<u8>) {
        self.open_chunk(choice, out);
        out.extend_from_slice(b"\"tool_calls\":[{\"index\":");
        write_number(out, u64::from(tool));
        out.extend_from_slice(b",\"function\":{\"arguments\":");
        write_json(out, fragment);
        out.extend_from_slice(b"}}]");
        self.close_chunk(None, out);
    }

    fn beside(&mut self, choice: u32, field: &str, raw: &str, out: &mut Vec<u8>) {
        self.open_chunk(choice, out);
        if field == "logprobs" {
            trim_comma(out);
            out.extend_from_slice(b"},\"logprobs\":");
            write_compact(out, raw);
            out.extend_from_slice(b",\"finish_reason\":null}]}\n\n");
            return;
        }
        write_json(out, field);
        out.push(b':');
        write_compact(out, raw);
        self.close_chunk(None, out);
    }

    fn finish(&mut self, choice: u32, reason: FinishReason, out: &mut Vec<u8>) {
        // A call without arguments is `{}` to Anthropic; clients of this dialect parse the text.
        for (bare_choice, tool) in std::mem::take(&mut self.bare_tools) {
            if bare_choice == choice {
                self.arguments(choice, tool, "{}", out);
            } else {
                self.bare_tools.push((bare_choice, tool));
            }
        }
        for ((_, tool), mut free) in
            self.free_texts.extract_if(.., |((of, _), _)| *of == choice).collect::<Vec<_>>()
        {
            let rest = free.finish();
            self.input(choice, tool, &rest, out);
        }
        self.finished = true;
        self.open_chunk(choice, out);
        let annotations = self.sources.take();
        if annotations.is_empty() {
            trim_comma(out);
        } else {
            out.extend_from_slice(b"\"annotations\":[");
            out.extend_from_slice(&annotations);
            out.push(b']');
        }
        self.close_chunk(Some(reason.openai()), out);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.closed = true;
        // A host that ended well without a reason; clients wait for one.
        if !self.finished {
            self.finish(
                0,
                if self.called { FinishReason::ToolCalls } else { FinishReason::Stop },
                out,
            );
        }
        if self.options.include_usage {
            if self.head.is_empty() {
                self.set_head("", "", None);
            }
            out.extend_from_slice(&self.head);
            out.extend_from_slice(b"],\"usage\":");
            write_usage(&self.usage, self.cost_usd.as_deref(), out);
            write_tier(&self.usage, out);
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

/// An error as an event.
pub(in crate::stream) fn write_error(error: &StreamError<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"data: {\"error\":{\"message\":");
    write_json(out, error.message);
    out.extend_from_slice(b",\"type\":");
    write_json(out, error.kind);
    out.extend_from_slice(b",\"param\":null,\"code\":");
    write_json(out, error.code);
    out.extend_from_slice(b",\"origin\":");
    write_json(out, error.origin);
    out.extend_from_slice(b",\"request_id\":");
    write_json(out, error.request_id);
    out.extend_from_slice(b"}}\n\n");
}

/// The answer's id, made where the upstream gave none.
pub(super) fn answer_id<'a>(id: &'a str, options: &Options) -> Cow<'a, str> {
    if id.is_empty() { format!("chatcmpl-{}", options.request_id).into() } else { id.into() }
}

/// A tool call's id, made where the upstream gave none: its result must name it.
pub(super) fn call_id<'a>(id: &'a str, choice: u32, tool: u32, options: &Options) -> Cow<'a, str> {
    if id.is_empty() {
        format!("call_{}_{choice}_{tool}", options.request_id).into()
    } else {
        id.into()
    }
}

/// Takes back the comma after the role where no other field follows.
fn trim_comma(out: &mut Vec<u8>) {
    if out.last() == Some(&b',') {
        out.pop();
    }
}

/// The part of a count that is not in another.
fn without(all: Option<u64>, part: Option<u64>) -> Option<u64> {
    all.map(|all| all.saturating_sub(part.unwrap_or(0)))
}

pub(in crate::stream) fn write_usage(usage: &Usage, cost_usd: Option<&str>, out: &mut Vec<u8>) {
    let input = usage.input_tokens.unwrap_or(0);
    let output = usage.output_tokens.unwrap_or(0);
    // Writing into memory cannot fail.
    let _ = write!(
        out,
        r#"{{"prompt_tokens":{input},"completion_tokens":{output},"total_tokens":{}"#,
        input.saturating_add(output)
    );
    let prompt = [
        ("cached_tokens", usage.cached_input_tokens),
        ("cache_write_tokens", usage.cache_write_tokens),
        ("cache_write_1h_tokens", usage.cache_write_1h_tokens),
        ("audio_tokens", without(usage.audio_tokens, usage.output_audio_tokens)),
        ("image_tokens", without(usage.image_tokens, usage.output_image_tokens)),
    ];
    let completion = [
        ("reasoning_tokens", usage.reasoning_tokens),
        ("audio_tokens", usage.output_audio_tokens),
        ("image_tokens", usage.output_image_tokens),
    ];
    write_details("prompt_tokens_details", &prompt, out);
    write_details("completion_tokens_details", &completion, out);
    if let Some(cost_usd) = cost_usd {
        out.extend_from_slice(b",\"cost_usd\":");
        out.extend_from_slice(cost_usd.as_bytes());
    }
    out.push(b'}');
}

/// How the host worked, where that was not the ordinary way; stands beside the usage.
pub(in crate::stream) fn write_tier(usage: &Usage, out: &mut Vec<u8>) {
    if let Some(tier @ (ServiceTier::Flex | ServiceTier::Priority)) = usage.service_tier {
        out.extend_from_slice(b",\"service_tier\":");
        write_json(out, tier.name());
    }
}

fn write_details(name: &str, details: &[(&str, Option<u64>)], out: &mut Vec<u8>) {
    if details.iter().all(|(_, count)| count.is_none()) {
        return;
    }
    let _ = write!(out, r#","{name}":{{"#);
    for (field, count) in details {
        if let Some(count) = count {
            let _ = write!(out, r#""{field}":{count},"#);
        }
    }
    trim_comma(out);
    out.push(b'}');
}

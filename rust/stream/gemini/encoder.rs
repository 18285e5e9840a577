//! Deltas in, chunks out: as events, or as the items of one JSON array.
//!
//! A function call goes out once it is whole, since the dialect has no pieces of one. Every chunk names the model and
//! the answer; the usage comes with the reason to stop, at the end.

use std::io::Write as _;

use super::seal::{unsealed, unsealed_redacted};
use crate::stream::encoder::{Options, StreamError};
use crate::stream::nesting::Nesting;
use crate::stream::text::{write_compact, write_json, write_number};
use crate::stream::{Delta, FinishReason, Trail, Usage};

/// Writes the chunks of one stream.
#[derive(Debug)]
pub struct Encoder {
    options: Options,
    id: String,
    model: String,
    /// A chunk is out, so that the next one of an array follows a comma.
    started: bool,
    closed: bool,
    /// Calls whose arguments are not whole yet.
    calls: Vec<Call>,
    /// A signature of Gemini's own that waits for the call it belongs to.
    signature: Option<(u32, String)>,
    finishes: Vec<(u32, FinishReason)>,
    usage: Usage,
    cost_usd: Option<String>,
}

#[derive(Debug)]
struct Call {
    choice: u32,
    tool: u32,
    id: String,
    name: String,
    signature: Option<String>,
    arguments: String,
    nesting: Nesting,
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
            calls: Vec::new(),
            signature: None,
            finishes: Vec::new(),
            usage: Usage::default(),
            cost_usd: None,
        }
    }

    /// An encoder for the rest of a stream.
    pub fn resume(options: Options, trail: &Trail) -> Self {
        let mut encoder = Self::new(options);
        encoder.id.clone_from(&trail.id);
        encoder.model.clone_from(&trail.model);
        encoder.started = true;
        encoder
    }

    /// Appends what `delta` becomes; see [`crate::stream::Encoder::delta`].
    pub fn delta(&mut self, delta: &Delta<'_>, out: &mut Vec<u8>) {
        if self.closed {
            return;
        }
        match delta {
            Delta::Text { choice, text } | Delta::Refusal { choice, text } => {
                self.text(*choice, text, false, out);
            }
            Delta::Reasoning { choice, text } => self.text(*choice, text, true, out),
            Delta::Signature { choice, signature } => self.sign(*choice, signature, out),
            Delta::RedactedReasoning { choice, data } => {
                self.flush_signature(out);
                if let Some(signature) = unsealed_redacted(data) {
                    self.chunk(*choice, out, |out| write_signature(&signature, true, out));
                }
            }
            Delta::ToolStart { choice, tool, id, name } => {
                let waiting = self.signature.take_if(|(of, _)| of == choice);
                self.calls.push(Call {
                    choice: *choice,
                    tool: *tool,
                    id: id.to_string(),
                    name: name.to_string(),
                    signature: waiting.map(|(_, signature)| signature),
                    arguments: String::new(),
                    nesting: Nesting::default(),
                });
            }
            Delta::ToolArguments { choice, tool, fragment } => {
                self.arguments((*choice, *tool), fragment, out);
            }
            Delta::VendorBlock { raw, .. } if is_part(raw) => {
                self.chunk(0, out, |out| write_compact(out, raw));
            }
            Delta::Start { id, model, .. } => {
                id.as_ref().clone_into(&mut self.id);
                model.as_ref().clone_into(&mut self.model);
            }
            Delta::Usage { usage, .. } => self.usage = *usage,
            // The end waits for the usage, which this dialect sends with it.
            Delta::Finish { choice, reason, .. } => {
                self.finishes.retain(|(known, _)| known != choice);
                self.finishes.push((*choice, *reason));
            }
            Delta::Error(error) => {
                let request_id = std::mem::take(&mut self.options.request_id);
                self.error(&StreamError::from_upstream(error, &request_id), out);
            }
            Delta::End => self.end(out),
            // What other vendors' tools do, and fields that this dialect lacks.
            _ => {}
        }
    }

    /// Sets what the last usage says.
    pub fn settle(&mut self, usage: Usage, cost_usd: Option<&str>) {
        self.usage = usage;
        self.cost_usd = cost_usd.map(str::to_owned);
    }

    /// Appends an error, which ends the stream. An array is closed behind it: nobody could read the error otherwise.
    pub fn error(&mut self, error: &StreamError<'_>, out: &mut Vec<u8>) {
        if self.closed {
            return;
        }
        self.closed = true;
        self.open(out);
        write_error(error, out);
        self.close(out);
        if self.options.as_array {
            out.extend_from_slice(b"\n]");
        }
    }

    /// The beginning of a chunk's frame.
    fn open(&mut self, out: &mut Vec<u8>) {
        let begin: &[u8] = match (self.options.as_array, self.started) {
            (false, _) => b"data: ",
            (true, false) => b"[",
            (true, true) => b",\n",
        };
        out.extend_from_slice(begin);
        self.started = true;
    }

    fn close(&self, out: &mut Vec<u8>) {
        if !self.options.as_array {
            out.extend_from_slice(b"\n\n");
        }
    }

    /// One chunk with one part.
    fn chunk(&mut self, choice: u32, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        self.open(out);
        out.extend_from_slice(b"{\"candidates\":[{\"content\":{\"parts\":[");
        write(out);
        out.extend_from_slice(b"],\"role\":\"model\"},\"index\":");
        write_number(out, u64::from(choice));
        out.extend_from_slice(b"}]");
        self.names(out);
        self.close(out);
    }

    /// Whose answer it is, up to the end of the chunk.
    fn names(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"modelVersion\":");
        write_json(out, self.options.model.as_deref().unwrap_or(&self.model));
        out.extend_from_slice(b",\"responseId\":");
        let id = if self.id.is_empty() { &self.options.request_id } else { &self.id };
        write_json(out, id);
        out.push(b'}');
    }

    fn text(&mut self, choice: u32, text: &str, is_thought: bool, out: &mut Vec<u8>) {
        self.flush_signature(out);
        self.chunk(choice, out, |out| {
            out.extend_from_slice(b"{\"text\":");
            write_json(out, text);
            if is_thought {
                out.extend_from_slice(b",\"thought\":true");
            }
            out.push(b'}');
        });
    }

    /// Gemini's own belongs to the call that may follow; another vendor's to the thought before it.
    fn sign(&mut self, choice: u32, signature: &str, out: &mut Vec<u8>) {
        self.flush_signature(out);
        let Some((signature, is_own)) = unsealed(signature) else { return };
        if is_own {
            self.signature = Some((choice, signature.into_owned()));
        } else {
            self.chunk(choice, out, |out| write_signature(&signature, true, out));
        }
    }

    /// A signature that no call followed belongs to the text before it.
    fn flush_signature(&mut self, out: &mut Vec<u8>) {
        if let Some((choice, signature)) = self.signature.take() {
            self.chunk(choice, out, |out| write_signature(&signature, false, out));
        }
    }

    fn arguments(&mut self, of: (u32, u32), fragment: &str, out: &mut Vec<u8>) {
        let place = self.calls.iter().rposition(|call| (call.choice, call.tool) == of);
        let Some(call) = place.and_then(|at| self.calls.get_mut(at)) else { return };
        call.arguments.push_str(fragment);
        call.nesting.push(fragment);
        if call.nesting.is_complete()
            && let Some(at) = place
        {
            let call = self.calls.remove(at);
            self.call(&call, out);
        }
    }

    fn call(&mut self, call: &Call, out: &mut Vec<u8>) {
        self.chunk(call.choice, out, |out| {
            write_call(&call.id, &call.name, &call.arguments, call.signature.as_deref(), out);
        });
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.flush_signature(out);
        for call in std::mem::take(&mut self.calls) {
            self.call(&call, out);
        }
        if self.finishes.is_empty() {
            self.finishes.push((0, FinishReason::Stop)); // a host that ended well without a reason
        }
        self.open(out);
        out.extend_from_slice(b"{\"candidates\":[");
        for (place, (choice, reason)) in self.finishes.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            let word = reason.gemini();
            // Writing into memory cannot fail.
            let _ = write!(
                out,
                r#"{{"content":{{"parts":[{{"text":""}}],"role":"model"}},"finishReason":"{word}","index":{choice}}}"#
            );
        }
        out.extend_from_slice(b"],\"usageMetadata\":");
        write_usage(&self.usage, self.cost_usd.as_deref(), out);
        self.names(out);
        self.close(out);
        self.closed = true;
        if self.options.as_array {
            out.extend_from_slice(b"\n]");
        }
    }
}

/// Whether a vendor's block is a part of this dialect's.
pub(super) fn is_part(raw: &str) -> bool {
    ["executableCode", "codeExecutionResult", "toolCall", "toolResponse"]
        .iter()
        .any(|name| raw.strip_prefix("{\"").is_some_and(|rest| rest.starts_with(name)))
}

pub(super) fn write_signature(signature: &str, is_thought: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"text\":\"\",");
    if is_thought {
        out.extend_from_slice(b"\"thought\":true,");
    }
    out.extend_from_slice(b"\"thoughtSignature\":");
    write_json(out, signature);
    out.push(b'}');
}

pub(super) fn write_call(
    id: &str,
    name: &str,
    arguments: &str,
    signature: Option<&str>,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(b"{\"functionCall\":{");
    if !id.is_empty() {
        out.extend_from_slice(b"\"id\":");
        write_json(out, id);
        out.push(b',');
    }
    out.extend_from_slice(b"\"name\":");
    write_json(out, name);
    out.extend_from_slice(b",\"args\":");
    match serde_json::from_str::<&serde_json::value::RawValue>(arguments) {
        Ok(raw) if raw.get().starts_with('{') => write_compact(out, raw.get()),
        _ if arguments.trim().is_empty() => out.extend_from_slice(b"{}"),
        // What is no object; its text is kept.
        _ => {
            out.extend_from_slice(b"{\"arguments\":");
            write_json(out, arguments);
            out.push(b'}');
        }
    }
    out.push(b'}');
    if let Some(signature) = signature {
        out.extend_from_slice(b",\"thoughtSignature\":");
        write_json(out, signature);
    }
    out.push(b'}');
}

/// Thoughts stand beside the candidates; input is all of it, cached or not.
pub(super) fn write_usage(usage: &Usage, cost_usd: Option<&str>, out: &mut Vec<u8>) {
    let input = usage.input_tokens.unwrap_or(0);
    let output = usage.output_tokens.unwrap_or(0);
    let candidates = output.saturating_sub(usage.reasoning_tokens.unwrap_or(0));
    // Writing into memory cannot fail.
    let _ = write!(out, r#"{{"promptTokenCount":{input},"candidatesTokenCount":{candidates}"#);
    for (field, count) in [
        ("cachedContentTokenCount", usage.cached_input_tokens),
        ("thoughtsTokenCount", usage.reasoning_tokens),
    ] {
        if let Some(count) = count {
            let _ = write!(out, r#","{field}":{count}"#);
        }
    }
    let _ = write!(out, r#","totalTokenCount":{}"#, input.saturating_add(output));
    if let Some(cost_usd) = cost_usd {
        let _ = write!(out, r#","costUsd":{cost_usd}"#);
    }
    out.push(b'}');
}

/// Google's shape; the stable code, whose fault it is and our id stand in `details`, as its own errors have them.
fn write_error(error: &StreamError<'_>, out: &mut Vec<u8>) {
    let (code, status) = match error.kind {
        "rate_limit_error" | "RESOURCE_EXHAUSTED" => (429, "RESOURCE_EXHAUSTED"),
        "overloaded_error" | "UNAVAILABLE" => (503, "UNAVAILABLE"),
        _ if error.code.contains("timeout") => (504, "DEADLINE_EXCEEDED"),
        _ if error.origin == "gateway" => (503, "UNAVAILABLE"),
        _ => (502, "UNAVAILABLE"),
    };
    // Writing into memory cannot fail.
    let _ = write!(out, r#"{{"error":{{"code":{code},"message":"#);
    write_json(out, error.message);
    let _ = write!(
        out,
        r#","status":"{status}","details":[{{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"#
    );
    write_json(out, error.code);
    out.extend_from_slice(b",\"domain\":\"sluicegate\",\"metadata\":{\"origin\":");
    write_json(out, error.origin);
    out.extend_from_slice(b",\"request_id\":");
    write_json(out, error.request_id);
    out.extend_from_slice(b"}}],\"origin\":");
    write_json(out, error.origin);
    out.extend_from_slice(b",\"request_id\":");
    write_json(out, error.request_id);
    out.extend_from_slice(b"}}");
}

//! Chunks in, deltas out. A whole answer is one chunk.

use serde_json::value::RawValue;

use super::partial::Partial;
use super::seal::sealed;
use super::wire::{
    Blob, Call, Candidate, Chunk, Code, ErrorBody, Part, PromptFeedback, Reported, WireUsage,
};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::stream::text::{Text, read_object, read_or_default, write_json};
use crate::stream::{Delta, FinishReason, UpstreamError};

const DIALECT: &str = Dialect::Gemini.name();

/// Far above what an answer holds; bounds what a hostile host can make us keep.
const MAX_CHOICES: usize = 1024;

/// Reads the chunks of one stream.
#[derive(Debug, Default)]
pub struct Decoder {
    started: bool,
    closed: bool,
    /// Tool calls so far, by alternative.
    calls: Vec<(u32, u32)>,
    /// A call whose arguments come bit by bit.
    partial: Option<Partial>,
    reported: Reported,
}

impl Decoder {
    /// Hands out what one event holds; see [`crate::stream::Decoder::event`].
    pub fn event(
        &mut self,
        _name: &str,
        data: &[u8],
        mut sink: impl FnMut(&Delta<'_>),
    ) -> Result<(), Error> {
        let data = data.trim_ascii();
        // Proxies add the word with which other dialects end.
        if self.closed || data.is_empty() || data == b"[DONE]" {
            return Ok(());
        }
        let chunk: Chunk<'_> = read_object(DIALECT, data)?;
        self.chunk(&chunk, data, &mut sink)
    }

    /// Hands out what a whole answer holds.
    pub fn whole(&mut self, body: &[u8], mut sink: impl FnMut(&Delta<'_>)) -> Result<(), Error> {
        let chunk: Chunk<'_> = read_object(DIALECT, body)?;
        self.chunk(&chunk, body, &mut sink)
    }

    fn chunk(
        &mut self,
        chunk: &Chunk<'_>,
        data: &[u8],
        sink: &mut impl FnMut(&Delta<'_>),
    ) -> Result<(), Error> {
        if let Some(error) = chunk.error {
            self.closed = true;
            sink(&Delta::Error(read_error(error, data)));
            return Ok(());
        }
        let candidates = chunk.candidates.as_deref().unwrap_or_default();
        if candidates.len() > MAX_CHOICES {
            let reason = "more candidates than an answer can hold".to_owned();
            return Err(Error::MalformedEvent { dialect: DIALECT, reason });
        }
        if !self.started {
            self.started = true;
            sink(&Delta::Start {
                id: chunk.response_id.0.as_ref().into(),
                model: chunk.model_version.0.as_ref().into(),
                created_s: None,
            });
        }
        for candidate in candidates {
            self.candidate(candidate, sink);
        }
        let feedback: Option<PromptFeedback<'_>> = chunk.prompt_feedback.map(read_or_default);
        let is_blocked = feedback.is_some_and(|feedback| !feedback.block_reason.0.is_empty());
        if is_blocked && candidates.is_empty() {
            let reason = FinishReason::ContentFilter;
            sink(&Delta::Finish { choice: 0, reason, stop_sequence: None });
        }
        if let Some(raw) = chunk.usage_metadata {
            let wire: WireUsage<'_> = read_or_default(raw);
            let usage = self.reported.fold(&wire);
            // Every chunk reports: none is there for its usage alone.
            sink(&Delta::Usage { usage, alone: false });
        }
        Ok(())
    }

    fn candidate(&mut self, candidate: &Candidate<'_>, sink: &mut impl FnMut(&Delta<'_>)) {
        let choice = candidate.index.0.unwrap_or(0);
        let parts = candidate.content.as_ref().and_then(|content| content.parts.as_deref());
        for part in parts.unwrap_or_default() {
            self.part(choice, part, sink);
        }
        if let Some(reason) = FinishReason::of_gemini(&candidate.finish_reason.0) {
            let called = self.calls.iter().any(|(known, _)| *known == choice);
            let reason = reason.with_calls(called);
            sink(&Delta::Finish { choice, reason, stop_sequence: None });
        }
    }

    fn part(&mut self, choice: u32, part: &Part<'_>, sink: &mut impl FnMut(&Delta<'_>)) {
        if let Some(Text(text)) = &part.text
            && !text.is_empty()
        {
            let text = text.as_ref().into();
            sink(&if part.thought == Some(true) {
                Delta::Reasoning { choice, text }
            } else {
                Delta::Text { choice, text }
            });
        }
        // It stands before the call that it is about, as thoughts do, and behind a text.
        if !part.thought_signature.0.is_empty() {
            let signature = sealed(&part.thought_signature.0).into();
            sink(&Delta::Signature { choice, signature });
        }
        if let Some(call) = &part.function_call {
            self.call(choice, call, sink);
        }
        if let Some(blob) = &part.inline_data {
            inline_data(choice, blob, sink);
        }
        for (name, raw) in [
            ("executableCode", part.executable_code),
            ("codeExecutionResult", part.code_execution_result),
            ("toolCall", part.tool_call),
            ("toolResponse", part.tool_response),
        ] {
            if let Some(raw) = raw {
                let code: Code<'_> = read_or_default(raw);
                let raw = format!("{{\"{name}\":{}}}", raw.get());
                sink(&Delta::VendorBlock { raw: &raw, text: code.code.0 });
            }
        }
    }

    fn call(&mut self, choice: u32, call: &Call<'_>, sink: &mut impl FnMut(&Delta<'_>)) {
        let goes_on = call.will_continue == Some(true);
        let bits = call.partial_args.as_deref().unwrap_or_default();
        if call.name.0.is_empty()
            && let Some(mut partial) = self.partial.take_if(|partial| partial.choice == choice)
        {
            for bit in bits {
                partial.put(bit);
            }
            return self.keep(partial, goes_on, sink);
        }
        let tool = self.next_tool(choice);
        sink(&Delta::ToolStart {
            choice,
            tool,
            id: call.id.0.as_ref().into(),
            name: call.name.0.as_ref().into(),
        });
        if let Some(args) = call.args.map(RawValue::get).filter(|args| *args != "null") {
            sink(&Delta::ToolArguments { choice, tool, fragment: args.into() });
        } else if goes_on || !bits.is_empty() {
            let mut partial = Partial::new(choice, tool);
            for bit in bits {
                partial.put(bit);
            }
            self.keep(partial, goes_on, sink);
        }
    }

    /// Hands out the arguments of a call that is over, or waits for more of them.
    fn keep(&mut self, partial: Partial, goes_on: bool, sink: &mut impl FnMut(&Delta<'_>)) {
        if goes_on {
            self.partial = Some(partial);
            return;
        }
        let (choice, tool) = (partial.choice, partial.tool);
        let fragment = partial.arguments().into();
        sink(&Delta::ToolArguments { choice, tool, fragment });
    }

    fn next_tool(&mut self, choice: u32) -> u32 {
        if let Some((_, count)) = self.calls.iter_mut().find(|(known, _)| *known == choice) {
            let tool = *count;
            *count = count.saturating_add(1);
            return tool;
        }
        if self.calls.len() < MAX_CHOICES {
            self.calls.push((choice, 1));
        }
        0
    }
}

/// A picture or recording that the model made, in the shape in which chat clients know it.
fn inline_data(choice: u32, blob: &Blob<'_>, sink: &mut impl FnMut(&Delta<'_>)) {
    let mut raw = Vec::new();
    let (kind, data) = (blob.mime_type.0.as_ref(), blob.data.0.as_ref());
    let is_audio = kind.starts_with("audio/");
    if is_audio {
        raw.extend_from_slice(b"{\"data\":");
        write_json(&mut raw, data);
        raw.push(b'}');
    } else {
        raw.extend_from_slice(b"[{\"type\":\"image_url\",\"image_url\":{\"url\":");
        write_json(&mut raw, &format!("data:{kind};base64,{data}"));
        raw.extend_from_slice(b"}}]");
    }
    let field = if is_audio { "audio" } else { "images" };
    sink(&Delta::Beside { choice, field, raw: &String::from_utf8_lossy(&raw) });
}

fn read_error(error: &RawValue, data: &[u8]) -> UpstreamError {
    let raw = String::from_utf8_lossy(data).into_owned();
    if let Ok(Text(message)) = serde_json::from_str(error.get()) {
        return UpstreamError { message: message.into_owned(), raw, ..UpstreamError::default() };
    }
    let body: ErrorBody<'_> = read_or_default(error);
    UpstreamError {
        message: body.message.0.into_owned(),
        kind: body.status.0.into_owned(),
        code: body.code.0.into_owned(),
        raw,
    }
}

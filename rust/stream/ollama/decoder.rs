//! Lines in, deltas out. A whole answer is one line.

use serde_json::value::RawValue;

use super::wire::{Line, Message};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::stream::call::Call;
use crate::stream::error_body::read_error;
use crate::stream::mould::Mould;
use crate::stream::plain::Plain;
use crate::stream::text::{read_object, text_of};
use crate::stream::{Delta, FinishReason};

const DIALECT: &str = Dialect::Ollama.name();

/// Reads the lines of one stream.
#[derive(Debug, Default)]
pub struct Decoder {
    started: bool,
    closed: bool,
    call_count: u32,
    plain: Mould<Plain>,
}

impl Decoder {
    /// Hands out what one line holds; see [`crate::stream::Decoder::event`]. Lines have no names.
    pub fn event(&mut self, data: &[u8], mut sink: impl FnMut(&Delta<'_>)) -> Result<(), Error> {
        let data = data.trim_ascii();
        if self.closed || data.is_empty() {
            return Ok(());
        }
        if let Some((plain, text)) = self.plain.fit(data) {
            plain.tell(text, &mut sink);
            return Ok(());
        }
        let line: Line<'_> = read_object(DIALECT, data)?;
        self.line(&line, data, &mut sink);
        if line.done == Some(true) && !self.closed {
            self.closed = true;
            sink(&Delta::End);
        }
        if let Some((plain, text)) = plain_text(&line) {
            self.plain.learn(data, text, plain);
        }
        Ok(())
    }

    /// Hands out what a whole answer holds.
    pub fn whole(&mut self, body: &[u8], mut sink: impl FnMut(&Delta<'_>)) -> Result<(), Error> {
        let line: Line<'_> = read_object(DIALECT, body)?;
        self.line(&line, body, &mut sink);
        Ok(())
    }

    fn line(&mut self, line: &Line<'_>, data: &[u8], sink: &mut impl FnMut(&Delta<'_>)) {
        if line.error.is_some() {
            self.closed = true;
            sink(&Delta::Error(read_error(line.error, data)));
            return;
        }
        if !self.started {
            self.started = true;
            let (model, created_s) = (line.model.0.as_ref().into(), seconds(&line.created_at.0));
            sink(&Delta::Start { id: "".into(), model, created_s });
        }
        if let Some(message) = &line.message {
            self.message(message, sink);
        }
        if let Some(logprobs) = line.logprobs.map(RawValue::get).filter(|raw| *raw != "null") {
            let raw = format!("{{\"content\":{logprobs}}}");
            sink(&Delta::Beside { choice: 0, field: "logprobs", raw: &raw });
        }
        if line.done == Some(true) {
            // Older servers do not say why, and none has a word for calls.
            let reason = FinishReason::parse(&line.done_reason.0).unwrap_or(FinishReason::Stop);
            let reason = reason.with_calls(self.call_count > 0);
            sink(&Delta::Finish { choice: 0, reason, stop_sequence: None });
            let usage = line.usage();
            if !usage.is_empty() {
                sink(&Delta::Usage { usage, alone: false });
            }
        }
    }

    fn message(&mut self, message: &Message<'_>, sink: &mut impl FnMut(&Delta<'_>)) {
        Plain::Reasoning.tell(text_of(message.thinking.as_ref()), sink);
        Plain::Text.tell(text_of(message.content.as_ref()), sink);
        for call in message.tool_calls.iter().flatten() {
            self.call(call, sink);
        }
    }

    /// A call comes whole.
    fn call(&mut self, call: &Call<'_>, sink: &mut impl FnMut(&Delta<'_>)) {
        let Some(function) = &call.function else { return };
        let (choice, tool) = (0, self.call_count);
        self.call_count = tool.saturating_add(1);
        let (id, name) = (call.id.0.as_ref().into(), function.name.0.as_ref().into());
        sink(&Delta::ToolStart { choice, tool, id, name });
        let fragment = function.arguments.0.as_ref();
        if !fragment.is_empty() {
            sink(&Delta::ToolArguments { choice, tool, fragment: fragment.into() });
        }
    }
}

/// The text of a line that says one text and nothing else.
fn plain_text<'l>(line: &'l Line<'_>) -> Option<(Plain, &'l str)> {
    let message = line.message.as_ref()?;
    let says_more = line.done == Some(true) || line.error.is_some() || line.logprobs.is_some();
    if says_more || message.tool_calls.is_some() {
        return None;
    }
    match (text_of(message.thinking.as_ref()), text_of(message.content.as_ref())) {
        ("", text) => Some((Plain::Text, text)),
        (text, "") => Some((Plain::Reasoning, text)),
        _ => None,
    }
}

/// Seconds since 1970 of a date in RFC 3339.
fn seconds(date: &str) -> Option<u64> {
    let time: jiff::Timestamp = date.parse().ok()?;
    u64::try_from(time.as_second()).ok()
}

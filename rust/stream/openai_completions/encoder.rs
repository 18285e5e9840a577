//! Deltas in, chunks out. There is a place for text alone: what declines is text too, and thoughts and calls have none.

use crate::stream::encoder::{Options, StreamError};
use crate::stream::openai_chat::{self, write_tier, write_usage};
use crate::stream::text::{write_json, write_number};
use crate::stream::{Delta, FinishReason, Trail, Usage};

/// Writes the chunks of one stream.
#[derive(Debug)]
pub struct Encoder {
    options: Options,
    /// Everything before the choices, the same in every chunk.
    head: Vec<u8>,
    closed: bool,
    /// A finish reason is out.
    finished: bool,
    usage: Usage,
    cost_usd: Option<String>,
}

impl Encoder {
    /// An encoder at the start of a stream.
    pub fn new(options: Options) -> Self {
        let (usage, cost_usd) = (Usage::default(), None);
        Self { options, head: Vec::new(), closed: false, finished: false, usage, cost_usd }
    }

    /// An encoder for the rest of a stream.
    pub fn resume(options: Options, trail: &Trail) -> Self {
        let mut encoder = Self::new(options);
        encoder.set_head(&trail.id, &trail.model, trail.created_s);
        encoder
    }

    /// Appends what `delta` becomes; see [`crate::stream::Encoder::delta`].
    pub fn delta(&mut self, delta: &Delta<'_>, out: &mut Vec<u8>) {
        if self.closed {
            return;
        }
        match delta {
            Delta::Text { choice, text } | Delta::Refusal { choice, text } => {
                self.chunk(*choice, text, None, out);
            }
            Delta::Start { id, model, created_s } => self.set_head(id, model, *created_s),
            Delta::Usage { usage, .. } => self.usage = *usage,
            Delta::Finish { choice, reason, .. } => {
                self.finished = true;
                self.chunk(*choice, "", Some(*reason), out);
            }
            Delta::Error(error) => {
                let request_id = std::mem::take(&mut self.options.request_id);
                self.error(&StreamError::from_upstream(error, &request_id), out);
            }
            Delta::End => self.end(out),
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
        if !std::mem::replace(&mut self.closed, true) {
            openai_chat::write_error(error, out);
        }
    }

    fn set_head(&mut self, id: &str, model: &str, created_s: Option<u64>) {
        let head = &mut self.head;
        head.clear();
        head.extend_from_slice(b"data: {\"id\":");
        write_json(head, &answer_id(id, &self.options));
        head.extend_from_slice(b",\"object\":\"text_completion\",\"created\":");
        write_number(head, created_s.unwrap_or(self.options.created_s));
        head.extend_from_slice(b",\"model\":");
        write_json(head, self.options.model.as_deref().unwrap_or(model));
        head.extend_from_slice(b",\"choices\":[");
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if self.head.is_empty() {
            self.set_head("", "", None);
        }
        out.extend_from_slice(&self.head);
    }

    fn chunk(&mut self, choice: u32, text: &str, reason: Option<FinishReason>, out: &mut Vec<u8>) {
        self.begin(out);
        out.extend_from_slice(b"{\"index\":");
        write_number(out, u64::from(choice));
        out.extend_from_slice(b",\"text\":");
        write_json(out, text);
        out.extend_from_slice(b",\"logprobs\":null,\"finish_reason\":");
        match reason {
            Some(reason) => write_json(out, word(reason)),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b"}]");
        if self.options.include_usage {
            out.extend_from_slice(b",\"usage\":null");
        }
        out.extend_from_slice(b"}\n\n");
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.closed = true;
        // A host that ended well without a reason; clients wait for one.
        if !self.finished {
            self.chunk(0, "", Some(FinishReason::Stop), out);
        }
        if self.options.include_usage {
            self.begin(out);
            out.extend_from_slice(b"],\"usage\":");
            write_usage(&self.usage, self.cost_usd.as_deref(), out);
            write_tier(&self.usage, out);
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

/// The answer's id, made where the upstream gave none.
pub(super) fn answer_id(id: &str, options: &Options) -> String {
    if id.is_empty() { format!("cmpl-{}", options.request_id) } else { id.to_owned() }
}

/// Why it ended; it knows no calls.
pub(super) const fn word(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::ToolCalls => "stop",
        reason => reason.openai(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Dialect;
    use crate::stream::{Decoder, Transcoder};

    fn options(include_usage: bool) -> Options {
        Options { request_id: "r".to_owned(), include_usage, ..Options::default() }
    }

    fn texts(out: &[u8]) -> (String, Vec<FinishReason>, bool) {
        let mut decoder = Decoder::new(Dialect::OpenAiCompletions);
        let (mut said, mut ends, mut is_over) = (String::new(), Vec::new(), false);
        for line in
            std::str::from_utf8(out).unwrap().lines().filter_map(|l| l.strip_prefix("data: "))
        {
            decoder
                .event("", line.as_bytes(), |delta| match delta {
                    Delta::Text { text, .. } => said.push_str(text),
                    Delta::Finish { reason, .. } => ends.push(*reason),
                    Delta::End => is_over = true,
                    _ => {}
                })
                .unwrap();
        }
        (said, ends, is_over)
    }

    #[test]
    fn what_it_writes_is_read_again() {
        for (from, events) in [
            (
                Dialect::OpenAiChat,
                vec![
                    (
                        "",
                        r#"{"id":"a","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"on"}}]}"#,
                    ),
                    ("", r#"{"choices":[{"index":0,"delta":{"reasoning_content":"hm"}}]}"#),
                    ("", r#"{"choices":[{"index":0,"delta":{"content":"e \"two\""}}]}"#),
                    ("", r#"{"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}"#),
                    ("", "[DONE]"),
                ],
            ),
            (
                Dialect::OpenAiCompletions,
                vec![
                    (
                        "",
                        r#"{"id":"a","object":"text_completion","model":"m","choices":[{"index":0,"text":"one \"two\"","logprobs":null,"finish_reason":"length"}]}"#,
                    ),
                    ("", "[DONE]"),
                ],
            ),
        ] {
            let mut transcoder = Transcoder::new(from, Dialect::OpenAiCompletions, options(false));
            let mut out = Vec::new();
            for (name, data) in events {
                transcoder.event(name, data.as_bytes(), &mut out).unwrap();
            }
            let wanted = ("one \"two\"".to_owned(), vec![FinishReason::Length], true);
            assert_eq!(texts(&out), wanted, "{from:?}");
        }
    }

    #[test]
    fn usage_comes_where_it_was_asked_for_and_an_error_ends_all() {
        let mut encoder = Encoder::new(options(true));
        let mut out = Vec::new();
        encoder.delta(&Delta::Text { choice: 1, text: "x".into() }, &mut out);
        encoder.settle(
            Usage { input_tokens: Some(1), output_tokens: Some(2), ..Usage::default() },
            Some("0.5"),
        );
        encoder.delta(&Delta::End, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with(r#"data: {"id":"cmpl-r","object":"text_completion","created":0,"model":"","choices":[{"index":1,"text":"x""#), "{text}");
        assert!(text.contains(r#""choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"cost_usd":0.5}"#), "{text}");
        assert!(text.ends_with("data: [DONE]\n\n"));
        let mut encoder = Encoder::new(options(false));
        let mut out = Vec::new();
        let error =
            StreamError { message: "m", kind: "k", code: "c", origin: "upstream", request_id: "r" };
        encoder.error(&error, &mut out);
        let end = out.len();
        encoder.delta(&Delta::End, &mut out);
        assert_eq!(out.len(), end);
    }
}

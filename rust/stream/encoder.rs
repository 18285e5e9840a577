//! One stream's encoder, whichever dialect it is in.

use super::{
    Delta, ToolForms, Trail, UpstreamError, Usage, anthropic, gemini, openai_chat,
    openai_completions, openai_responses,
};
use crate::dialect::Dialect;

/// What an encoder must be told about the request.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The model name shown to the client; the upstream's own where `None`.
    pub model: Option<String>,
    /// Our id of the request, for ids that the upstream did not give.
    pub request_id: String,
    /// The client asked for a usage chunk (`OpenAI`'s two kinds of completions only; the others always report).
    pub include_usage: bool,
    /// The client reads the items of a JSON array instead of events (Gemini only).
    pub as_array: bool,
    /// When the request came, in seconds since 1970, for upstreams that do not say.
    pub created_s: u64,
    /// What the answer repeats of the request, as name and JSON (`OpenAI` Responses only).
    pub echo: Vec<(String, String)>,
    /// The gateway keeps the answer (`OpenAI` Responses only).
    pub is_kept: bool,
    /// Tools that are no plain functions to the client (`OpenAI`'s two dialects only).
    pub tool_forms: ToolForms,
}

/// A failure that ends a stream, as its client reads it.
#[derive(Debug, Clone, Copy)]
pub struct StreamError<'a> {
    /// A sentence.
    pub message: &'a str,
    /// The dialect's class of error.
    pub kind: &'a str,
    /// The stable machine-readable code.
    pub code: &'a str,
    /// Whose fault it is: `gateway` or `upstream`.
    pub origin: &'a str,
    /// Our id of the request.
    pub request_id: &'a str,
}

impl<'a> StreamError<'a> {
    /// What a client reads of an error that the upstream put into its stream.
    pub fn from_upstream(error: &'a UpstreamError, request_id: &'a str) -> Self {
        let or = |text: &'a str, other| if text.is_empty() { other } else { text };
        Self {
            message: or(&error.message, "the upstream reported an error"),
            kind: or(&error.kind, "api_error"),
            code: or(&error.code, "upstream_error"),
            origin: "upstream",
            request_id,
        }
    }
}

/// Writes deltas as the events of one dialect.
///
/// Nothing is written after the terminator or an error.
#[derive(Debug)]
pub enum Encoder {
    /// `OpenAI` Chat Completions.
    OpenAiChat(openai_chat::Encoder),
    /// Anthropic Messages.
    Anthropic(anthropic::Encoder),
    /// Google's Gemini.
    Gemini(gemini::Encoder),
    /// `OpenAI` Responses.
    OpenAiResponses(openai_responses::Encoder),
    /// `OpenAI`'s older completions.
    OpenAiCompletions(openai_completions::Encoder),
}

impl Encoder {
    /// An encoder at the start of a stream.
    pub fn new(dialect: Dialect, options: Options) -> Self {
        match dialect.written() {
            Dialect::Anthropic => Self::Anthropic(anthropic::Encoder::new(options)),
            Dialect::Gemini => Self::Gemini(gemini::Encoder::new(options)),
            Dialect::OpenAiResponses => {
                Self::OpenAiResponses(openai_responses::Encoder::new(options))
            }
            Dialect::OpenAiCompletions => {
                Self::OpenAiCompletions(openai_completions::Encoder::new(options))
            }
            _ => Self::OpenAiChat(openai_chat::Encoder::new(options)),
        }
    }

    /// An encoder for the rest of a stream that went out without it so far.
    pub fn resume(dialect: Dialect, options: Options, trail: &Trail) -> Self {
        match dialect.written() {
            Dialect::Anthropic => Self::Anthropic(anthropic::Encoder::resume(options, trail)),
            Dialect::Gemini => Self::Gemini(gemini::Encoder::resume(options, trail)),
            Dialect::OpenAiResponses => {
                Self::OpenAiResponses(openai_responses::Encoder::resume(options, trail))
            }
            Dialect::OpenAiCompletions => {
                Self::OpenAiCompletions(openai_completions::Encoder::resume(options, trail))
            }
            _ => Self::OpenAiChat(openai_chat::Encoder::resume(options, trail)),
        }
    }

    /// Appends what `delta` becomes to `out`; often nothing.
    pub fn delta(&mut self, delta: &Delta<'_>, out: &mut Vec<u8>) {
        match self {
            Self::OpenAiChat(encoder) => encoder.delta(delta, out),
            Self::Anthropic(encoder) => encoder.delta(delta, out),
            Self::Gemini(encoder) => encoder.delta(delta, out),
            Self::OpenAiResponses(encoder) => encoder.delta(delta, out),
            Self::OpenAiCompletions(encoder) => encoder.delta(delta, out),
        }
    }

    /// Sets what the last usage will say, where our count fills a gap or the price is known.
    ///
    /// To be called before [`Delta::End`]. `cost_usd` is an exact decimal number.
    pub fn settle(&mut self, usage: Usage, cost_usd: Option<&str>) {
        match self {
            Self::OpenAiChat(encoder) => encoder.settle(usage, cost_usd),
            Self::Anthropic(encoder) => encoder.settle(usage, cost_usd),
            Self::Gemini(encoder) => encoder.settle(usage, cost_usd),
            Self::OpenAiResponses(encoder) => encoder.settle(usage, cost_usd),
            Self::OpenAiCompletions(encoder) => encoder.settle(usage, cost_usd),
        }
    }

    /// Ends the stream in success: the same as [`Delta::End`].
    pub fn terminator(&mut self, out: &mut Vec<u8>) {
        self.delta(&Delta::End, out);
    }

    /// The whole answer, once it is over and is to be kept.
    pub fn take_kept(&mut self) -> Option<Vec<u8>> {
        match self {
            Self::OpenAiResponses(encoder) => encoder.take_kept(),
            _ => None,
        }
    }

    /// Ends the stream with an error event and no terminator.
    pub fn error(&mut self, error: &StreamError<'_>, out: &mut Vec<u8>) {
        match self {
            Self::OpenAiChat(encoder) => encoder.error(error, out),
            Self::Anthropic(encoder) => encoder.error(error, out),
            Self::Gemini(encoder) => encoder.error(error, out),
            Self::OpenAiResponses(encoder) => encoder.error(error, out),
            Self::OpenAiCompletions(encoder) => encoder.error(error, out),
        }
    }

    /// Appends a comment, which keeps idle connections open and which clients skip; between the items of an array it is
    /// a line break.
    pub fn heartbeat(as_array: bool, out: &mut Vec<u8>) {
        out.extend_from_slice(if as_array { b"\n" } else { b": heartbeat\n\n" });
    }
}

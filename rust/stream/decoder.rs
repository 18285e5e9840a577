//! One stream's decoder, whichever dialect it is in.

use super::{
    Counting, Delta, anthropic, bedrock, cohere, gemini, ollama, openai_chat, openai_responses,
};
use crate::dialect::Dialect;
use crate::error::Error;

/// Reads the events of one stream, in order.
#[derive(Debug)]
pub enum Decoder {
    /// `OpenAI` Chat Completions.
    OpenAiChat(openai_chat::Decoder),
    /// Anthropic Messages.
    Anthropic(anthropic::Decoder),
    /// Google's Gemini.
    Gemini(gemini::Decoder),
    /// `OpenAI` Responses.
    OpenAiResponses(openai_responses::Decoder),
    /// Bedrock's Converse.
    Bedrock(bedrock::Decoder),
    /// Cohere's chat.
    Cohere(cohere::Decoder),
    /// Ollama's own chat.
    Ollama(ollama::Decoder),
}

impl Decoder {
    /// A decoder at the start of a stream.
    pub fn new(dialect: Dialect) -> Self {
        match dialect {
            Dialect::OpenAiChat | Dialect::OpenAiCompletions => {
                Self::OpenAiChat(openai_chat::Decoder::default())
            }
            Dialect::Anthropic => Self::Anthropic(anthropic::Decoder::default()),
            Dialect::Gemini => Self::Gemini(gemini::Decoder::default()),
            Dialect::OpenAiResponses => Self::OpenAiResponses(openai_responses::Decoder::default()),
            Dialect::Bedrock => Self::Bedrock(bedrock::Decoder::default()),
            Dialect::Cohere => Self::Cohere(cohere::Decoder::default()),
            Dialect::Ollama => Self::Ollama(ollama::Decoder::default()),
        }
    }

    /// This decoder for a host that counts so.
    #[must_use]
    pub fn counting(mut self, counting: Counting) -> Self {
        // In the other dialects output holds the same, whoever answers.
        if let Self::OpenAiChat(decoder) = &mut self {
            decoder.set_counting(counting);
        }
        self
    }

    /// Hands out what one event holds.
    ///
    /// `name` is the event's name (`message` or empty if it has none) and `data` its data. What comes
    /// after the terminator or an error is ignored. A malformed event is an error and leaves the
    /// decoder as it was, so the caller may stop or skip it.
    pub fn event(
        &mut self,
        name: &str,
        data: &[u8],
        sink: impl FnMut(&Delta<'_>),
    ) -> Result<(), Error> {
        match self {
            Self::OpenAiChat(decoder) => decoder.event(name, data, sink),
            Self::Anthropic(decoder) => decoder.event(name, data, sink),
            Self::Gemini(decoder) => decoder.event(name, data, sink),
            Self::OpenAiResponses(decoder) => decoder.event(name, data, sink),
            Self::Bedrock(decoder) => decoder.event(name, data, sink),
            Self::Cohere(decoder) => decoder.event(name, data, sink),
            Self::Ollama(decoder) => decoder.event(data, sink),
        }
    }

    /// Hands out what a whole, unstreamed answer holds, as if it had been streamed.
    pub fn whole(&mut self, body: &[u8], sink: impl FnMut(&Delta<'_>)) -> Result<(), Error> {
        match self {
            Self::OpenAiChat(decoder) => decoder.whole(body, sink),
            Self::Anthropic(decoder) => decoder.whole(body, sink),
            Self::Gemini(decoder) => decoder.whole(body, sink),
            Self::OpenAiResponses(decoder) => decoder.whole(body, sink),
            Self::Bedrock(decoder) => decoder.whole(body, sink),
            Self::Cohere(decoder) => decoder.whole(body, sink),
            Self::Ollama(decoder) => decoder.whole(body, sink),
        }
    }
}

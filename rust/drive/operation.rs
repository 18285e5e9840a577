//! What a request asks of a model, and where each dialect has it.

use serde::Deserialize;

use crate::dialect::Dialect;
use crate::observe::Member;
use crate::price::Unit;

/// What is asked of a model; OpenTelemetry's `gen_ai.operation.name` where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// A conversation, `chat`.
    Chat,
    /// Vectors of texts, `embeddings`.
    Embeddings,
    /// How many tokens a conversation has; never billed by vendors.
    CountTokens,
    /// Something about a response that is there already, by its id.
    StoredResponse,
    /// Whatever a provider's own path asks for.
    Passthrough,
    /// A text that goes on, `text_completion`.
    TextCompletion,
    /// Which of some documents answer a question.
    Rerank,
    /// Whether a text or a picture may be shown.
    Moderation,
    /// Pictures, from words or from other pictures.
    ImageGeneration,
    /// A text, spoken.
    Speech,
    /// What is said in a recording.
    Transcription,
    /// A file that a provider keeps.
    File,
    /// Many requests at once, answered within a day.
    Batch,
    /// A conversation while it is spoken, over a WebSocket.
    Realtime,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Chat,
        Self::Embeddings,
        Self::CountTokens,
        Self::StoredResponse,
        Self::Passthrough,
        Self::TextCompletion,
        Self::Rerank,
        Self::Moderation,
        Self::ImageGeneration,
        Self::Speech,
        Self::Transcription,
        Self::File,
        Self::Batch,
        Self::Realtime,
    ];

    /// Whether a model writes a text in answer to it, streamed or not.
    pub const fn writes(self) -> bool {
        matches!(self, Self::Chat | Self::TextCompletion)
    }

    /// Whether request and answer are carried as they are, between clients and hosts of `OpenAI`'s dialect.
    pub const fn is_carried(self) -> bool {
        matches!(
            self,
            Self::Rerank
                | Self::Moderation
                | Self::ImageGeneration
                | Self::Speech
                | Self::Transcription
        )
    }

    /// Whether its answer ends where a limit does. What passes as it is is not cut, so that all that it may use is held.
    pub const fn is_cut(self) -> bool {
        !self.is_carried() && !matches!(self, Self::Passthrough | Self::Batch | Self::Realtime)
    }

    /// Whether a key with a budget may only ask for it where its price is known. Of moderations most vendors take none.
    pub const fn wants_price(self) -> bool {
        !matches!(self, Self::Moderation)
    }

    /// Whether its answer says nothing of what it costs: a file costs nothing by itself, and a batch what its lines say
    /// when it is over.
    pub const fn is_silent(self) -> bool {
        matches!(self, Self::File | Self::Batch)
    }

    /// What vendors may charge for it beside tokens.
    pub const fn unit(self) -> Option<Unit> {
        match self {
            Self::ImageGeneration => Some(Unit::Picture),
            Self::Speech => Some(Unit::Character),
            Self::Transcription => Some(Unit::Audio),
            Self::Rerank => Some(Unit::Search),
            _ => None,
        }
    }

    /// The name in ledger and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Embeddings => "embeddings",
            Self::CountTokens => "count_tokens",
            Self::StoredResponse => "stored_response",
            Self::Passthrough => "passthrough",
            Self::TextCompletion => "text_completion",
            Self::Rerank => "rerank",
            Self::Moderation => "moderation",
            Self::ImageGeneration => "image_generation",
            Self::Speech => "speech",
            Self::Transcription => "transcription",
            Self::File => "file",
            Self::Batch => "batch",
            Self::Realtime => "realtime",
        }
    }

    /// Whether it costs money by itself.
    pub const fn is_billed(self) -> bool {
        !matches!(self, Self::CountTokens | Self::StoredResponse | Self::File)
    }

    /// The path behind the base URL's version, by dialect; for Gemini what stands behind the model in it. `None` where
    /// the dialect has no such operation.
    pub const fn path(self, dialect: Dialect) -> Option<&'static str> {
        match (self, dialect) {
            (Self::Chat | Self::TextCompletion, Dialect::Gemini) => Some(":generateContent"),
            (Self::CountTokens, Dialect::Gemini) => Some(":countTokens"),
            (Self::Chat | Self::TextCompletion, Dialect::OpenAiChat) => Some("/chat/completions"),
            (Self::TextCompletion, Dialect::OpenAiCompletions) => Some("/completions"),
            (Self::Chat | Self::TextCompletion, Dialect::Anthropic) => Some("/messages"),
            (
                Self::Chat | Self::TextCompletion | Self::StoredResponse,
                Dialect::OpenAiResponses,
            ) => Some("/responses"),
            (Self::CountTokens, Dialect::Anthropic) => Some("/messages/count_tokens"),
            (Self::Chat | Self::TextCompletion, Dialect::Bedrock) => Some("/converse"),
            (Self::Chat | Self::TextCompletion, Dialect::Cohere | Dialect::Ollama) => Some("/chat"),
            // Vectors stand where their own form has them.
            _ => None,
        }
    }
}

impl From<Operation> for Member {
    fn from(operation: Operation) -> Self {
        Self { number: operation as usize, name: operation.name() }
    }
}

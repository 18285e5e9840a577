//! The wire formats that the core can read.

/// A wire format. Few; many hosts share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// `OpenAI` Chat Completions.
    #[serde(rename = "openai")]
    OpenAiChat,
    /// Anthropic Messages.
    Anthropic,
    /// Google's Gemini, `generateContent`.
    Gemini,
    /// `OpenAI` Responses.
    #[serde(rename = "openai_responses")]
    OpenAiResponses,
    /// `OpenAI`'s older completions, of a text; hosts of its Chat Completions may have them beside.
    #[serde(rename = "openai_completions")]
    OpenAiCompletions,
    /// Amazon Bedrock's Converse, which hosts speak and no client.
    Bedrock,
    /// Cohere's chat, version 2, likewise.
    Cohere,
    /// Ollama's own chat, likewise.
    Ollama,
}

impl Dialect {
    /// The name that the configuration and the ledger use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenAiChat => "openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::OpenAiResponses => "openai_responses",
            Self::OpenAiCompletions => "openai_completions",
            Self::Bedrock => "bedrock",
            Self::Cohere => "cohere",
            Self::Ollama => "ollama",
        }
    }

    /// The dialect in which the gateway writes what it has read in this one: nobody reads of us what only hosts speak.
    #[must_use]
    pub const fn written(self) -> Self {
        match self {
            Self::Bedrock | Self::Cohere | Self::Ollama => Self::OpenAiChat,
            Self::OpenAiChat
            | Self::OpenAiCompletions
            | Self::Anthropic
            | Self::Gemini
            | Self::OpenAiResponses => self,
        }
    }

    /// Whether an answer names the model that gave it.
    pub const fn names_model(self) -> bool {
        !matches!(self, Self::Bedrock | Self::Cohere)
    }
}

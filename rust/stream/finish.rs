//! Why a model stopped.

/// Why a model stopped, in neutral words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FinishReason {
    /// It was done.
    Stop,
    /// It wrote one of the caller's stop sequences.
    StopSequence,
    /// It reached the most tokens it may write.
    Length,
    /// The model's window is full.
    ContextWindow,
    /// It wants tools to be run.
    ToolCalls,
    /// A filter, or the model itself, cut the answer.
    ContentFilter,
    /// A server-side loop paused; the caller may send the answer back to go on.
    Pause,
    /// The host says that it failed.
    Error,
    /// A word that we do not know.
    Other,
}

impl FinishReason {
    /// Reads any vendor's word; `None` for the empty one, which some hosts send for "not yet".
    ///
    /// Beside the two vendors' own: Mistral `model_length`, vLLM `abort`, Z.ai `sensitive` and
    /// `network_error`, `DeepSeek` `insufficient_system_resource`, Together `eos`, and the upper-case
    /// words of Gemini that some gateways pass on.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "" => return None,
            "stop" | "end_turn" | "eos" | "eos_token" | "STOP" | "COMPLETE" => Self::Stop,
            "stop_sequence" | "STOP_SEQUENCE" => Self::StopSequence,
            "length" | "max_tokens" | "max_output_tokens" | "MAX_TOKENS" => Self::Length,
            "model_context_window_exceeded" | "model_length" => Self::ContextWindow,
            "tool_calls" | "tool_use" | "function_call" | "tool_call" | "TOOL_CALL" => {
                Self::ToolCalls
            }
            "content_filter" | "refusal" | "sensitive" | "safety" | "SAFETY" | "RECITATION"
            | "PROHIBITED_CONTENT" | "BLOCKLIST" | "SPII" => Self::ContentFilter,
            "pause_turn" => Self::Pause,
            "error" | "network_error" | "abort" | "insufficient_system_resource" | "ERROR" => {
                Self::Error
            }
            _ => Self::Other,
        })
    }

    /// Reads Gemini's word, or the number that some of its clients ask for instead; `None` for "not yet".
    pub fn of_gemini(word: &str) -> Option<Self> {
        Some(match word {
            "" | "FINISH_REASON_UNSPECIFIED" | "0" => return None,
            "STOP" | "1" => Self::Stop,
            "MAX_TOKENS" | "CONTINUATION" | "2" => Self::Length,
            "SAFETY"
            | "RECITATION"
            | "LANGUAGE"
            | "BLOCKLIST"
            | "PROHIBITED_CONTENT"
            | "SPII"
            | "MODEL_ARMOR"
            | "ESCALATION"
            | "PUP_LIMITED_DISABLED"
            | "IMAGE_SAFETY"
            | "IMAGE_PROHIBITED_CONTENT"
            | "IMAGE_RECITATION"
            | "3"
            | "4" => Self::ContentFilter,
            "MALFORMED_FUNCTION_CALL"
            | "MALFORMED_RESPONSE"
            | "MISSING_THOUGHT_SIGNATURE"
            | "TOO_MANY_TOOL_CALLS"
            | "UNEXPECTED_TOOL_CALL" => Self::Error,
            _ => Self::Other,
        })
    }

    /// Reads Bedrock's word; `None` for "not yet".
    pub fn of_bedrock(word: &str) -> Option<Self> {
        Some(match word {
            "guardrail_intervened" | "content_filtered" => Self::ContentFilter,
            "malformed_model_output" | "malformed_tool_use" => Self::Error,
            word => return Self::parse(word),
        })
    }

    /// This of an answer in a dialect that has no word of its own for one that wants tools to be run.
    #[must_use]
    pub fn with_calls(self, has_called: bool) -> Self {
        if has_called && self == Self::Stop { Self::ToolCalls } else { self }
    }

    /// The word that metrics and traces use (OpenTelemetry `gen_ai.response.finish_reasons`).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::StopSequence => "stop_sequence",
            Self::Length => "length",
            Self::ContextWindow => "context_window",
            Self::ToolCalls => "tool_calls",
            Self::ContentFilter => "content_filter",
            Self::Pause => "pause",
            Self::Error => "error",
            Self::Other => "other",
        }
    }

    /// `OpenAI`'s `finish_reason`.
    pub const fn openai(self) -> &'static str {
        match self {
            Self::Length | Self::ContextWindow => "length",
            Self::ToolCalls => "tool_calls",
            Self::ContentFilter => "content_filter",
            Self::Stop | Self::StopSequence | Self::Pause | Self::Error | Self::Other => "stop",
        }
    }

    /// Gemini's `finishReason`.
    pub const fn gemini(self) -> &'static str {
        match self {
            Self::Stop | Self::StopSequence | Self::ToolCalls | Self::Pause => "STOP",
            Self::Length | Self::ContextWindow => "MAX_TOKENS",
            Self::ContentFilter => "SAFETY",
            Self::Error | Self::Other => "OTHER",
        }
    }

    /// The `reason` of `OpenAI`'s `incomplete_details`; `None` where the response is complete.
    pub const fn openai_responses(self) -> Option<&'static str> {
        match self {
            Self::Length | Self::ContextWindow => Some("max_output_tokens"),
            Self::ContentFilter => Some("content_filter"),
            Self::Stop
            | Self::StopSequence
            | Self::ToolCalls
            | Self::Pause
            | Self::Error
            | Self::Other => None,
        }
    }

    /// Anthropic's `stop_reason`.
    pub const fn anthropic(self) -> &'static str {
        match self {
            Self::Stop | Self::Error | Self::Other => "end_turn",
            Self::StopSequence => "stop_sequence",
            Self::Length => "max_tokens",
            Self::ContextWindow => "model_context_window_exceeded",
            Self::ToolCalls => "tool_use",
            Self::ContentFilter => "refusal",
            Self::Pause => "pause_turn",
        }
    }
}

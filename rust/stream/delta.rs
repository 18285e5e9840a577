//! The neutral streamed piece.

use std::borrow::Cow;

use super::{FinishReason, Usage};

/// One piece of a streamed answer, borrowed from the event that brought it.
///
/// `choice` counts the alternative answers of one request (0 unless several were asked for); `tool`
/// counts the tool calls of one choice from 0 in the order in which they began.
#[derive(Debug, Clone, PartialEq)]
pub enum Delta<'a> {
    /// The answer began; comes once, before everything else.
    Start {
        /// The upstream's id of this answer, empty where it gave none.
        id: Cow<'a, str>,
        /// The model that answers, empty where the upstream did not say.
        model: Cow<'a, str>,
        /// When the upstream says it began, in seconds since 1970.
        created_s: Option<u64>,
    },
    /// Text for the reader; never empty.
    Text {
        /// Which alternative.
        choice: u32,
        /// The fragment.
        text: Cow<'a, str>,
    },
    /// Readable reasoning; never empty.
    Reasoning {
        /// Which alternative.
        choice: u32,
        /// The fragment.
        text: Cow<'a, str>,
    },
    /// Proof that the reasoning before it is the model's own; clients send it back unchanged.
    Signature {
        /// Which alternative.
        choice: u32,
        /// The whole signature.
        signature: Cow<'a, str>,
    },
    /// Reasoning that only the vendor can read.
    RedactedReasoning {
        /// Which alternative.
        choice: u32,
        /// The whole block, opaque.
        data: Cow<'a, str>,
    },
    /// Text in which the model declines; never empty.
    Refusal {
        /// Which alternative.
        choice: u32,
        /// The fragment.
        text: Cow<'a, str>,
    },
    /// A tool call began.
    ToolStart {
        /// Which alternative.
        choice: u32,
        /// Which tool call of it.
        tool: u32,
        /// The upstream's id of the call, empty where it gave none.
        id: Cow<'a, str>,
        /// The tool's name.
        name: Cow<'a, str>,
    },
    /// More of a tool call's arguments, JSON text cut anywhere; never empty.
    ToolArguments {
        /// Which alternative.
        choice: u32,
        /// Which tool call of it.
        tool: u32,
        /// The fragment, byte for byte.
        fragment: Cow<'a, str>,
    },
    /// A source for the text before it, as the vendor wrote it.
    Citation {
        /// JSON object.
        raw: &'a str,
    },
    /// A block that only its own dialect knows began (server tools and their results ...).
    VendorBlock {
        /// JSON object: the whole block.
        raw: &'a str,
        /// What of it the model wrote, empty if nothing.
        text: Cow<'a, str>,
    },
    /// More of the vendor's block.
    VendorDelta {
        /// JSON object: the vendor's delta.
        raw: &'a str,
        /// What of it the model wrote, empty if nothing.
        text: Cow<'a, str>,
    },
    /// What the model wrote to a tool that the vendor runs, where no other dialect can show it; never empty.
    Unshown {
        /// Which alternative.
        choice: u32,
        /// The fragment.
        text: Cow<'a, str>,
    },
    /// A block of text, reasoning, tool call or vendor's own ended, in dialects that say so.
    BlockEnd,
    /// A field beside the text that only its own dialect can carry (`logprobs`, `audio`, `annotations` ...).
    Beside {
        /// Which alternative.
        choice: u32,
        /// The vendor's name of the field.
        field: &'static str,
        /// JSON value.
        raw: &'a str,
    },
    /// What the upstream reports so far: cumulative, so the last one holds.
    Usage {
        /// The counts, checked field by field.
        usage: Usage,
        /// The event carried nothing else, so a client who did not ask for usage need not see it.
        alone: bool,
    },
    /// The model stopped.
    Finish {
        /// Which alternative.
        choice: u32,
        /// Why, in neutral words.
        reason: FinishReason,
        /// The stop sequence that was met, where the upstream says.
        stop_sequence: Option<Cow<'a, str>>,
    },
    /// The upstream reports a failure inside the stream; nothing of worth follows.
    Error(UpstreamError),
    /// The dialect's success terminator.
    End,
}

impl Delta<'_> {
    /// Whether this is what a client waits for: from here on nothing may be retried.
    pub fn is_content(&self) -> bool {
        match self {
            Self::Text { text, .. }
            | Self::Reasoning { text, .. }
            | Self::Refusal { text, .. }
            | Self::Unshown { text, .. }
            | Self::VendorBlock { text, .. }
            | Self::VendorDelta { text, .. } => !text.is_empty(),
            Self::ToolStart { name, .. } => !name.is_empty(),
            Self::ToolArguments { fragment, .. } => !fragment.is_empty(),
            // Spoken and drawn answers have no text of their own.
            Self::Beside { field, .. } => matches!(*field, "audio" | "images"),
            _ => false,
        }
    }

    /// What the model wrote in this piece, for counting; `None` where it wrote nothing.
    pub fn output_text(&self) -> Option<&str> {
        match self {
            Self::Text { text, .. }
            | Self::Reasoning { text, .. }
            | Self::Refusal { text, .. }
            | Self::Unshown { text, .. }
            | Self::VendorBlock { text, .. }
            | Self::VendorDelta { text, .. }
            | Self::ToolStart { name: text, .. }
            | Self::ToolArguments { fragment: text, .. } => {
                Some(text.as_ref()).filter(|text| !text.is_empty())
            }
            _ => None,
        }
    }
}

/// An error that the upstream put into a stream or answer whose status said success.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UpstreamError {
    /// The upstream's words.
    pub message: String,
    /// The vendor's class (`overloaded_error`, `server_error` ...), empty if none.
    pub kind: String,
    /// The vendor's code as text (`429`, `insufficient_quota` ...), empty if none.
    pub code: String,
    /// The event as it came: JSON.
    pub raw: String,
}

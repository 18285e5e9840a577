//! Whether an answer is one to be given again.

use super::said::{Said, read};
use crate::stream::{Delta, FinishReason};

/// Whether an answer is complete, by the model's own will, and what is in it.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // each is a question of its own
pub(super) struct Verdict {
    has_ended: bool,
    has_content: bool,
    pub has_tools: bool,
    is_unwilling: bool,
}

impl Verdict {
    /// Cost: reads the answer again.
    pub fn of(said: &Said, max_event_bytes: usize) -> Self {
        let mut verdict = Self::default();
        let read = read(said, max_event_bytes, |delta| verdict.delta(delta));
        verdict.is_unwilling |= read.is_err();
        verdict
    }

    fn delta(&mut self, delta: &Delta<'_>) {
        self.has_content |= delta.is_content();
        match delta {
            Delta::Finish { reason: FinishReason::Stop | FinishReason::StopSequence, .. } => {
                self.has_ended = true;
            }
            Delta::Finish { reason: FinishReason::ToolCalls, .. } => {
                (self.has_ended, self.has_tools) = (true, true);
            }
            Delta::Finish { .. } | Delta::Refusal { .. } | Delta::Error(_) => {
                self.is_unwilling = true;
            }
            // What a vendor's own tools found is as good as what others find: for that moment.
            Delta::ToolStart { .. } | Delta::VendorBlock { .. } | Delta::Unshown { .. } => {
                self.has_tools = true;
            }
            _ => {}
        }
    }

    /// Where calls of tools may be kept or may not.
    pub const fn is_good(&self, tool_calls: bool) -> bool {
        self.has_ended && self.has_content && !self.is_unwilling && (tool_calls || !self.has_tools)
    }
}

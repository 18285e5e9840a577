//! As much of a stream that passes as bytes as its end must know, should the gateway write it.

use super::{Delta, openai_responses};
use crate::dialect::Dialect;

/// Alternatives and blocks that are remembered; no API offers more.
const MAX_OPEN: usize = 128;

/// What a stream has begun and not ended.
#[derive(Debug, Default, Clone)]
pub struct Trail {
    pub(super) id: String,
    pub(super) model: String,
    pub(super) created_s: Option<u64>,
    /// Alternatives that have begun and not stopped.
    choices: Vec<u32>,
    stopped: Vec<u32>,
    /// Blocks that are open, by the numbers that they have in the stream.
    pub(super) blocks: Vec<u32>,
    /// What the last event of `OpenAI`'s Responses says once more: all of it.
    pub(super) responses: Option<Box<openai_responses::Trail>>,
}

impl Trail {
    /// Of a stream that passes in this dialect.
    pub fn of(dialect: Dialect) -> Self {
        let repeats = dialect == Dialect::OpenAiResponses;
        Self { responses: repeats.then(Box::default), ..Self::default() }
    }

    /// Takes in one piece of the stream.
    pub fn delta(&mut self, delta: &Delta<'_>) {
        if let Some(responses) = &mut self.responses {
            responses.delta(delta);
        }
        let choice = match delta {
            Delta::Start { id, model, created_s } => {
                id.as_ref().clone_into(&mut self.id);
                model.as_ref().clone_into(&mut self.model);
                self.created_s = *created_s;
                return;
            }
            Delta::Finish { choice, .. } => {
                self.choices.retain(|open| open != choice);
                self.stopped.push(*choice);
                return;
            }
            Delta::Text { choice, .. }
            | Delta::Reasoning { choice, .. }
            | Delta::Refusal { choice, .. }
            | Delta::ToolStart { choice, .. }
            | Delta::ToolArguments { choice, .. }
            | Delta::Beside { choice, .. } => *choice,
            _ => return,
        };
        let is_known = self.choices.last() == Some(&choice)
            || self.choices.contains(&choice)
            || self.stopped.contains(&choice);
        if !is_known && self.choices.len() < MAX_OPEN {
            self.choices.push(choice);
        }
    }

    /// Takes in an event by its name and data: one of Anthropic's that begins or ends a block, or any of Responses.
    pub fn block(&mut self, name: &str, data: &[u8]) {
        if let Some(responses) = &mut self.responses {
            return responses.event(name, data);
        }
        let begins = name == "content_block_start";
        if !begins && name != "content_block_stop" {
            return;
        }
        let Some(index) = block_index(data) else { return };
        self.blocks.retain(|open| *open != index);
        if begins && self.blocks.len() < MAX_OPEN {
            self.blocks.push(index);
        }
    }

    /// Alternatives that must still stop; the first one where none has begun.
    pub fn unfinished(&self) -> Vec<u32> {
        if self.choices.is_empty() && self.stopped.is_empty() {
            return vec![0];
        }
        self.choices.clone()
    }
}

fn block_index(data: &[u8]) -> Option<u32> {
    #[derive(serde::Deserialize)]
    struct Block {
        index: u32,
    }
    serde_json::from_slice::<Block>(data).ok().map(|block| block.index)
}

//! A whole answer, put together from its pieces: a stream read to its end, or a body read at once.
//!
//! One decoder serves both, so a host's oddities are known in one place.

use std::collections::BTreeMap;

use super::text::Text;
use super::{
    Delta, FinishReason, Options, Usage, anthropic, gemini, openai_chat, openai_completions,
    openai_responses,
};
use crate::dialect::Dialect;

/// Every piece of one answer, in order.
#[derive(Debug, Default)]
pub struct Collected {
    pub(super) id: String,
    pub(super) model: String,
    pub(super) created_s: Option<u64>,
    pub(super) choices: BTreeMap<u32, Choice>,
    pub(super) usage: Usage,
}

/// One alternative.
#[derive(Debug, Default)]
pub(super) struct Choice {
    pub blocks: Vec<Block>,
    pub finish: Option<FinishReason>,
    pub stop_sequence: Option<String>,
    /// Fields beside the message that only their own dialect can carry, as raw JSON.
    pub beside: Vec<(&'static str, String)>,
}

/// One block of an alternative. A vendor's own came with what stands in `raw`; `input` is what the model wrote to it
/// behind that, as JSON.
#[derive(Debug)]
pub(super) enum Block {
    Text { text: String, citations: Vec<String> },
    Reasoning { text: String, signature: Option<String> },
    Redacted { data: String },
    Refusal { text: String },
    Tool { tool: u32, id: String, name: String, arguments: String },
    Vendor { raw: String, input: String },
}

impl Collected {
    /// Takes in the next piece.
    pub fn delta(&mut self, delta: &Delta<'_>) {
        match delta {
            Delta::Start { id, model, created_s } => {
                id.as_ref().clone_into(&mut self.id);
                model.as_ref().clone_into(&mut self.model);
                self.created_s = *created_s;
            }
            Delta::Usage { usage, .. } => self.usage = *usage,
            Delta::Text { choice, text } => self.choice(*choice).text(text),
            Delta::Reasoning { choice, text } => self.choice(*choice).reasoning(text),
            Delta::Signature { choice, signature } => self.choice(*choice).sign(signature),
            Delta::RedactedReasoning { choice, data } => {
                self.choice(*choice).blocks.push(Block::Redacted { data: data.to_string() });
            }
            Delta::Refusal { choice, text } => self.choice(*choice).refusal(text),
            Delta::ToolStart { choice, tool, id, name } => {
                self.choice(*choice).blocks.push(Block::Tool {
                    tool: *tool,
                    id: id.to_string(),
                    name: name.to_string(),
                    arguments: String::new(),
                });
            }
            Delta::ToolArguments { choice, tool, fragment } => {
                self.choice(*choice).arguments(*tool, fragment);
            }
            Delta::Citation { raw } => self.choice(0).cite(raw),
            Delta::VendorBlock { raw, .. } => {
                let (raw, input) = ((*raw).to_owned(), String::new());
                self.choice(0).blocks.push(Block::Vendor { raw, input });
            }
            Delta::VendorDelta { raw, .. } => self.choice(0).vendor_input(raw),
            Delta::Beside { choice, field, raw } => {
                self.choice(*choice).beside.push((field, (*raw).to_owned()));
            }
            Delta::Finish { choice, reason, stop_sequence } => {
                let choice = self.choice(*choice);
                choice.finish = Some(*reason);
                choice.stop_sequence = stop_sequence.as_ref().map(ToString::to_string);
            }
            Delta::BlockEnd => self
                .choice(0)
                .blocks
                .push(Block::Text { text: String::new(), citations: Vec::new() }),
            Delta::Unshown { .. } | Delta::Error(_) | Delta::End => {}
        }
    }

    fn choice(&mut self, choice: u32) -> &mut Choice {
        self.choices.entry(choice).or_default()
    }

    /// Sets what the usage says, where our count fills a gap.
    pub fn settle(&mut self, usage: Usage) {
        self.usage = usage;
    }

    /// Says of its usage what the answer did not.
    pub fn fill(&mut self, known: &Usage) {
        self.usage.input_tokens = self.usage.input_tokens.or(known.input_tokens);
        self.usage.output_tokens = self.usage.output_tokens.or(known.output_tokens);
    }

    /// Appends the answer as one JSON body.
    pub fn write(&self, dialect: Dialect, options: &Options, out: &mut Vec<u8>) {
        match dialect.written() {
            Dialect::Anthropic => anthropic::write_whole(self, options, out),
            Dialect::Gemini => gemini::write_whole(self, options, out),
            Dialect::OpenAiResponses => openai_responses::write_whole(self, options, out),
            Dialect::OpenAiCompletions => openai_completions::write_whole(self, options, out),
            _ => openai_chat::write_whole(self, options, out),
        }
    }
}

impl Choice {
    fn text(&mut self, more: &str) {
        match self.blocks.last_mut() {
            Some(Block::Text { text, .. }) => text.push_str(more),
            _ => self.blocks.push(Block::Text { text: more.to_owned(), citations: Vec::new() }),
        }
    }

    fn refusal(&mut self, more: &str) {
        match self.blocks.last_mut() {
            Some(Block::Refusal { text }) => text.push_str(more),
            _ => self.blocks.push(Block::Refusal { text: more.to_owned() }),
        }
    }

    fn reasoning(&mut self, more: &str) {
        match self.blocks.last_mut() {
            Some(Block::Reasoning { text, signature: None }) => text.push_str(more),
            _ => self.blocks.push(Block::Reasoning { text: more.to_owned(), signature: None }),
        }
    }

    fn sign(&mut self, given: &str) {
        match self.blocks.last_mut() {
            Some(Block::Reasoning { signature, .. }) => *signature = Some(given.to_owned()),
            _ => self
                .blocks
                .push(Block::Reasoning { text: String::new(), signature: Some(given.to_owned()) }),
        }
    }

    fn cite(&mut self, raw: &str) {
        match self.blocks.last_mut() {
            Some(Block::Text { citations, .. }) => citations.push(raw.to_owned()),
            _ => self
                .blocks
                .push(Block::Text { text: String::new(), citations: vec![raw.to_owned()] }),
        }
    }

    /// More of the input that the model writes to a tool which its vendor runs.
    fn vendor_input(&mut self, delta: &str) {
        #[derive(serde::Deserialize)]
        struct Piece<'a> {
            #[serde(borrow)]
            partial_json: Text<'a>,
        }
        if let Some(Block::Vendor { input, .. }) = self.blocks.last_mut()
            && let Ok(Piece { partial_json: Text(more) }) = serde_json::from_str(delta)
        {
            input.push_str(&more);
        }
    }

    fn arguments(&mut self, wanted: u32, fragment: &str) {
        let mut blocks = self.blocks.iter_mut().rev();
        let found = blocks.find_map(|block| match block {
            Block::Tool { tool, arguments, .. } if *tool == wanted => Some(arguments),
            _ => None,
        });
        if let Some(arguments) = found {
            arguments.push_str(fragment);
        }
    }
}

//! Counting what the model wrote.

use crate::stream::Delta;
use crate::tokens::{Framing, StreamCounter};

/// Counts the tokens of one text that arrives in pieces.
///
/// A clone of a counter that has seen nothing counts another text.
pub trait TextCounter: Clone {
    /// Takes in the next piece, cut anywhere.
    fn push(&mut self, text: &str);
    /// Tokens of all the text so far.
    fn total(&mut self) -> u64;
    /// Never less than that, and free.
    fn at_most(&self) -> u64;
}

impl TextCounter for StreamCounter {
    fn push(&mut self, text: &str) {
        Self::push(self, text);
    }

    fn total(&mut self) -> u64 {
        Self::total(self)
    }

    fn at_most(&self) -> u64 {
        self.upper_bound()
    }
}

/// The texts of one stream, each with its own counter.
///
/// Alternatives and parallel tool calls interleave, and words of one must not be glued to another's.
#[derive(Debug)]
pub(super) struct Counters<C> {
    fresh: C,
    framing: Framing,
    texts: Vec<(Channel, C)>,
    /// Where the last piece went; the next one almost always goes there too.
    last: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Channel {
    Text(u32),
    Reasoning(u32),
    Refusal(u32),
    Tool(u32, u32),
    Vendor,
}

/// Texts that are told apart; above it the last one takes all, which costs a token at each seam.
const MAX_TEXTS: usize = 256;

impl<C: TextCounter> Counters<C> {
    pub(super) fn new(fresh: C) -> Self {
        Self { fresh, framing: Framing::default(), texts: Vec::new(), last: 0 }
    }

    pub(super) const fn frame(&mut self, framing: Framing) {
        self.framing = framing;
    }

    pub(super) fn push(&mut self, delta: &Delta<'_>) {
        let (Some(channel), Some(text)) = (Channel::of(delta), delta.output_text()) else {
            return;
        };
        if self.texts.get(self.last).is_none_or(|(known, _)| *known != channel) {
            self.last = self.find_or_open(channel);
        }
        if let Some((_, counter)) = self.texts.get_mut(self.last) {
            counter.push(text);
        }
    }

    fn find_or_open(&mut self, channel: Channel) -> usize {
        let known = self.texts.iter().rposition(|(known, _)| *known == channel);
        known.unwrap_or_else(|| {
            if self.texts.len() < MAX_TEXTS {
                self.texts.push((channel, self.fresh.clone()));
            }
            self.texts.len() - 1
        })
    }

    pub(super) fn total(&mut self) -> u64 {
        let texts: u64 = self.texts.iter_mut().map(|(_, counter)| counter.total()).sum();
        texts + self.around()
    }

    pub(super) fn at_most(&self) -> u64 {
        let texts: u64 = self.texts.iter().map(|(_, counter)| counter.at_most()).sum();
        texts + self.around()
    }

    /// What stands around the texts of each answer.
    fn around(&self) -> u64 {
        if self.framing == Framing::default() {
            return 0;
        }
        let mut answers: Vec<(u32, u64)> = Vec::new();
        for (channel, _) in &self.texts {
            let (choice, calls) = match channel {
                Channel::Tool(choice, _) => (*choice, 1),
                Channel::Text(choice) | Channel::Reasoning(choice) | Channel::Refusal(choice) => {
                    (*choice, 0)
                }
                Channel::Vendor => continue,
            };
            match answers.iter_mut().find(|(known, _)| *known == choice) {
                Some((_, known)) => *known += calls,
                None => answers.push((choice, calls)),
            }
        }
        answers.iter().map(|(_, calls)| self.framing.tokens(*calls)).sum()
    }
}

impl Channel {
    fn of(delta: &Delta<'_>) -> Option<Self> {
        Some(match *delta {
            Delta::Text { choice, .. } => Self::Text(choice),
            Delta::Reasoning { choice, .. } => Self::Reasoning(choice),
            Delta::Refusal { choice, .. } => Self::Refusal(choice),
            Delta::ToolStart { choice, tool, .. } | Delta::ToolArguments { choice, tool, .. } => {
                Self::Tool(choice, tool)
            }
            Delta::VendorBlock { .. } | Delta::VendorDelta { .. } => Self::Vendor,
            _ => return None,
        })
    }
}

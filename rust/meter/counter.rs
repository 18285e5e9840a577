//! Counting what the model wrote.

use super::bundle::Bundle;
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
    /// The calls once more, where several of them are written as one.
    bundle: Option<Bundle<C>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Channel {
    Text(u32),
    Reasoning(u32),
    Refusal(u32),
    Unshown(u32),
    Tool(u32, u32),
    Vendor,
}

/// Texts that are told apart; above it the last one takes all, which costs a token at each seam.
const MAX_TEXTS: usize = 256;

impl<C: TextCounter> Counters<C> {
    pub(super) fn new(fresh: C) -> Self {
        let framing = Framing::default();
        Self { fresh, framing, texts: Vec::new(), last: 0, bundle: None }
    }

    pub(super) fn frame(&mut self, framing: Framing) {
        self.framing = framing;
        self.bundle = framing.bundle.map(|_| Bundle::new(self.fresh.clone()));
    }

    pub(super) fn push(&mut self, delta: &Delta<'_>) {
        let (Some(channel), Some(text)) = (Channel::of(delta), delta.output_text()) else {
            return;
        };
        if let Some(bundle) = &mut self.bundle {
            bundle.push(delta);
        }
        if self.texts.get(self.last).is_none_or(|(known, _)| *known != channel) {
            self.last = self.find_or_open(channel);
        }
        let is_given = self.framing.bare_calls && matches!(delta, Delta::ToolStart { .. });
        if let Some((_, counter)) = self.texts.get_mut(self.last)
            && !is_given
        {
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
        let bundled = self.bundled();
        let texts = self.texts.iter_mut().filter(|(channel, _)| !channel.is_call_of(bundled));
        let texts: u64 = texts.map(|(_, counter)| counter.total()).sum();
        let bundle = self.bundle.as_ref().filter(|_| bundled.is_some()).map_or(0, Bundle::total);
        texts + bundle + self.around(bundled)
    }

    pub(super) fn at_most(&self) -> u64 {
        let bundled = self.bundled();
        let texts = self.texts.iter().filter(|(channel, _)| !channel.is_call_of(bundled));
        let texts: u64 = texts.map(|(_, counter)| counter.at_most()).sum();
        let bundle = self.bundle.as_ref().filter(|_| bundled.is_some()).map_or(0, Bundle::at_most);
        texts + bundle + self.around(bundled)
    }

    /// The alternative whose calls are written as one.
    fn bundled(&self) -> Option<u32> {
        self.bundle.as_ref().and_then(Bundle::choice)
    }

    /// What stands around the texts of each answer.
    fn around(&self, bundled: Option<u32>) -> u64 {
        if self.framing == Framing::default() {
            return 0;
        }
        let mut answers: Vec<(u32, bool, u64)> = Vec::new();
        for (channel, _) in &self.texts {
            let (choice, has_text, calls) = match channel {
                Channel::Tool(choice, _) => (*choice, false, 1),
                Channel::Text(choice) | Channel::Refusal(choice) => (*choice, true, 0),
                Channel::Reasoning(choice) | Channel::Unshown(choice) => (*choice, false, 0),
                Channel::Vendor => continue,
            };
            match answers.iter_mut().find(|(known, ..)| *known == choice) {
                Some((_, known_text, known)) => {
                    *known_text |= has_text;
                    *known += calls;
                }
                None => answers.push((choice, has_text, calls)),
            }
        }
        let around = answers.iter().map(|(choice, has_text, calls)| match self.framing.bundle {
            Some(bundle) if bundled == Some(*choice) => bundle + self.framing.tokens(*has_text, 0),
            _ => self.framing.tokens(*has_text, *calls),
        });
        around.sum()
    }
}

impl Channel {
    fn is_call_of(self, choice: Option<u32>) -> bool {
        matches!(self, Self::Tool(own, _) if Some(own) == choice)
    }

    fn of(delta: &Delta<'_>) -> Option<Self> {
        Some(match *delta {
            Delta::Text { choice, .. } => Self::Text(choice),
            Delta::Reasoning { choice, .. } => Self::Reasoning(choice),
            Delta::Refusal { choice, .. } => Self::Refusal(choice),
            Delta::Unshown { choice, .. } => Self::Unshown(choice),
            Delta::ToolStart { choice, tool, .. } | Delta::ToolArguments { choice, tool, .. } => {
                Self::Tool(choice, tool)
            }
            Delta::VendorBlock { .. } | Delta::VendorDelta { .. } => Self::Vendor,
            _ => return None,
        })
    }
}

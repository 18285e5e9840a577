//! Several calls as the models write them that make them by way of one.

use super::TextCounter;
use crate::stream::Delta;

/// One call of `multi_tool_use.parallel`, which holds the calls of one answer.
///
/// What its tokens are, with ten more around it, is exactly what `OpenAI` reports of gpt-4o's parallel calls, in all of
/// 18 recorded answers from eight programs.
#[derive(Debug)]
pub(super) struct Bundle<C> {
    counter: C,
    /// The alternative whose calls these are, and the last one of them.
    last: Option<(u32, u32)>,
    calls: u64,
    in_string: bool,
    escaped: bool,
}

const BEGIN: &str = "{\"tool_uses\":[{\"recipient_name\":\"functions.";
const PARAMETERS: &str = "\",\"parameters\":";
const NEXT: &str = "},{\"recipient_name\":\"functions.";
const END: &str = "}]}";

impl<C: TextCounter> Bundle<C> {
    /// A bundle without a call; `counter` has seen nothing.
    pub const fn new(counter: C) -> Self {
        Self { counter, last: None, calls: 0, in_string: false, escaped: false }
    }

    pub fn push(&mut self, delta: &Delta<'_>) {
        match delta {
            Delta::ToolStart { choice, tool, name, .. } => {
                if self.last.is_some_and(|(own, last)| own != *choice || last == *tool) {
                    return; // another alternative's, or a name in pieces
                }
                self.counter.push(if self.last.is_none() { BEGIN } else { NEXT });
                self.counter.push(name);
                self.counter.push(PARAMETERS);
                self.last = Some((*choice, *tool));
                self.calls += 1;
                (self.in_string, self.escaped) = (false, false);
            }
            Delta::ToolArguments { choice, fragment, .. }
                if self.last.is_some_and(|(own, _)| own == *choice) =>
            {
                self.arguments(fragment);
            }
            _ => {}
        }
    }

    /// Arguments, without the white space around their tokens.
    fn arguments(&mut self, fragment: &str) {
        let mut begin = 0;
        for (at, byte) in fragment.bytes().enumerate() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = self.in_string,
                b'"' => self.in_string = !self.in_string,
                _ if !self.in_string && byte.is_ascii_whitespace() => {
                    self.counter.push(fragment.get(begin..at).unwrap_or_default());
                    begin = at + 1;
                }
                _ => {}
            }
        }
        self.counter.push(fragment.get(begin..).unwrap_or_default());
    }

    /// The alternative whose calls are bundled; a single one is not.
    pub fn choice(&self) -> Option<u32> {
        self.last.filter(|_| self.calls > 1).map(|(choice, _)| choice)
    }

    pub fn total(&self) -> u64 {
        let mut ended = self.counter.clone();
        ended.push(END);
        ended.total()
    }

    /// Never less than that, and free.
    pub fn at_most(&self) -> u64 {
        self.counter.at_most() + END.len() as u64
    }
}

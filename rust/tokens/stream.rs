//! Counts a text that arrives in pieces.

use super::Vocabulary;
use super::cut::last_safe_cut;

/// Bytes that wait for a safe cut. Past it the text is cut anyway, and each such cut can be wrong by
/// a token or two: a run of 4 KiB without a space, line break or East Asian punctuation is no prose.
pub const MAX_TAIL_BYTES: usize = 4096;

/// Bytes counted at a time: merging one unbroken run of megabytes would take memory many times its size.
const MAX_STEP_BYTES: usize = 16 * 1024;

/// The count of one stream's text, equal to the count of the whole text at any cut.
///
/// Counting each piece alone would be far too high: a token split between two pieces counts twice.
/// So pieces are counted up to the last place where the vocabulary would split anyway.
#[derive(Debug, Clone)]
pub struct StreamCounter {
    vocabulary: Vocabulary,
    settled: u64,
    tail: String,
    exact: bool,
}

impl StreamCounter {
    /// A counter of nothing yet. Does not load the vocabulary: see [`Vocabulary::load`].
    pub fn new(vocabulary: Vocabulary) -> Self {
        Self { vocabulary, settled: 0, tail: String::new(), exact: true }
    }

    /// Adds the next piece. Cost: some 60 ns a token, and 10 ns.
    pub fn push(&mut self, text: &str) {
        let mut rest = text;
        while rest.len() > MAX_STEP_BYTES {
            let (step, later) = rest.split_at(rest.floor_char_boundary(MAX_STEP_BYTES));
            self.push_step(step);
            rest = later;
        }
        self.push_step(rest);
    }

    fn push_step(&mut self, text: &str) {
        let from = self.tail.len();
        self.tail.push_str(text);
        let cut = last_safe_cut(&self.tail, from).unwrap_or(0);
        self.settle(cut);
        if self.tail.len() > MAX_TAIL_BYTES {
            self.exact = false;
            self.settle(self.tail.len());
        }
    }

    /// Tokens up to the last safe cut: what later pieces cannot change.
    pub fn settled(&self) -> u64 {
        self.settled
    }

    /// Tokens of all that was pushed. Counts what waits for a cut, typically one word.
    pub fn total(&self) -> u64 {
        self.settled + self.vocabulary.count(&self.tail) as u64
    }

    /// Never less than [`total`](Self::total) and free: what waits taken as a token a byte.
    pub fn upper_bound(&self) -> u64 {
        self.settled + self.tail.len() as u64
    }

    /// Whether the count is that of the whole text; else it can be off by a token or two for
    /// each [`MAX_TAIL_BYTES`] of an unbroken run.
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    fn settle(&mut self, end: usize) {
        if let Some(head) = self.tail.get(..end).filter(|head| !head.is_empty()) {
            self.settled += self.vocabulary.count(head) as u64;
            self.tail.drain(..end);
        }
    }
}

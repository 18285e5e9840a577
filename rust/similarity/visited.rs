//! Which slots a search has seen.

use std::sync::{Mutex, PoisonError};

/// Marks of searches that are over, for the next ones.
#[derive(Debug, Default)]
pub struct Visited(Mutex<Vec<Marks>>);

/// Of one search: a bit for each slot, 12.5 KB for 100,000 of them, which stay in the first cache.
#[derive(Debug, Default)]
pub struct Marks(Vec<u64>);

impl Visited {
    /// Marks for a search among so many slots.
    pub fn take(&self, slots: usize) -> Marks {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut marks = kept.unwrap_or_default();
        marks.0.clear();
        marks.0.resize(slots.div_ceil(64), 0);
        marks
    }

    /// For the next search.
    pub fn give_back(&self, marks: Marks) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(marks);
    }
}

impl Marks {
    /// Whether it was not seen before; from now on it was.
    pub fn is_new(&mut self, slot: u32) -> bool {
        let Some(word) = self.0.get_mut(slot as usize / 64) else { return false };
        let mark = 1 << (slot % 64);
        let is_new = *word & mark == 0;
        *word |= mark;
        is_new
    }
}

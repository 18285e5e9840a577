//! Which slots a search has seen. Marks are kept from search to search, for to clear them costs more than a search.

use std::sync::{Mutex, PoisonError};

/// Marks of searches that are over, for the next ones.
#[derive(Debug, Default)]
pub struct Visited(Mutex<Vec<Marks>>);

/// Of one search.
#[derive(Debug, Default)]
pub struct Marks {
    round: u32,
    seen: Vec<u32>,
}

impl Visited {
    /// Marks for a search among so many slots.
    pub fn take(&self, slots: usize) -> Marks {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut marks = kept.unwrap_or_default();
        if marks.seen.len() < slots {
            marks.seen.resize(slots, 0);
        }
        marks.round = marks.round.wrapping_add(1);
        if marks.round == 0 {
            marks.seen.fill(0);
            marks.round = 1;
        }
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
        let Some(seen) = self.seen.get_mut(slot as usize) else { return false };
        let is_new = *seen != self.round;
        *seen = self.round;
        is_new
    }
}

//! Thresholds of limits that were reached, until the front takes them.

use std::sync::{Mutex, PoisonError};

use crate::budget::Crossing;

/// Tellings that wait for the front; it takes them every second.
const MAX_WAITING: usize = 4096;

/// What waits to be told.
#[derive(Debug, Default)]
pub struct Crossings(Mutex<Vec<Crossing>>);

impl Crossings {
    pub(super) fn push(&self, mut crossed: Vec<Crossing>) {
        if crossed.is_empty() {
            return;
        }
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MAX_WAITING.saturating_sub(waiting.len());
        crossed.truncate(room);
        waiting.append(&mut crossed);
    }

    /// All that wait; they are told once.
    pub fn take(&self) -> Vec<Crossing> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

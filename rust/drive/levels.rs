//! How full a worker's cache is, as metrics show it.

use std::cell::Cell;

use super::meaning::Meaning;
use crate::cache::{Cache, Stats};
use crate::observe::{Holding, Metrics};

/// What metrics were told last.
#[derive(Debug, Default)]
pub(super) struct Levels {
    evicted: Cell<u64>,
}

impl Levels {
    /// Tells them how it is now. What is being written at this moment is told the next time.
    pub fn tell(&self, metrics: &Metrics, cache: &Cache, meaning: &Meaning) {
        let Stats { entries, bytes, evicted, .. } = cache.stats();
        metrics.holds(Holding::Entries, entries);
        metrics.holds(Holding::Bytes, bytes);
        if let Some(questions) = meaning.memory.len_now() {
            metrics.holds(Holding::Questions, questions as u64);
        }
        metrics.cache_evicted(evicted.saturating_sub(self.evicted.replace(evicted)));
    }
}

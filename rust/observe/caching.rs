//! What the cache did, as it is counted.

use std::time::Duration;

use super::cells::Key;
use super::family::Family;
use super::metrics::{Metrics, ModelSeries, nanos};
use super::seat::Holding;
use super::slot::Member;

/// What an answer of the cache had used when a model made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)] // the ledger's own names
pub struct Saved {
    pub input_tokens: u64,
    pub output_tokens: u64,
    /// `None` where no price is known.
    pub cost_pico: Option<i128>,
}

impl Metrics {
    /// A request is over, for which the cache did this.
    pub fn cache_request(&self, result: Member) {
        let key = Key::new(Family::CacheRequests, [result.name, "", ""]);
        self.add(self.find(self.cached.get(result.number), &self.own, &key), 1);
    }

    /// A model was not asked for an answer, or for a part of one.
    pub fn cache_saved(&self, model: &ModelSeries, saved: &Saved) {
        let ModelSeries { cells, saved: slots, .. } = model;
        let classes = [("input", saved.input_tokens), ("output", saved.output_tokens)];
        for (slot, (class, count)) in slots.tokens.iter().zip(classes) {
            if count != 0 {
                let key = Key::new(Family::CacheSavedTokens, [class, "", ""]);
                self.add(self.find(Some(slot), cells, &key), count);
            }
        }
        if let Some(pico) = saved.cost_pico {
            let key = Key::new(Family::CacheSavedCost, [""; 3]);
            let place = self.find(Some(&slots.cost), cells, &key);
            self.add_money(place, u128::try_from(pico).unwrap_or(0));
        }
    }

    /// A question was compared with what was asked before. `difference`: why the nearest is no answer to it, where it is
    /// none.
    pub fn cache_look(&self, result: &str, difference: &str) {
        self.count(Key::new(Family::CacheLooks, [result, difference, ""]));
    }

    /// A question waited so long for a vector, and has it or not.
    pub fn cache_vector(&self, embedder: &str, is_made: bool, waited: Duration) {
        let outcome = if is_made { "ok" } else { "failed" };
        let key = Key::new(Family::CacheVectors, [embedder, outcome, ""]);
        self.observe(Family::CacheVectors, self.place(&self.own, &key), nanos(waited));
    }

    /// So many answers left this process's memory for others.
    pub fn cache_evicted(&self, count: u64) {
        if count != 0 {
            self.add(self.place(&self.own, &Key::new(Family::CacheEvictions, [""; 3])), count);
        }
    }

    /// This process's memory holds so much.
    pub fn holds(&self, holding: Holding, count: u64) {
        if let Some(seat) = self.board().seat() {
            seat.holds(self.board(), holding, count);
        }
    }
}

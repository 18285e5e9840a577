//! What the cache did, as it is counted.

use super::cells::Key;
use super::family::Family;
use super::metrics::{Metrics, ModelSeries};
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

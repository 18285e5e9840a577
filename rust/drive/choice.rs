//! Which of a route's targets is tried first.

use std::time::Instant;

use super::snapshot::{Route, Target};
use super::spec::Strategy;

impl Route {
    /// The target tried first. `draw` is uniform over all of u64.
    ///
    /// A key that is not free is passed over for another, and a target of a fallback for the next; where none is free
    /// they are taken as if they were. Cost: the clock is asked only where a provider has several keys.
    pub fn first(&self, draw: u64) -> usize {
        if !self.has_keys {
            return match self.strategy {
                Strategy::Fallback => 0,
                Strategy::Weighted => self.drawn(draw, |target| target.weight),
            };
        }
        let now = Instant::now();
        let any_free = self.targets.iter().any(|target| target.is_free(now));
        let may = |target: &Target| !any_free || target.is_free(now);
        match self.strategy {
            Strategy::Weighted => self.drawn(draw, |t| if may(t) { t.weight } else { 0 }),
            Strategy::Fallback => {
                let group = self.targets.iter().find(|&target| may(target)).map(|t| t.group);
                let is_in = |target: &Target| Some(target.group) == group && may(target);
                self.drawn(draw, |target| if is_in(target) { target.share() } else { 0 })
            }
        }
    }

    fn drawn(&self, draw: u64, weight: impl Fn(&Target) -> u32) -> usize {
        let total: u64 = self.targets.iter().map(|target| u64::from(weight(target))).sum();
        if total == 0 {
            return 0;
        }
        let mut at = draw % total;
        for (index, target) in self.targets.iter().enumerate() {
            let weight = u64::from(weight(target));
            if at < weight {
                return index;
            }
            at -= weight;
        }
        0
    }
}

impl Target {
    /// Whether its key, if its provider has several, is free now.
    pub fn is_free(&self, now: Instant) -> bool {
        self.upstream.key.as_ref().is_none_or(|key| key.is_free(now))
    }

    /// Its key's share of its provider's draw.
    fn share(&self) -> u32 {
        self.upstream.key.as_ref().map_or(1, |key| key.weight)
    }
}

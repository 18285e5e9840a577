//! What a running request holds of its limits, and that it comes back whatever happens.

use std::sync::Arc;

use super::crossings::Crossings;
use crate::budget::{Actual, Budgets, Charge, Demand, Extension, Limit, Now, Refused, Reservation};
use crate::error::Error;

/// The reservations of one request; settled when it is dropped, if not before.
#[derive(Debug)]
pub struct Hold {
    budgets: Arc<Budgets>,
    crossings: Arc<Crossings>,
    id: u128,
    demand: Demand,
    /// Of the limits that bind it wherever it goes.
    request: Option<Reservation>,
    /// Of those of the target that is being tried.
    target: Option<Reservation>,
    /// By all attempts that are over.
    used: Actual,
}

impl Hold {
    /// Holds what a request may use, or says what refuses it.
    pub fn reserve(
        budgets: Arc<Budgets>,
        crossings: Arc<Crossings>,
        id: u128,
        charges: Vec<Charge>,
        demand: Demand,
    ) -> Result<Self, Refused> {
        let request = if charges.is_empty() {
            None
        } else {
            Some(budgets.reserve(id, charges, &demand, Now::read())?)
        };
        let used = Actual::default();
        Ok(Self { budgets, crossings, id, demand, request, target: None, used })
    }

    /// Holds what it may use of a target's own limits.
    pub fn reserve_target(&mut self, charges: Vec<Charge>) -> Result<(), Refused> {
        let demand = self.demand;
        self.reserve_rest(charges, &demand)
    }

    /// The same of what is left to be used where another has begun.
    pub fn reserve_rest(&mut self, charges: Vec<Charge>, rest: &Demand) -> Result<(), Refused> {
        if !charges.is_empty() {
            let held = self.budgets.reserve(self.id, charges, rest, Now::read())?;
            self.target = Some(held);
        }
        Ok(())
    }

    /// The upstream may act from here on.
    pub fn mark_sent(&self) {
        for reservation in self.reservations() {
            self.budgets.mark_sent(reservation);
        }
    }

    /// Tokens of the answer there is room for; None where nothing bounds them.
    pub fn output_tokens(&self) -> Option<u64> {
        let bounds = self.reservations().filter(|held| held.bounds_answer());
        let least = bounds.map(|held| held.output_tokens).min()?;
        Some(least.saturating_sub(self.used.output_tokens))
    }

    /// Makes room for so many tokens more, as far as there is any.
    pub fn extend(&mut self, more: u64) -> Result<Extension, Error> {
        let now = Now::read();
        let mut whole = Extension { granted: more, short: Vec::new() };
        for reservation in [&mut self.request, &mut self.target].into_iter().flatten() {
            let extension = self.budgets.extend(reservation, whole.granted, now)?;
            whole.granted = extension.granted;
            whole.short.extend(extension.short);
        }
        Ok(whole)
    }

    /// Gives back what is held for the prompt beyond what is known of it by now. Whether that was anything.
    pub fn free_surplus(&mut self, demand: &Demand) -> bool {
        if self.used.input_tokens > 0 || self.used.cost_pico > 0 {
            return false; // what earlier attempts used is spent of the same
        }
        let mut is_any = false;
        for reservation in [&mut self.request, &mut self.target].into_iter().flatten() {
            // Counters that cannot be asked keep it until the end.
            is_any |= self.budgets.free_surplus(reservation, demand).unwrap_or(false);
        }
        is_any
    }

    /// The limit that has no room for one more token of the answer.
    pub fn exhausted(&self) -> Option<Arc<Limit>> {
        let now = Now::read();
        self.reservations().find_map(|held| self.budgets.exhausted(held, now))
    }

    /// The counters that it holds of.
    pub const fn budgets(&self) -> &Arc<Budgets> {
        &self.budgets
    }

    /// How the limits of the request stood when it began.
    pub fn standings(&self) -> impl Iterator<Item = crate::budget::Standing> + '_ {
        self.reservations().flat_map(Reservation::standings)
    }

    /// An attempt is over and used this.
    pub fn end_attempt(&mut self, used: Actual) {
        self.used.add(used);
        if let Some(target) = self.target.take() {
            self.settle_one(target, &used);
        }
    }

    /// The request is over.
    pub fn settle(&mut self) {
        let used = self.used;
        for reservation in [self.target.take(), self.request.take()].into_iter().flatten() {
            self.settle_one(reservation, &used);
        }
    }

    fn settle_one(&self, reservation: Reservation, used: &Actual) {
        // Counters that cannot be asked now get their units back when this process ends.
        if let Ok(crossed) = self.budgets.settle(reservation, used, Now::read()) {
            self.crossings.push(crossed);
        }
    }

    fn reservations(&self) -> impl Iterator<Item = &Reservation> {
        [&self.request, &self.target].into_iter().flatten()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.settle();
    }
}

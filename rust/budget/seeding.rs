//! Tells new counters what the ledger knows.

use std::sync::Arc;

use super::charge::Charge;
use super::limit::{AtCap, Instances, Limit, Measure, Window};
use super::reservation::{Budgets, Now};
use crate::error::Error;

/// No instance of a scope: values hold no control characters.
const MARK: &str = "\u{1}";

impl Budgets {
    /// Whether the ledger's sums have been put into a limit's counters.
    pub fn is_seeded(&self, limit: &Limit, now: Now) -> Result<bool, Error> {
        let mut is_seeded = false;
        self.on_counter(&mark(limit), now, |tx, counter| {
            is_seeded = counter.spent(tx) == limit.unit_pico;
        })?;
        Ok(is_seeded)
    }

    /// Puts in what was spent of a limit in its running window, once: false where that has been done.
    pub fn seed(
        &self,
        limit: &Arc<Limit>,
        spent: impl Iterator<Item = (String, u64)>,
        now: Now,
    ) -> Result<bool, Error> {
        let mut is_first = false;
        let mark = mark(limit);
        self.on_counter(&mark, now, |tx, counter| {
            let known = counter.spent(tx);
            is_first = known != limit.unit_pico;
            if is_first {
                counter.set_spent(tx, limit.unit_pico);
            }
            if known == 0 {
                counter.hold(tx, &mark.limit, 1, now); // what is held makes no room for others
            }
        })?;
        if is_first {
            for (instance, units) in spent {
                let charge = Charge::new(limit.clone(), instance);
                self.on_counter(&charge, now, |tx, counter| {
                    let spent = counter.spent(tx).max(units);
                    counter.set_spent(tx, spent);
                    Self::grant_spent(tx, counter);
                })?;
            }
        }
        Ok(is_first)
    }
}

/// The counter that remembers it, for as long as the others: it has no window. It holds the worth of the units in which
/// the sums were last put in: counters of other units stood still meanwhile, and must hear them again.
fn mark(limit: &Limit) -> Charge {
    let mark = Limit {
        name: limit.name.clone(),
        epoch: limit.epoch,
        measure: Measure::Requests,
        amount: 1,
        unit_pico: 1,
        window: Window::Total,
        at_cap: AtCap::Finish,
        notify: Vec::new(),
        instances: Instances::Given,
    };
    Charge::new(Arc::new(mark), MARK.to_owned())
}

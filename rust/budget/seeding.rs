//! Tells new counters what the ledger knows.

use std::sync::Arc;

use super::limit::{AtCap, Limit, Measure, Window};
use super::reservation::{Budgets, Charge, Now};
use crate::error::Error;

/// No instance of a scope: values hold no control characters.
const MARK: &str = "\u{1}";

impl Budgets {
    /// Whether the ledger's sums have been put into a limit's counters.
    pub fn is_seeded(&self, limit: &Limit, now: Now) -> Result<bool, Error> {
        let mut is_seeded = false;
        self.on_counter(&mark(limit), now, |tx, counter| is_seeded = counter.spent(tx) > 0)?;
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
            is_first = counter.spent(tx) == 0;
            if is_first {
                counter.spend(tx, 1);
                counter.hold(tx, &mark.limit, 1, now); // what is held makes no room for others
            }
        })?;
        if is_first {
            for (instance, units) in spent {
                self.spend(&Charge::new(limit.clone(), instance), units, now)?;
            }
        }
        Ok(is_first)
    }
}

/// The counter that remembers it, for as long as the others: it has no window.
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
    };
    Charge::new(Arc::new(mark), MARK.to_owned())
}

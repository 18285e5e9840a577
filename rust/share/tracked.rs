//! The counters of which this worker has leases to look after.

use std::collections::HashMap;

use super::batch::Batch;
use crate::budget::{Budgets, Charge, CounterName, Now, Return, Stand, Terms};

/// Looks without a change after which what is not used goes back: one second.
const IDLE_TICKS: u32 = 5;
/// And after which a counter is not looked at any more.
const FORGOTTEN_TICKS: u32 = 50;
/// Reports in one batch.
const MAX_REPORTS: usize = 500;

/// One of them.
#[derive(Debug, Default)]
struct Lease {
    /// None, without its terms, of a counter that this worker never asked for.
    known: Option<(Charge, Terms)>,
    /// What was last told.
    told: Option<Stand>,
    quiet: u32,
    is_wanted: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Tracked(HashMap<CounterName, Lease>);

impl Tracked {
    /// Looks after a counter from now on.
    pub fn keep(&mut self, charge: &Charge, stand: &Stand) -> (CounterName, Terms) {
        let name = CounterName::of(charge, stand.window);
        let terms = Terms::of(&charge.limit, stand.end);
        let lease = self.0.entry(name.clone()).or_default();
        match &mut lease.known {
            Some((_, known)) => *known = terms,
            unknown => *unknown = Some((charge.clone(), terms)),
        }
        lease.quiet = 0;
        (name, terms)
    }

    /// Somebody lacks units of it: what is not used goes back at once.
    pub fn want(&mut self, name: CounterName) {
        self.0.entry(name).or_default().is_wanted = true;
    }

    /// The server knows nothing of them any more.
    pub fn forget_told(&mut self) {
        for lease in self.0.values_mut() {
            lease.told = None;
        }
    }

    /// Reports what changed; with `all` everything that is not used goes back. Gives how many operations that are.
    pub fn report(&mut self, budgets: &Budgets, batch: &mut Batch, all: bool, now: Now) -> usize {
        let mut reports = 0;
        self.0.retain(|name, lease| {
            if reports >= MAX_REPORTS && !all {
                return true;
            }
            let told = match &lease.known {
                Some((_, terms)) if terms.is_rate() => lease.correct(budgets, name, batch, now),
                _ => lease.report(budgets, name, batch, all),
            };
            reports += usize::from(told == Some(true));
            told.is_some() && lease.quiet < FORGOTTEN_TICKS
        });
        reports
    }
}

impl Lease {
    /// Whether there was something to tell; None where the counter is gone.
    fn correct(
        &mut self,
        budgets: &Budgets,
        name: &CounterName,
        batch: &mut Batch,
        now: Now,
    ) -> Option<bool> {
        let (charge, terms) = self.known.as_ref()?;
        let units = budgets.take_correction(charge, now).ok()?;
        self.quiet += 1;
        if units != 0 {
            self.quiet = 0;
            batch.correct(name, *terms, units);
        }
        Some(units != 0)
    }

    fn report(
        &mut self,
        budgets: &Budgets,
        name: &CounterName,
        batch: &mut Batch,
        all: bool,
    ) -> Option<bool> {
        let wanted = std::mem::take(&mut self.is_wanted);
        let gives = all || wanted || self.quiet >= IDLE_TICKS;
        let report = match budgets.give_back(name, gives) {
            Ok(Some(report)) => report,
            Ok(None) if wanted => Return::default(), // others wait for this host to say that it has nothing
            Ok(None) => return None,
            Err(_) => return Some(false), // busy: at the next look
        };
        let Return { before, back, over } = report;
        let is_new = self.told != Some(before);
        // While something runs it is looked at.
        let most = if before.held > 0 { IDLE_TICKS } else { FORGOTTEN_TICKS };
        let has_word = is_new || wanted || back > 0 || over > 0;
        self.quiet = if has_word { 0 } else { (self.quiet + 1).min(most) };
        if !has_word {
            return Some(false);
        }
        let allowance = before.allowance + over - back;
        self.told = Some(Stand { allowance, ..before });
        match &self.known {
            Some((_, terms)) => batch.report(name, *terms, &report),
            None => batch.reply(name, &report),
        }
        Some(true)
    }
}

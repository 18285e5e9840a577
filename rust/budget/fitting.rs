//! Whether a request fits a limit: what it may hold of it, why it may not, what to ask other hosts for.

use std::sync::Arc;

use super::charge::Charge;
use super::counter::Counter;
use super::demand::Demand;
use super::limit::{Limit, Measure};
use super::reservation::{Budgets, Denied, Entry, Now, Refused};
use super::sharing::{Ask, NoRoom, Posture};
use super::transaction::Transaction;
use crate::error::Error;

/// What a limit says to a request.
pub(super) enum Fit {
    /// The longest answer that it lets begin.
    Within(u64),
    /// More of it must be asked for.
    Short(Ask),
}

impl Ask {
    /// All that a request may use of a limit; as little as it makes sense to begin with.
    pub(super) fn of(charge: &Charge, demand: &Demand) -> Self {
        let least = demand.least_output_tokens.min(demand.output_tokens);
        let limit = &charge.limit;
        let need = if limit.cuts() || limit.is_rate() {
            bounded(limit, demand.amount(limit, least))
        } else {
            1 // what runs may come to its end
        };
        let want = bounded(limit, demand.amount(limit, demand.output_tokens));
        Self { charge: charge.clone(), need: need.min(want), want }
    }

    /// Whether it asks for a part of this charge.
    pub fn is_of(&self, charge: &Charge) -> bool {
        Arc::ptr_eq(&self.charge.limit, &charge.limit) && self.charge.instance == charge.instance
    }
}

/// A request larger than a rate's whole bucket waits until it is full, and then empties it.
fn bounded(limit: &Limit, amount: u64) -> u64 {
    if limit.is_rate() { amount.min(limit.amount) } else { amount }
}

/// Whether time, or the end of other requests, brings back what is used of it.
fn by_itself(limit: &Limit) -> bool {
    limit.is_rate() || limit.measure == Measure::Parallel
}

impl Budgets {
    /// Whether a request fits a limit; shared limits say no only after other hosts did.
    pub(super) fn fit(
        &self,
        tx: &Transaction<'_>,
        counter: Counter,
        charge: &Charge,
        demand: &Demand,
        now: Now,
    ) -> Result<Fit, Refused> {
        let least = demand.least_output_tokens.min(demand.output_tokens);
        let within = affordable(tx, counter, charge, demand, now).filter(|within| *within >= least);
        let Some(sharing) = self.sharing.as_ref().filter(|_| !charge.is_waived) else {
            return within.map(Fit::Within).ok_or_else(|| denied(tx, counter, charge, demand, now));
        };
        let limit = &charge.limit;
        let ask = Ask::of(charge, demand);
        let fits_whole = counter.room(tx, limit, now).0 >= ask.want;
        if let Some(within) = within.filter(|_| fits_whole) {
            return Ok(Fit::Within(within));
        }
        let by_itself = by_itself(limit);
        let is_adrift = tx.posture() != Posture::Shared;
        let is_spent = !by_itself && limit.amount.saturating_sub(counter.spent(tx)) < ask.need;
        if is_spent || (is_adrift && by_itself) {
            return within.map(Fit::Within).ok_or_else(|| denied(tx, counter, charge, demand, now));
        }
        let place = (counter.key(tx), counter.window(tx));
        match (sharing.no_room(place, now.monotonic_ns), within) {
            (Some(word), None) if word.need <= ask.need => {
                Err(no_room(tx, counter, charge, &ask, word, now))
            }
            (Some(word), Some(within)) if word.need <= ask.want => Ok(Fit::Within(within)),
            _ if is_adrift => {
                sharing.refill(ask);
                within.map(Fit::Within).ok_or(Refused::Failed(Error::LimitsAdrift))
            }
            _ => Ok(Fit::Short(ask)),
        }
    }

    /// Asks for more ahead, where the next request like this one would find too little.
    pub(super) fn refill(&self, charge: &Charge, room: u64, used: u64, tx: &Transaction<'_>) {
        let is_low = room < used && tx.posture() == Posture::Shared && !charge.is_waived;
        let keeps = charge.limit.measure != Measure::Parallel && !charge.limit.is_rate();
        if let Some(sharing) = self.sharing.as_ref().filter(|_| is_low && keeps) {
            sharing.refill(Ask { charge: charge.clone(), need: used, want: used });
        }
    }

    /// What to ask other hosts for, for an answer that grows; None where they were asked.
    pub(super) fn ask_for_more(
        &self,
        tx: &Transaction<'_>,
        entry: &Entry,
        demand: &Demand,
        now: Now,
    ) -> Option<Ask> {
        let sharing = self.sharing.as_ref().filter(|_| tx.posture() == Posture::Shared)?;
        let ask = Ask::of(&entry.charge, demand);
        let place = (entry.counter.key(tx), entry.counter.window(tx));
        let is_known = sharing
            .no_room(place, now.monotonic_ns)
            .is_some_and(|word| !word.is_held && word.need <= ask.want);
        (!is_known).then_some(ask)
    }
}

/// The longest answer that a limit lets begin; None where it lets nothing begin.
fn affordable(
    tx: &Transaction<'_>,
    counter: Counter,
    charge: &Charge,
    demand: &Demand,
    now: Now,
) -> Option<u64> {
    if charge.is_waived {
        return Some(u64::MAX);
    }
    let limit = &charge.limit;
    let (room, _) = counter.room(tx, limit, now);
    if limit.is_rate() {
        // A request larger than the whole bucket waits until it is full, and then empties it.
        let whole = demand.amount(limit, demand.output_tokens).min(limit.amount);
        if whole <= room {
            return Some(u64::MAX);
        }
    }
    if !limit.cuts() {
        return (room > 0).then_some(u64::MAX);
    }
    demand.output_within(limit, room)
}

/// What is held of a limit for an answer of so many tokens: of those that let it finish no more than there is.
pub(super) fn amount_to_hold(
    tx: &Transaction<'_>,
    counter: Counter,
    charge: &Charge,
    demand: &Demand,
    output_tokens: u64,
    now: Now,
) -> u64 {
    let limit = &charge.limit;
    let amount = demand.amount(limit, output_tokens);
    if limit.is_rate() || !charge.cuts() {
        return amount.min(counter.room(tx, limit, now).0);
    }
    amount
}

fn denied(
    tx: &Transaction<'_>,
    counter: Counter,
    charge: &Charge,
    demand: &Demand,
    now: Now,
) -> Refused {
    let limit = &charge.limit;
    // What this host has not asked for yet is left too: only rates and places among parallel requests are its own.
    let remaining = if by_itself(limit) {
        counter.room(tx, limit, now).0
    } else {
        limit.amount.saturating_sub(counter.used(tx))
    };
    let least = demand.least_output_tokens.min(demand.output_tokens);
    let needed = bounded(limit, demand.amount(limit, least));
    let free_but_for_others = limit.amount.saturating_sub(counter.spent(tx));
    Refused::Limit(Denied {
        limit: limit.clone(),
        remaining,
        needed,
        wait_ns: if limit.measure == Measure::Parallel {
            0
        } else {
            counter.wait(tx, limit, needed, now)
        },
        is_held: !limit.is_rate() && needed <= free_but_for_others,
    })
}

/// The same, by the word of other hosts.
fn no_room(
    tx: &Transaction<'_>,
    counter: Counter,
    charge: &Charge,
    ask: &Ask,
    word: NoRoom,
    now: Now,
) -> Refused {
    let limit = &charge.limit;
    Refused::Limit(Denied {
        limit: limit.clone(),
        remaining: word.remaining,
        needed: ask.need,
        wait_ns: match (limit.measure, word.wait_ns) {
            (Measure::Parallel, _) => 0,
            (_, 0) => counter.room(tx, limit, now).1,
            (_, wait_ns) => wait_ns,
        },
        is_held: word.is_held,
    })
}

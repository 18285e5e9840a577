//! What an answer holds while it grows: more, and less of its prompt once that is known better.

use std::sync::Arc;

use super::counter::Held;
use super::demand::Demand;
use super::fitting::amount_to_hold;
use super::limit::{Limit, Measure};
use super::reservation::{Budgets, ENTRIES_AT, ENTRY_WORDS, Now, Reservation, commit};
use super::sharing::{Ask, Posture};
use crate::error::Error;

/// What became of a wish for more.
#[derive(Debug)]
pub struct Extension {
    /// Tokens that there is room for.
    pub granted: u64,
    /// What other hosts must be asked for before it is known that there is no more.
    pub short: Vec<Ask>,
}

impl Budgets {
    /// Holds more for an answer that is still growing, up to `more` tokens; says how many of them there is room for.
    ///
    /// Only limits that cut are asked: the others let what runs come to its end.
    pub fn extend(
        &self,
        reservation: &mut Reservation,
        more: u64,
        now: Now,
    ) -> Result<Extension, Error> {
        let _turn = self.turn()?;
        let mut tx = self.transaction();
        let demand = reservation.demand.more(more);
        let mut granted = more;
        let mut short = Vec::new();
        for entry in &reservation.entries {
            let limit = &entry.charge.limit;
            if entry.charge.cuts() && !limit.is_rate() && entry.stands(&tx) {
                let (room, _) = entry.counter.room(&tx, limit, now);
                let within = demand.output_within(limit, room).unwrap_or(0);
                if within < more
                    && let Some(ask) = self.ask_for_more(&tx, entry, &demand, now)
                {
                    short.push(ask);
                }
                granted = granted.min(within);
            }
        }
        if tx.posture() != Posture::Alone && tx.posture() != Posture::Shared {
            granted = more; // nobody knows that there is no room; what others miss, the settlement makes good
            short.clear();
        }
        for (at, entry) in reservation.entries.iter_mut().enumerate() {
            let limit = &entry.charge.limit;
            let grows = !matches!(
                limit.measure,
                Measure::Requests | Measure::Parallel | Measure::InputTokens
            );
            if !grows || !entry.stands(&tx) {
                continue;
            }
            let amount = amount_to_hold(&tx, entry.counter, &entry.charge, &demand, granted, now);
            entry.counter.hold(&mut tx, limit, amount, now);
            entry.held.amount = entry.held.amount.saturating_add(amount);
            tx.set(reservation.record + ENTRIES_AT + at * ENTRY_WORDS + 1, entry.held.amount);
        }
        commit(tx)?;
        reservation.output_tokens = reservation.output_tokens.saturating_add(granted);
        Ok(Extension { granted, short })
    }

    /// The limits of a reservation that have no room for one more token of the answer.
    pub fn exhausted(&self, reservation: &Reservation, now: Now) -> Option<Arc<Limit>> {
        let _turn = self.turn().ok()?;
        let tx = self.transaction();
        let demand = reservation.demand.more(1);
        let full = reservation.entries.iter().find(|entry| {
            let (room, _) = entry.counter.room(&tx, &entry.charge.limit, now);
            entry.charge.cuts()
                && entry.is_there(&tx)
                && demand.output_within(&entry.charge.limit, room).unwrap_or(0) == 0
        });
        full.map(|entry| entry.charge.limit.clone())
    }

    /// Gives back what a reservation holds above what its request may use by a demand that is known better by now. Its
    /// answer may become as long as before. Whether that was anything.
    pub fn free_surplus(
        &self,
        reservation: &mut Reservation,
        demand: &Demand,
    ) -> Result<bool, Error> {
        let _turn = self.turn()?;
        let mut tx = self.transaction();
        let Reservation { record, entries, output_tokens, .. } = reservation;
        let mut is_any = false;
        for (at, entry) in entries.iter_mut().enumerate() {
            let limit = &entry.charge.limit;
            let least = demand.amount(limit, *output_tokens);
            let surplus = entry.held.amount.saturating_sub(least);
            if surplus == 0 || limit.is_rate() || !entry.stands(&tx) {
                continue;
            }
            is_any = true;
            entry.counter.settle_counted(&mut tx, Held { amount: surplus, ..entry.held }, 0);
            entry.held.amount = least;
            tx.set(*record + ENTRIES_AT + at * ENTRY_WORDS + 1, least);
        }
        commit(tx)?;
        Ok(is_any)
    }
}

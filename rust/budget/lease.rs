//! What a host was granted of a counter that it shares with others: the words behind the counter's own.
//!
//! Of a window, of a total and of parallel requests: units of it, cumulative, what was spent among them. Of a rate:
//! units paid for ahead, until when they hold, and what others must yet hear of.

use super::counter::Counter;
use super::transaction::Transaction;

/// Words of a lease.
pub(super) const LEASE_WORDS: usize = 4;

const UNITS: usize = 0;
const LAPSES_AT: usize = 1;
const LEFT: usize = 1; // of what is no rate
const CORRECTION: usize = 2;
const USED: usize = 3;

/// The lease of one counter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lease(usize);

impl Lease {
    /// The words behind a counter's own.
    pub const fn of(counter: Counter) -> Self {
        Self(counter.lease_at())
    }

    /// Nothing was granted.
    pub fn begin(self, tx: &mut Transaction<'_>) {
        for at in 0..LEASE_WORDS {
            tx.set(self.0 + at, 0);
        }
    }

    /// Units that were granted, cumulative; of a rate, those that are paid for and not used.
    pub fn units(self, tx: &Transaction<'_>) -> u64 {
        tx.get(self.0 + UNITS)
    }

    pub fn set_units(self, tx: &mut Transaction<'_>, units: u64) {
        tx.set(self.0 + UNITS, units);
    }

    /// Units that no host had when this one was last told.
    pub fn left(self, tx: &Transaction<'_>) -> u64 {
        tx.get(self.0 + LEFT)
    }

    pub fn set_left(self, tx: &mut Transaction<'_>, units: u64) {
        tx.set(self.0 + LEFT, units);
    }

    /// Units of a rate that may be used without asking.
    pub fn prepaid(self, tx: &Transaction<'_>, now_ns: u64) -> u64 {
        if now_ns < tx.get(self.0 + LAPSES_AT) { self.units(tx) } else { 0 }
    }

    /// Uses units of a rate; those that were not paid for are told later.
    pub fn use_up(self, tx: &mut Transaction<'_>, amount: u64, now_ns: u64) {
        let paid = self.prepaid(tx, now_ns).min(amount);
        if paid > 0 {
            self.set_units(tx, self.units(tx) - paid);
        }
        tx.set(self.0 + USED, tx.get(self.0 + USED).saturating_add(amount));
        self.correct(tx, signed(amount - paid));
    }

    /// Units that others must hear of: more were used than they know, or fewer.
    pub fn correct(self, tx: &mut Transaction<'_>, units: i64) {
        if units != 0 {
            let before = tx.get(self.0 + CORRECTION).cast_signed();
            tx.set(self.0 + CORRECTION, before.saturating_add(units).cast_unsigned());
        }
    }

    /// Adds units that were paid for until a moment. What was paid for before and has lapsed goes back.
    pub fn prepay(self, tx: &mut Transaction<'_>, units: u64, lapses_at_ns: u64, now_ns: u64) {
        self.lapse(tx, now_ns);
        self.set_units(tx, self.units(tx).saturating_add(units));
        tx.set(self.0 + LAPSES_AT, lapses_at_ns);
        tx.set(self.0 + USED, 0);
    }

    /// How much of a rate was used since units were last paid for.
    pub fn used(self, tx: &Transaction<'_>) -> u64 {
        tx.get(self.0 + USED)
    }

    /// Takes what others must hear of.
    pub fn take_correction(self, tx: &mut Transaction<'_>, now_ns: u64) -> i64 {
        self.lapse(tx, now_ns);
        let units = tx.get(self.0 + CORRECTION).cast_signed();
        if units != 0 {
            tx.set(self.0 + CORRECTION, 0);
        }
        units
    }

    fn lapse(self, tx: &mut Transaction<'_>, now_ns: u64) {
        let left = self.units(tx);
        if left > 0 && now_ns >= tx.get(self.0 + LAPSES_AT) {
            self.correct(tx, -signed(left));
            self.set_units(tx, 0);
        }
    }
}

pub(super) fn signed(units: u64) -> i64 {
    i64::try_from(units).unwrap_or(i64::MAX)
}

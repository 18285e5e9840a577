//! What hosts tell each other of their counters: names that hold beyond one host, and how each stands.

use std::sync::Arc;

use super::charge::Charge;
use super::counter::Counter;
use super::lease::Lease;
use super::limit::{Limit, Measure, Window};
use super::reservation::{Budgets, Now, commit};
use super::sharing::{NoRoom, Sharing};
use super::transaction::Transaction;
use crate::error::Error;
use crate::limit::Rate;

/// What names a counter on all hosts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CounterName {
    /// The limit's.
    pub limit: String,
    /// The limit's.
    pub epoch: u64,
    /// The limit's: units of another worth are other counters.
    pub unit_pico: u64,
    /// When its window began, in nanoseconds since 1970; 0 where it has none.
    pub window: u64,
    /// The values of its scope.
    pub instance: String,
}

/// By which rule hosts share a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terms {
    /// So many units, until the window ends (`u64::MAX` is never), in nanoseconds since 1970.
    Window(u64, u64),
    /// So many requests at once.
    Parallel(u64),
    /// A rate.
    Rate(Rate),
}

impl Terms {
    /// Those of a limit, in the window that ends then.
    pub fn of(limit: &Limit, end_unix_ns: u64) -> Self {
        match &limit.window {
            Window::Sliding(rate) => Self::Rate(*rate),
            _ if limit.measure == Measure::Parallel => Self::Parallel(limit.amount),
            _ => Self::Window(limit.amount, end_unix_ns),
        }
    }

    /// Whether it is a rate.
    pub const fn is_rate(self) -> bool {
        matches!(self, Self::Rate(_))
    }
}

/// How a counter stands on this host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stand {
    /// Its window's beginning.
    pub window: u64,
    /// Its window's end.
    pub end: u64,
    /// Units that this host was granted.
    pub allowance: u64,
    /// Of those, what was spent.
    pub spent: u64,
    /// Of those, what running requests hold.
    pub held: u64,
    /// Units that may be used without asking.
    pub free: u64,
    /// Of a rate: units used since it was last asked for.
    pub used: u64,
}

/// A change of a lease that others must hear of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Return {
    /// How it stood before.
    pub before: Stand,
    /// Units that come back.
    pub back: u64,
    /// Units that were used beyond what was granted.
    pub over: u64,
}

impl Budgets {
    /// Decides from here on by what other hosts leave to this one.
    pub fn share_with(&mut self, sharing: Arc<Sharing>) {
        self.sharing = Some(sharing);
    }

    /// Names the life of these counters: other ones have another.
    pub fn life(&self) -> u64 {
        self.seed_words().0
    }

    /// How a counter stands.
    pub fn stand(&self, charge: &Charge, now: Now) -> Result<Stand, Error> {
        let mut stand = Stand::default();
        self.on_counter(charge, now, |tx, counter| {
            stand = stand_of(tx, counter);
            if let Window::Sliding(_) = &charge.limit.window {
                let lease = Lease::of(counter);
                stand.free = lease.prepaid(tx, now.monotonic_ns);
                stand.used = lease.used(tx);
            } else {
                stand.free = stand.allowance.saturating_sub(counter.used(tx));
            }
        })?;
        Ok(stand)
    }

    /// Adds units that other hosts left to this one; none if the window is over. `left` are those that nobody has.
    pub fn grant(
        &self,
        charge: &Charge,
        window: u64,
        (units, left): (u64, u64),
        now: Now,
    ) -> Result<(), Error> {
        self.on_counter(charge, now, |tx, counter| {
            if counter.window(tx) == window {
                let lease = Lease::of(counter);
                lease.set_units(tx, lease.units(tx).saturating_add(units));
                lease.set_left(tx, left);
            }
            if let Some(sharing) = &self.sharing {
                sharing.forget_no_room((counter.key(tx), window));
            }
        })
    }

    /// Adds units of a rate that were paid for, to be used within so many nanoseconds; the bucket of all hosts is full
    /// again in `owed_ns`.
    pub fn prepay(
        &self,
        charge: &Charge,
        units: u64,
        owed_ns: u64,
        lapse_ns: u64,
        now: Now,
    ) -> Result<(), Error> {
        self.on_counter(charge, now, |tx, counter| {
            let lapses_at_ns = now.monotonic_ns.saturating_add(lapse_ns);
            Lease::of(counter).prepay(tx, units, lapses_at_ns, now.monotonic_ns);
            counter.set_state(tx, Rate::full_in(owed_ns, now.monotonic_ns));
        })
    }

    /// Keeps the word that there is no room.
    pub fn set_no_room(&self, charge: &Charge, word: NoRoom, now: Now) -> Result<(), Error> {
        let Some(sharing) = &self.sharing else { return Ok(()) };
        self.on_counter(charge, now, |tx, counter| {
            sharing.set_no_room((counter.key(tx), counter.window(tx)), word, now.monotonic_ns);
        })
    }

    /// Counts as granted what was spent before this life.
    pub(super) fn grant_spent(tx: &mut Transaction<'_>, counter: Counter) {
        if tx.posture() != super::sharing::Posture::Alone {
            Lease::of(counter).set_units(tx, counter.spent(tx));
        }
    }

    /// Gives back what is not used of a lease, where `gives`; and tells what was used beyond it. None where this host
    /// does not have the counter any more.
    pub fn give_back(&self, name: &CounterName, gives: bool) -> Result<Option<Return>, Error> {
        let _turn = self.turn()?;
        let mut tx = self.transaction();
        let key = self.key(&name.limit, (name.epoch, name.unit_pico), &name.instance);
        let Some(counter) = self.places().find(&tx, key) else { return Ok(None) };
        if counter.window(&tx) != name.window {
            return Ok(None);
        }
        let before = stand_of(&tx, counter);
        let used = counter.used(&tx);
        let over = used.saturating_sub(before.allowance);
        let back = if gives { before.allowance.saturating_sub(used) } else { 0 };
        if over > 0 || back > 0 {
            Lease::of(counter).set_units(&mut tx, before.allowance + over - back);
        }
        commit(tx)?;
        Ok(Some(Return { before, back, over }))
    }

    /// Takes what other hosts must hear of a rate: units more, or fewer, than they know.
    pub fn take_correction(&self, charge: &Charge, now: Now) -> Result<i64, Error> {
        let mut units = 0;
        self.on_counter(charge, now, |tx, counter| {
            units = Lease::of(counter).take_correction(tx, now.monotonic_ns);
        })?;
        Ok(units)
    }
}

fn stand_of(tx: &Transaction<'_>, counter: Counter) -> Stand {
    Stand {
        window: counter.window(tx),
        end: counter.end(tx),
        allowance: Lease::of(counter).units(tx),
        spent: counter.spent(tx),
        held: counter.held(tx),
        ..Stand::default()
    }
}

impl CounterName {
    /// The name of a charge's counter in a window.
    pub fn of(charge: &Charge, window: u64) -> Self {
        Self {
            limit: charge.limit.name.clone(),
            epoch: charge.limit.epoch,
            unit_pico: charge.limit.unit_pico,
            window,
            instance: charge.instance.clone(),
        }
    }
}

//! The table for several threads: a lock for each part of the keys.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Decision, Rate, Table};

/// Parts; few enough that 16 tables cost nothing, many enough that two threads seldom meet.
const SHARDS: usize = 16;

/// A [`Table`] in parts. No lock is held for longer than a decision.
#[derive(Debug)]
pub struct Shards {
    seed: RandomState,
    first: Mutex<Table>,
    others: [Mutex<Table>; SHARDS - 1],
}

impl Shards {
    /// Parts that hold about `capacity` keys together: each its share, rounded up.
    pub fn new(capacity: usize) -> Self {
        let table = || Mutex::new(Table::new(capacity.div_ceil(SHARDS)));
        Self { seed: RandomState::new(), first: table(), others: std::array::from_fn(|_| table()) }
    }

    /// Takes `cost` units from the key's bucket if they are there; see [`Rate::take`].
    pub fn take(&self, key: &[u8], rate: &Rate, cost: u64, now_ns: u64) -> Decision {
        let hash = self.seed.hash_one(key);
        self.table(hash).change(hash, now_ns, |state| rate.take(state, cost, now_ns))
    }

    /// Gives back units that were taken and not used; see [`Rate::give_back`].
    pub fn give_back(&self, key: &[u8], rate: &Rate, cost: u64, now_ns: u64) {
        let hash = self.seed.hash_one(key);
        self.table(hash).change(hash, now_ns, |state| rate.give_back(state, cost, now_ns));
    }

    /// Takes units whether they are there or not; see [`Rate::force`].
    pub fn force(&self, key: &[u8], rate: &Rate, cost: u64, now_ns: u64) {
        let hash = self.seed.hash_one(key);
        self.table(hash).change(hash, now_ns, |state| rate.force(state, cost, now_ns));
    }

    /// The part that a hash belongs to, by bits that the table's own map does not begin with.
    fn table(&self, hash: u64) -> MutexGuard<'_, Table> {
        let at = usize::try_from(hash >> 32).unwrap_or_default() % SHARDS;
        let table = at.checked_sub(1).and_then(|at| self.others.get(at)).unwrap_or(&self.first);
        // What a panic may have left is a bucket before or after a take: both are sound.
        table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

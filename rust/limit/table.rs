//! A bucket for each of many keys, in memory that is bounded whatever keys come.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

use super::{Decision, Rate, State};

/// Slots that are looked at when a new key needs one: enough to find a full bucket if a fair part of them is.
const LOOKED_AT: usize = 16;

/// Buckets by key.
///
/// A key is kept as its 64-bit hash under a random seed: nobody can choose keys that meet, and two of a million meet
/// by chance once in forty million tables. Memory: about 56 bytes a key, grown as keys come, up to the capacity.
#[derive(Debug)]
pub struct Table {
    capacity: usize,
    seed: RandomState,
    places: HashMap<u64, usize, BuildHasherDefault<AsIs>>,
    slots: Vec<Slot>,
    hand: usize,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    hash: u64,
    state: State,
    used_at_ns: u64,
}

impl Table {
    /// A table of at most `capacity` keys; at least one.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            seed: RandomState::new(),
            places: HashMap::default(),
            slots: Vec::new(),
            hand: 0,
        }
    }

    /// Takes `cost` units from the key's bucket if they are there; see [`Rate::take`].
    pub fn take(&mut self, key: &[u8], rate: &Rate, cost: u64, now_ns: u64) -> Decision {
        let hash = self.seed.hash_one(key);
        self.change(hash, now_ns, |state| rate.take(state, cost, now_ns))
    }

    /// Gives back units that were taken and not used; see [`Rate::give_back`].
    pub fn give_back(&mut self, key: &[u8], rate: &Rate, cost: u64, now_ns: u64) {
        let hash = self.seed.hash_one(key);
        self.change(hash, now_ns, |state| rate.give_back(state, cost, now_ns));
    }

    /// Takes units whether they are there or not; see [`Rate::force`].
    pub fn force(&mut self, key: &[u8], rate: &Rate, cost: u64, now_ns: u64) {
        let hash = self.seed.hash_one(key);
        self.change(hash, now_ns, |state| rate.force(state, cost, now_ns));
    }

    /// Keys that have a bucket.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether no key has a bucket.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Changes the state of the key with this hash; a new key begins with a full bucket.
    pub(super) fn change<T>(
        &mut self,
        hash: u64,
        now_ns: u64,
        change: impl FnOnce(&mut State) -> T,
    ) -> T {
        if let Some(slot) = self.places.get(&hash).and_then(|at| self.slots.get_mut(*at)) {
            slot.used_at_ns = now_ns;
            return change(&mut slot.state);
        }
        let mut slot = Slot { hash, state: State::default(), used_at_ns: now_ns };
        let result = change(&mut slot.state);
        self.keep(slot, now_ns);
        result
    }

    fn keep(&mut self, slot: Slot, now_ns: u64) {
        // A bucket that is still full is what a key without one has.
        if slot.state.is_full(now_ns) {
            return;
        }
        if self.slots.len() < self.capacity {
            self.places.insert(slot.hash, self.slots.len());
            self.slots.push(slot);
            return;
        }
        let at = self.victim(now_ns);
        if let Some(old) = self.slots.get_mut(at) {
            self.places.remove(&old.hash);
            self.places.insert(slot.hash, at);
            *old = slot;
        }
    }

    /// The slot to give away, of the next few: the first that is full again, since nothing is lost with it, or else
    /// the one that was not used for longest.
    fn victim(&mut self, now_ns: u64) -> usize {
        let length = self.slots.len();
        let begin = self.hand;
        let mut oldest = (u64::MAX, begin);
        for at in (begin..begin + LOOKED_AT.min(length)).map(|at| at % length) {
            self.hand = (at + 1) % length;
            let Some(slot) = self.slots.get(at) else { continue };
            if slot.state.is_full(now_ns) {
                return at;
            }
            oldest = oldest.min((slot.used_at_ns, at));
        }
        oldest.1
    }
}

/// A hasher for what is a hash already.
#[derive(Debug, Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

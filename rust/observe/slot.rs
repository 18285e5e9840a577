//! Places of the series that almost every request counts in, found by a number instead of by their names.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::dialect::Dialect;

/// A member of a small set, such as an operation: its number in the set, and its name in labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Member {
    /// From 0; those from 8 on are found by their names.
    pub number: usize,
    /// As metrics and ledger have it.
    pub name: &'static str,
}

impl From<Dialect> for Member {
    fn from(dialect: Dialect) -> Self {
        Self { number: dialect as usize, name: dialect.name() }
    }
}

/// Members of a set that have slots.
pub(super) const MEMBERS: usize = 8;

/// Classes of tokens, in the order of [`super::Attempted::tokens`].
pub(super) const CLASSES: [&str; 8] = [
    "input",
    "output",
    "cached_input",
    "cache_write",
    "cache_write_1h",
    "reasoning",
    "audio",
    "image",
];

/// A place, once it was looked for.
#[derive(Debug, Default)]
pub(super) struct Slot(AtomicU32);

impl Slot {
    /// The place, looked for if need be.
    #[inline]
    pub fn get(&self, find: impl FnOnce() -> Option<usize>) -> Option<usize> {
        match self.0.load(Ordering::Relaxed) {
            0 => {
                let at = find()?;
                self.0.store(u32::try_from(at + 1).unwrap_or(0), Ordering::Relaxed);
                Some(at)
            }
            known => Some(known as usize - 1),
        }
    }
}

/// Of a model's attempts of one operation that went well.
#[derive(Debug, Default)]
pub(super) struct AttemptSlots {
    pub attempts: Slot,
    pub cost: Slot,
    pub tokens: [Slot; CLASSES.len()],
    /// Of input and output.
    pub usage: [Slot; 2],
    pub duration: Slot,
    pub first_chunk: Slot,
}

/// Of what a model's answers saved that the cache gave.
#[derive(Debug, Default)]
pub(super) struct SavedSlots {
    /// Of input and output.
    pub tokens: [Slot; 2],
    pub cost: Slot,
}

/// Of requests of one operation in one dialect that went well.
#[derive(Debug, Default)]
pub(super) struct RequestSlots {
    pub requests: Slot,
    pub duration: Slot,
}

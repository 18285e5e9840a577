//! The file behind the counters: its layout, and who may make it anew.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::counter::COUNTER_WORDS;
use super::lease::LEASE_WORDS;
use super::reservation::Budgets;
use super::runs::{RUN_WORDS, RUNS};
use super::transaction::NOTE_WORDS;
use crate::error::Error;
use crate::mapped::{Kind, Mapped};

/// Grows with every change of the layout: files of another one are never read.
const VERSION: u64 = 3;

pub(super) const LOCK: usize = 2;
pub(super) const SEED: usize = 3; // two words
/// The first free record, from 1; 0 is none.
pub(super) const FREE: usize = 5;
/// Records that were ever used.
pub(super) const RECORDS_USED: usize = 6;
const NOTES: usize = 16;

/// Counters: places for as many keys, users and runs as have a limit of their own and spent something of it.
pub(super) const COUNTERS: usize = 1 << 18;
/// Requests with a reservation that run at once.
pub(super) const RECORDS: usize = 1 << 13;
pub(super) const RECORD_WORDS: usize = 128;
pub(super) const COUNTERS_AT: usize = (NOTES + NOTE_WORDS).next_multiple_of(512);
pub(super) const RECORDS_AT: usize = COUNTERS_AT + COUNTERS * COUNTER_WORDS;
pub(super) const RUNS_AT: usize = RECORDS_AT + RECORDS * RECORD_WORDS;
/// What other hosts left of each counter to this one; nothing in them where it shares with none.
pub(super) const LEASES_AT: usize = RUNS_AT + RUNS * RUN_WORDS;
const KIND: Kind = Kind {
    name: "limits",
    magic: u64::from_le_bytes(*b"sluicegb"),
    version: VERSION,
    words: LEASES_AT + COUNTERS * LEASE_WORDS,
};

/// The mapped file, and this process's share in its lock.
#[derive(Debug)]
pub(super) struct Shared(Mapped);

/// Counters that were opened.
#[derive(Debug)]
pub struct Opened {
    /// The counters.
    pub budgets: Budgets,
    /// Nobody else had them: they begin at nothing. What the ledger knows of running windows must be put in, then
    /// [`Budgets::seeded`] be called; others wait for it.
    pub is_new: bool,
}

impl Shared {
    /// Opens the counters of a directory. Whoever finds nobody else makes them anew, since nobody wrote down what
    /// happened to the old ones meanwhile; then others wait until it has put in what the ledger knows.
    pub fn open(directory: &Path) -> Result<(Self, bool), Error> {
        let (mapped, is_new) =
            Mapped::open(directory, &KIND).map_err(|error| Error::Limits(error.to_string()))?;
        if is_new {
            let (seed, other) = uuid::Uuid::new_v4().as_u64_pair();
            for (at, value) in [(SEED, seed), (SEED + 1, other)] {
                if let Some(word) = mapped.words().get(at) {
                    word.store(value, Ordering::Release);
                }
            }
        }
        Ok((Self(mapped), is_new))
    }

    /// Lets others in.
    pub fn admit_others(&self) -> Result<(), Error> {
        self.0.admit_others().map_err(|cause| Error::Limits(cause.to_string()))
    }

    pub fn words(&self) -> &[AtomicU64] {
        self.0.words()
    }

    pub fn notes(&self) -> &[AtomicU64] {
        self.words().get(NOTES..NOTES + NOTE_WORDS).unwrap_or_default()
    }

    pub fn lock_word(&self) -> Option<&AtomicU64> {
        self.words().get(LOCK)
    }

    pub fn seed(&self) -> (u64, u64) {
        (get(self.words(), SEED), get(self.words(), SEED + 1))
    }
}

fn get(words: &[AtomicU64], at: usize) -> u64 {
    words.get(at).map_or(0, |word| word.load(Ordering::Acquire))
}

//! The file behind the counters: its layout, and who may make it anew.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::counter::COUNTER_WORDS;
use super::reservation::Budgets;
use super::run_places::RUN_WORDS;
use super::transaction::NOTE_WORDS;
use crate::error::Error;
use crate::mapped::{Kind, Mapped};

/// Grows with every change of the layout: files of another one are never read.
const VERSION: u64 = 6;

pub(super) const LOCK: usize = 2;
pub(super) const SEED: usize = 3; // two words
/// The first free record, from 1; 0 is none.
pub(super) const FREE: usize = 5;
/// Records that were ever used.
pub(super) const RECORDS_USED: usize = 6;
const NOTES: usize = 16;

pub(super) const RECORD_WORDS: usize = 128;
pub(super) const COUNTERS_AT: usize = (NOTES + NOTE_WORDS).next_multiple_of(512);

/// How many of each have room, and where they are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    /// Places for as many keys, users and runs as have a limit of their own and spent something of it.
    pub counters: usize,
    /// Requests with a reservation that run at once.
    pub records: usize,
    /// Runs, and responses that can be gone on from, that are remembered at once.
    pub runs: usize,
}

impl Layout {
    /// For a disk of ordinary size: 38 MiB.
    const FULL: Self = Self { counters: 1 << 18, records: 1 << 13, runs: 1 << 14 };

    const fn halved(self, times: u32) -> Self {
        let Self { counters, records, runs } = self;
        Self { counters: counters >> times, records: records >> times, runs: runs >> times }
    }

    pub const fn records_at(self) -> usize {
        COUNTERS_AT + self.counters * COUNTER_WORDS
    }

    pub const fn runs_at(self) -> usize {
        self.records_at() + self.records * RECORD_WORDS
    }

    const fn words(self) -> usize {
        self.runs_at() + self.runs * RUN_WORDS
    }

    /// The one of a file of so many words.
    fn of(words: usize) -> Self {
        let times = SIZES.iter().position(|size| *size == words).unwrap_or(SIZES.len() - 1);
        Self::FULL.halved(u32::try_from(times).unwrap_or(0))
    }
}

/// Each half of the one before: a disk of 16 MiB gets 2 MiB of it, for 512 requests at once.
const SIZES: [usize; 7] = {
    let mut sizes = [0; 7];
    let mut times = 0_u32;
    while (times as usize) < sizes.len() {
        sizes[times as usize] = Layout::FULL.halved(times).words();
        times += 1;
    }
    sizes
};

const KIND: Kind = Kind {
    name: "limits",
    magic: u64::from_le_bytes(*b"sluicegb"),
    version: VERSION,
    sizes: &SIZES,
};

/// The mapped file, and this process's share in its lock.
#[derive(Debug)]
pub(super) struct Shared {
    mapped: Mapped,
    layout: Layout,
}

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
        let layout = Layout::of(mapped.words().len());
        Ok((Self { mapped, layout }, is_new))
    }

    /// Lets others in.
    pub fn admit_others(&self) -> Result<(), Error> {
        self.mapped.admit_others().map_err(|cause| Error::Limits(cause.to_string()))
    }

    pub fn words(&self) -> &[AtomicU64] {
        self.mapped.words()
    }

    pub fn notes(&self) -> &[AtomicU64] {
        self.words().get(NOTES..NOTES + NOTE_WORDS).unwrap_or_default()
    }

    pub fn lock_word(&self) -> Option<&AtomicU64> {
        self.words().get(LOCK)
    }

    /// Where what is.
    pub const fn layout(&self) -> Layout {
        self.layout
    }

    pub fn seed(&self) -> (u64, u64) {
        (get(self.words(), SEED), get(self.words(), SEED + 1))
    }
}

fn get(words: &[AtomicU64], at: usize) -> u64 {
    words.get(at).map_or(0, |word| word.load(Ordering::Acquire))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_length_tells_its_layout() {
        for (times, words) in (0_u32..).zip(SIZES) {
            let layout = Layout::of(words);
            assert_eq!(layout.words(), words);
            assert_eq!(layout.records, 8192 >> times);
        }
        assert!(SIZES.is_sorted_by(|a, b| a > b));
    }
}

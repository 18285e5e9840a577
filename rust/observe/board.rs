//! The file that all workers of a host count in: which series there are, and their words.
//!
//! It begins at nothing when a gateway starts, and lives as long as any of its processes. A new series is written
//! first and shown then, under a lock that survives its holder: a process killed in between leaves nothing.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::family::{Family, layout};
use super::label;
use super::seat::{SEAT_WORDS, SEATS, Seat};
use crate::error::Error;
use crate::mapped::{Held, Kind, Mapped, Owner};

const LOCK: usize = 2;
/// Series that are there.
const COUNT: usize = 3;
/// 1 where the last reading of the configuration failed.
pub(super) const RELOAD_FAILED: usize = 4;
/// When the ledger last had all that was journalled, in milliseconds since 1970.
pub(super) const DRAINED_MS: usize = 5;
pub(super) const SEATS_AT: usize = 64;

const ENTRIES_AT: usize = SEATS_AT + SEATS * SEAT_WORDS;
/// Family, place, length of the labels, the labels.
const ENTRY_WORDS: usize = 3 + label::MAX_BYTES / size_of::<u64>();
/// Series that the file holds.
pub(super) const MAX_SERIES: usize = 8192;
/// Kept for those that are shared by all that has no room.
const RESERVED_SERIES: usize = 512;

const PARTS_AT: usize = (ENTRIES_AT + MAX_SERIES * ENTRY_WORDS).next_multiple_of(512);
/// Parts that workers count in, each its own; more workers than parts share them.
const PARTS: usize = 8;
const PART_WORDS: usize = 1 << 16;
const RESERVED_WORDS: usize = 1 << 13;

const KIND: Kind = Kind {
    name: "metrics",
    magic: u64::from_le_bytes(*b"sluicegm"),
    version: 1 ^ layout(),
    sizes: &[PARTS_AT + PARTS * PART_WORDS],
};

/// A series of the file, as it is written out.
#[derive(Debug)]
pub(super) struct Entry {
    pub family: Family,
    pub at: usize,
    pub labels: String,
}

/// The file, and this process's place in it.
#[derive(Debug)]
pub struct Board {
    mapped: Mapped,
    trouble: Option<String>,
    me: Owner,
    /// Where this process counts.
    part: usize,
    seat: Option<Seat>,
    index: Mutex<Index>,
}

/// The series that this process knows of.
#[derive(Debug, Default)]
struct Index {
    seen: usize,
    /// Where the next series' words begin.
    end: usize,
    places: HashMap<(u8, String), usize>,
    by_family: [usize; Family::ALL.len()],
}

impl Board {
    /// Opens a directory's file as one that counts requests.
    pub fn open(directory: &Path) -> Result<Self, Error> {
        let mut board = Self::attach(directory)?;
        board.take_seat();
        Ok(board)
    }

    /// Opens it as one that looks on, and keeps it from beginning anew. Where it cannot be shared the process counts
    /// for itself: metrics keep nothing from being served.
    pub fn attach(directory: &Path) -> Result<Self, Error> {
        let shared = || -> Result<Mapped, String> {
            let (mapped, _) = Mapped::open(directory, &KIND).map_err(|error| error.to_string())?;
            mapped.admit_others().map_err(|error| error.to_string())?;
            Ok(mapped)
        };
        let (mapped, trouble) = match shared() {
            Ok(mapped) => (mapped, None),
            Err(trouble) => {
                let own = Mapped::private(&KIND).map_err(|e| Error::Metrics(e.to_string()))?;
                (own, Some(trouble))
            }
        };
        let (me, index) = (Owner::this(), Mutex::default());
        Ok(Self { mapped, trouble, me, part: 0, seat: None, index })
    }

    /// Why other processes do not see what is counted here, where they do not.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    fn take_seat(&mut self) {
        let Some(lock) = self.words().get(LOCK) else { return };
        let seat = Held::take(lock, self.me).ok().and_then(|_held| Seat::take(self, self.me));
        self.part = seat.as_ref().map_or(0, |seat| seat.number % PARTS);
        self.seat = seat;
    }

    /// This process's seat.
    pub(super) const fn seat(&self) -> Option<&Seat> {
        self.seat.as_ref()
    }

    pub(super) fn words(&self) -> &[AtomicU64] {
        self.mapped.words()
    }

    /// Adds to a word of a series.
    #[inline]
    pub(super) fn add(&self, at: usize, n: u64) {
        if n == 0 {
            return;
        }
        if let Some(word) = self.words().get(PARTS_AT + self.part * PART_WORDS + at) {
            word.fetch_add(n, Ordering::Relaxed);
        }
    }

    /// A word of a series, all parts together.
    pub(super) fn sum(&self, at: usize) -> u64 {
        let part = |part| self.get(PARTS_AT + part * PART_WORDS + at);
        (0..PARTS).map(part).fold(0, u64::wrapping_add)
    }

    /// A word of the file.
    pub(super) fn get(&self, at: usize) -> u64 {
        self.words().get(at).map_or(0, |word| word.load(Ordering::Relaxed))
    }

    pub(super) fn set(&self, at: usize, value: u64) {
        if let Some(word) = self.words().get(at) {
            word.store(value, Ordering::Relaxed);
        }
    }

    /// Series that are there.
    pub fn len(&self) -> usize {
        let count = self.words().get(COUNT).map_or(0, |word| word.load(Ordering::Acquire));
        usize::try_from(count).unwrap_or(MAX_SERIES).min(MAX_SERIES)
    }

    /// Whether nothing was counted yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All series, in the order in which they were first counted.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> {
        (0..self.len()).filter_map(|number| self.entry(number))
    }

    fn entry(&self, number: usize) -> Option<Entry> {
        let at = ENTRIES_AT + number * ENTRY_WORDS;
        let family = Family::of(self.get(at))?;
        let place = usize::try_from(self.get(at + 1)).ok()?;
        let bytes = usize::try_from(self.get(at + 2)).ok()?.min(label::MAX_BYTES);
        let mut labels = Vec::with_capacity(bytes.next_multiple_of(8));
        for word in at + 3..at + 3 + bytes.div_ceil(8) {
            labels.extend_from_slice(&self.get(word).to_le_bytes());
        }
        labels.truncate(bytes);
        Some(Entry { family, at: place, labels: String::from_utf8(labels).ok()? })
    }

    /// Where the series of these labels counts; made where it is not there yet. `None` where there is no room for it.
    ///
    /// Args: `is_last_resort`: it may take what is kept for those that all share.
    pub(super) fn place(
        &self,
        family: Family,
        labels: String,
        is_last_resort: bool,
    ) -> Option<usize> {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (family as u8, labels);
        if let Some(place) = index.places.get(&key) {
            return Some(*place);
        }
        let _held = Held::take(self.words().get(LOCK)?, self.me).ok()?;
        self.read_on(&mut index);
        if let Some(place) = index.places.get(&key) {
            return Some(*place);
        }
        let spec = family.spec();
        let (series, words) =
            if is_last_resort { (0, 0) } else { (RESERVED_SERIES, RESERVED_WORDS) };
        let has_room = index.seen + series < MAX_SERIES
            && index.end + spec.kind.words() + words <= PART_WORDS
            && (is_last_resort || index.by_family[family as usize] < spec.max_series);
        if !has_room {
            return None;
        }
        self.write(index.seen, family, index.end, &key.1);
        self.read_on(&mut index);
        index.places.get(&key).copied()
    }

    /// Shows a series. Called under the lock.
    fn write(&self, number: usize, family: Family, place: usize, labels: &str) {
        let at = ENTRIES_AT + number * ENTRY_WORDS;
        self.set(at, family as u64);
        self.set(at + 1, place as u64);
        self.set(at + 2, labels.len() as u64);
        for (word, bytes) in (at + 3..).zip(labels.as_bytes().chunks(8)) {
            let mut whole = [0; 8];
            whole.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
            self.set(word, u64::from_le_bytes(whole));
        }
        if let Some(count) = self.words().get(COUNT) {
            count.store(number as u64 + 1, Ordering::Release);
        }
    }

    /// Learns of the series that others made. Called under the lock.
    fn read_on(&self, index: &mut Index) {
        for number in index.seen..self.len() {
            if let Some(entry) = self.entry(number) {
                index.end = entry.at + entry.family.spec().kind.words();
                if let Some(count) = index.by_family.get_mut(entry.family as usize) {
                    *count += 1;
                }
                index.places.insert((entry.family as u8, entry.labels), entry.at);
            }
            index.seen = number + 1;
        }
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        if let Some(seat) = self.seat.take() {
            seat.leave(self);
        }
    }
}

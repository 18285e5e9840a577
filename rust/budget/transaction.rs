//! Changes of shared words that happen all or not at all, also if the writer is killed.
//!
//! The new values are written down first; whoever takes the lock after a death writes them once more. Values are
//! absolute, so that doing it twice does no harm.

use std::sync::atomic::{AtomicU64, Ordering};

use super::sharing::Posture;

/// Words that a transaction may write: enough for the widest request's counters and its record.
pub(super) const MAX_WRITES: usize = 640;
/// Words that the notes take: how many, then pairs of place and value.
pub(super) const NOTE_WORDS: usize = 1 + 2 * MAX_WRITES;

/// A set of changes, not yet made.
pub(super) struct Transaction<'a> {
    words: &'a [AtomicU64],
    notes: &'a [AtomicU64],
    writes: Vec<(usize, u64)>,
    written: Marks,
    posture: Posture,
}

/// Which places may be among the writes. Most words are looked at and never written, or written once: those need no
/// search.
#[derive(Default)]
struct Marks([u64; 8]);

impl Marks {
    fn has(&self, at: usize) -> bool {
        self.0.get(at / 64 % 8).is_some_and(|marks| marks >> (at % 64) & 1 != 0)
    }

    fn add(&mut self, at: usize) {
        if let Some(marks) = self.0.get_mut(at / 64 % 8) {
            *marks |= 1 << (at % 64);
        }
    }
}

impl<'a> Transaction<'a> {
    /// Changes of `words`, noted in `notes` ([`NOTE_WORDS`] of them). The lock must be held as long as it lives.
    pub fn new(words: &'a [AtomicU64], notes: &'a [AtomicU64]) -> Self {
        let (writes, written) = (Vec::with_capacity(64), Marks::default());
        Self { words, notes, writes, written, posture: Posture::Alone }
    }

    /// The same, where counters are shared with other hosts.
    pub fn in_posture(self, posture: Posture) -> Self {
        Self { posture, ..self }
    }

    /// How decisions are made in it.
    pub const fn posture(&self) -> Posture {
        self.posture
    }

    /// A word as this transaction sees it.
    pub fn get(&self, at: usize) -> u64 {
        if !self.written.has(at) {
            return load(self.words, at);
        }
        let own = self.writes.iter().rev().find(|(place, _)| *place == at);
        own.map_or_else(|| load(self.words, at), |(_, value)| *value)
    }

    /// Whether this transaction sets a word.
    pub fn sets(&self, at: usize) -> bool {
        self.written.has(at) && self.writes.iter().any(|(place, _)| *place == at)
    }

    /// A word as it was before this transaction: cheaper, for what none changes while it is looked at.
    pub fn get_before(&self, at: usize) -> u64 {
        load(self.words, at)
    }

    /// Sets a word.
    pub fn set(&mut self, at: usize, value: u64) {
        if self.written.has(at)
            && let Some(write) = self.writes.iter_mut().find(|(place, _)| *place == at)
        {
            write.1 = value;
            return;
        }
        self.writes.push((at, value));
        self.written.add(at);
    }

    /// Makes the changes. None are made, and false is given, where they are more than can be noted.
    pub fn commit(self) -> bool {
        if self.writes.len() > MAX_WRITES {
            return false;
        }
        for (note, (place, value)) in
            self.notes.get(1..).unwrap_or_default().chunks_exact(2).zip(&self.writes)
        {
            store(note, 0, *place as u64);
            store(note, 1, *value);
        }
        // Released: who sees the count sees the notes.
        set_count(self.notes, self.writes.len());
        redo(self.words, self.notes);
        true
    }
}

/// Makes the changes that are noted, if any are: of a transaction, or of one whose writer died. The lock must be held.
pub(super) fn redo(words: &[AtomicU64], notes: &[AtomicU64]) {
    let count =
        usize::try_from(notes.first().map_or(0, |n| n.load(Ordering::Acquire))).unwrap_or(0);
    for note in notes.get(1..).unwrap_or_default().chunks_exact(2).take(count.min(MAX_WRITES)) {
        let place = usize::try_from(load(note, 0)).unwrap_or(usize::MAX);
        if let Some(word) = words.get(place) {
            word.store(load(note, 1), Ordering::Relaxed);
        }
    }
    set_count(notes, 0);
}

fn set_count(notes: &[AtomicU64], count: usize) {
    if let Some(word) = notes.first() {
        word.store(count as u64, Ordering::Release);
    }
}

fn load(words: &[AtomicU64], at: usize) -> u64 {
    words.get(at).map_or(0, |word| word.load(Ordering::Relaxed))
}

fn store(words: &[AtomicU64], at: usize, value: u64) {
    if let Some(word) = words.get(at) {
        word.store(value, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(count: usize) -> Vec<AtomicU64> {
        (0..count).map(|_| AtomicU64::new(0)).collect()
    }

    #[test]
    fn sees_its_own_writes_and_others_see_none_before_the_commit() {
        let (all, notes) = (words(4), words(NOTE_WORDS));
        let mut tx = Transaction::new(&all, &notes);
        tx.set(2, 7);
        tx.set(2, 8);
        assert_eq!((tx.get(2), load(&all, 2)), (8, 0));
        assert!(tx.commit());
        assert_eq!(load(&all, 2), 8);
    }

    #[test]
    fn places_that_share_a_mark_are_told_apart() {
        let (all, notes) = (words(2048), words(NOTE_WORDS));
        let mut tx = Transaction::new(&all, &notes);
        let alike = [7, 7 + 512, 7 + 1024];
        for (at, value) in alike.into_iter().zip(1..) {
            assert_eq!((tx.get(at), tx.sets(at)), (0, false));
            tx.set(at, value);
        }
        tx.set(7, 9);
        assert_eq!(alike.map(|at| (tx.get(at), tx.sets(at))), [(9, true), (2, true), (3, true)]);
        assert!(tx.commit());
        assert_eq!(alike.map(|at| load(&all, at)), [9, 2, 3]);
    }

    #[test]
    fn what_a_dead_writer_noted_is_done_once() {
        let (all, notes) = (words(4), words(NOTE_WORDS));
        for (at, value) in [(1, 3), (2, 9)] {
            notes[at].store(value, Ordering::Relaxed);
        }
        redo(&all, &notes);
        assert_eq!(load(&all, 3), 0, "notes without a count are no transaction");
        notes[0].store(1, Ordering::Relaxed);
        redo(&all, &notes);
        assert_eq!(load(&all, 3), 9);
        all[3].store(1, Ordering::Relaxed);
        redo(&all, &notes);
        assert_eq!(load(&all, 3), 1);
    }

    #[test]
    fn too_large_a_change_is_none_at_all() {
        let (all, notes) = (words(MAX_WRITES + 1), words(NOTE_WORDS));
        let mut tx = Transaction::new(&all, &notes);
        for at in 0..=MAX_WRITES {
            tx.set(at, 1);
        }
        assert!(!tx.commit());
        assert_eq!(load(&all, 0), 0);
    }
}

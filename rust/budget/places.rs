//! Where a counter stands among all, and which one makes room where all places around are taken.
//!
//! Names that the configuration gives are never forgotten. Those that clients make up (end users, tags, runs) are, so
//! that nobody who invents many of them keeps others out: whoever has most places around gives up the one that it asked
//! for least lately. Who has few names keeps them, however many another one invents.

use super::counter::{COUNTER_WORDS, Counter};
use super::reservation::Now;
use super::transaction::Transaction;

/// Places that are looked at for a key: more than enough at a load of one half.
const LOOKED_AT: usize = 64;

/// All places.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places {
    /// Where the first one begins.
    pub base: usize,
    /// How many there are.
    pub count: usize,
}

/// A place for a counter that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// It was never used, or says nothing any more.
    Free(Counter),
    /// Another counter is forgotten for it.
    Forgets(Counter),
}

impl Places {
    /// The key's counter.
    pub fn find(self, tx: &Transaction<'_>, key: (u64, u64)) -> Option<Counter> {
        for counter in self.around(key) {
            match counter.key(tx) {
                found if found == key => return Some(counter),
                (0, 0) => return None,
                _ => {}
            }
        }
        None
    }

    /// Where the counter of a key can be that was not found. None where all places around are taken for good.
    pub fn room(self, tx: &Transaction<'_>, key: (u64, u64), now: Now) -> Option<Room> {
        let mut crowd = Crowd::default();
        for counter in self.around(key) {
            if counter.key(tx) == (0, 0) {
                return Some(Room::Free(counter));
            }
            if counter.is_in_use(tx) {
                continue;
            }
            if counter.says_nothing(tx, now) {
                return Some(Room::Free(counter));
            }
            if let Some((maker, quiet_since)) = counter.forgettable(tx) {
                crowd.add(maker, quiet_since, counter);
            }
        }
        crowd.quietest_of_the_most().map(Room::Forgets)
    }

    fn around(self, key: (u64, u64)) -> impl Iterator<Item = Counter> {
        let Self { base, count } = self;
        let first = usize::try_from(key.0 % count.max(1) as u64).unwrap_or(0);
        (0..LOOKED_AT.min(count))
            .map(move |step| Counter(base + (first + step) % count * COUNTER_WORDS))
    }
}

/// Those who made names up, with how many of them are around and the quietest.
#[derive(Debug, Default)]
struct Crowd(Vec<Names>);

#[derive(Debug)]
struct Names {
    by: u32,
    count: usize,
    quiet_since: u64,
    quietest: Counter,
}

impl Crowd {
    fn add(&mut self, by: u32, quiet_since: u64, counter: Counter) {
        match self.0.iter_mut().find(|known| known.by == by) {
            Some(known) => {
                known.count += 1;
                if quiet_since < known.quiet_since {
                    (known.quiet_since, known.quietest) = (quiet_since, counter);
                }
            }
            None => self.0.push(Names { by, count: 1, quiet_since, quietest: counter }),
        }
    }

    fn quietest_of_the_most(self) -> Option<Counter> {
        let most = self.0.iter().map(|names| names.count).max()?;
        let with_most = self.0.iter().filter(|names| names.count == most);
        with_most.min_by_key(|names| names.quiet_since).map(|names| names.quietest)
    }
}

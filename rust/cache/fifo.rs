//! Which answers stay in memory: S3-FIFO, by bytes.
//!
//! What comes goes through a small queue first, and only what is asked for again there reaches the main one: answers
//! that nobody asks for twice, of a batch or a scan, push out one another. Source: Yang and others, "FIFO queues are
//! all you need for cache eviction", SOSP 2023.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::entry::Entry;
use super::key::Key;

/// The small queue's part of all bytes.
const SMALL_PART: usize = 10;
/// So often is a read remembered.
const MAX_READS: u8 = 3;

/// Entries, bounded by their bytes.
#[derive(Debug)]
pub struct Fifo {
    max_bytes: usize,
    slots: HashMap<Key, Slot>,
    small: Queue,
    main: Queue,
    /// Names of those that left the small queue: one that comes back was pushed out too early.
    ghosts: Ghosts,
    /// Tells the places of an entry that was replaced from those of the new one.
    next: u64,
    evicted: u64,
}

#[derive(Debug)]
struct Slot {
    entry: Arc<Entry>,
    place: u64,
    reads: u8,
    is_main: bool,
}

#[derive(Debug, Default)]
struct Queue {
    places: VecDeque<(Key, u64)>,
    bytes: usize,
}

impl Fifo {
    /// Room for so many bytes.
    pub fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            slots: HashMap::new(),
            small: Queue::default(),
            main: Queue::default(),
            ghosts: Ghosts::default(),
            next: 0,
            evicted: 0,
        }
    }

    /// Another bound; what is beyond it leaves.
    pub fn resize(&mut self, max_bytes: usize) {
        self.max_bytes = max_bytes;
        self.make_room();
    }

    /// The entry of a name, which is remembered as read.
    pub fn get(&mut self, key: &Key) -> Option<Arc<Entry>> {
        let slot = self.slots.get_mut(key)?;
        slot.reads = (slot.reads + 1).min(MAX_READS);
        Some(slot.entry.clone())
    }

    /// Takes an entry in, instead of one of the same name. One that alone is too large is left out.
    pub fn put(&mut self, entry: Arc<Entry>) {
        let key = entry.key;
        let reads = self.take(&key).map_or(0, |old| old.reads);
        if entry.size() > self.max_bytes / SMALL_PART {
            return;
        }
        let is_main = self.ghosts.forget(&key) || reads > 0;
        self.next += 1;
        let place = self.next;
        let queue = if is_main { &mut self.main } else { &mut self.small };
        queue.push(key, place, entry.size());
        self.slots.insert(key, Slot { entry, place, reads: 0, is_main });
        self.make_room();
    }

    /// Leaves an entry out.
    pub fn remove(&mut self, key: &Key) -> Option<Arc<Entry>> {
        self.take(key).map(|slot| slot.entry)
    }

    /// Leaves out all that is no more wanted; how many those were.
    pub fn retain(&mut self, mut is_wanted: impl FnMut(&Entry) -> bool) -> usize {
        let unwanted: Vec<Key> =
            self.slots.values().filter(|s| !is_wanted(&s.entry)).map(|s| s.entry.key).collect();
        unwanted.iter().filter(|key| self.take(key).is_some()).count()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Bytes that they take.
    pub const fn bytes(&self) -> usize {
        self.small.bytes + self.main.bytes
    }

    /// How many left for others.
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    fn take(&mut self, key: &Key) -> Option<Slot> {
        let slot = self.slots.remove(key)?;
        let queue = if slot.is_main { &mut self.main } else { &mut self.small };
        queue.bytes -= slot.entry.size();
        // Its place is found empty when its turn comes; where too many are, they are swept.
        if queue.places.len() > 64 && queue.places.len() > 4 * self.slots.len() {
            let slots = &self.slots;
            for queue in [&mut self.small, &mut self.main] {
                queue
                    .places
                    .retain(|(key, place)| slots.get(key).is_some_and(|s| s.place == *place));
            }
        }
        Some(slot)
    }

    fn make_room(&mut self) {
        while self.bytes() > self.max_bytes {
            if self.small.bytes > self.max_bytes / SMALL_PART || self.main.bytes == 0 {
                self.leave_small();
            } else {
                self.leave_main();
            }
        }
    }

    /// The oldest of the small queue goes to the main one if it was read, and out if not.
    fn leave_small(&mut self) {
        let Some((key, place)) = self.small.places.pop_front() else { return };
        let Some(slot) = self.slots.get_mut(&key).filter(|slot| slot.place == place) else {
            return;
        };
        let size = slot.entry.size();
        self.small.bytes -= size;
        if slot.reads > 0 {
            slot.reads = 0;
            slot.is_main = true;
            self.main.push(key, place, size);
        } else {
            self.slots.remove(&key);
            self.ghosts.remember(key, self.slots.len());
            self.evicted += 1;
        }
    }

    /// The oldest of the main queue goes to its end again if it was read, and out if not.
    fn leave_main(&mut self) {
        let Some((key, place)) = self.main.places.pop_front() else { return };
        let Some(slot) = self.slots.get_mut(&key).filter(|slot| slot.place == place) else {
            return;
        };
        if slot.reads > 0 {
            slot.reads -= 1;
            self.main.places.push_back((key, place));
        } else {
            self.main.bytes -= slot.entry.size();
            self.slots.remove(&key);
            self.evicted += 1;
        }
    }
}

impl Queue {
    fn push(&mut self, key: Key, place: u64, size: usize) {
        self.places.push_back((key, place));
        self.bytes += size;
    }
}

/// Names without entries, as many as there are entries.
#[derive(Debug, Default)]
struct Ghosts {
    order: VecDeque<Key>,
    names: HashSet<Key>,
}

impl Ghosts {
    fn remember(&mut self, key: Key, at_most: usize) {
        if self.names.insert(key) {
            self.order.push_back(key);
        }
        while self.order.len() > at_most.max(16) {
            if let Some(oldest) = self.order.pop_front() {
                self.names.remove(&oldest);
            }
        }
    }

    /// Whether it was one; it is none any more. Its place in the order is found empty later.
    fn forget(&mut self, key: &Key) -> bool {
        self.names.remove(key)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::cache::entry::tests;

    fn key(number: u32) -> Key {
        let mut key = [0; 32];
        key[..4].copy_from_slice(&number.to_be_bytes());
        key
    }

    fn entry(number: u32, bytes: usize) -> Arc<Entry> {
        Arc::new(Entry { key: key(number), body: Bytes::from(vec![0; bytes]), ..tests::entry(0) })
    }

    #[test]
    fn what_is_asked_for_again_outlives_a_scan() {
        let size = entry(0, 1000).size();
        let mut fifo = Fifo::new(100 * size);
        for number in 0..50 {
            fifo.put(entry(number, 1000));
            fifo.get(&key(number));
        }
        for number in 1000..10_000 {
            fifo.put(entry(number, 1000));
        }
        assert_eq!((0..50).filter(|number| fifo.get(&key(*number)).is_some()).count(), 50);
        assert!(fifo.evicted() > 8_000);
    }

    #[test]
    fn one_that_came_back_too_late_stays_next_time() {
        let size = entry(0, 1000).size();
        let mut fifo = Fifo::new(20 * size);
        for number in 0..25 {
            fifo.put(entry(number, 1000));
        }
        assert!(fifo.get(&key(0)).is_none());
        fifo.put(entry(0, 1000)); // a ghost
        for number in 100..110 {
            fifo.put(entry(number, 1000));
        }
        assert!(fifo.get(&key(0)).is_some());
    }

    #[test]
    fn one_too_large_leaves_nothing_of_its_name() {
        let mut fifo = Fifo::new(100_000);
        fifo.put(entry(1, 10));
        fifo.put(entry(1, 50_000));
        assert_eq!((fifo.len(), fifo.bytes()), (0, 0));
    }

    proptest! {
        #[test]
        fn bytes_are_those_of_what_is_there_and_never_too_many(
            steps in proptest::collection::vec((0u32..30, 0usize..4000, 0u8..10), 1..300)
        ) {
            let mut fifo = Fifo::new(50_000);
            for (number, bytes, what) in steps {
                match what {
                    0..5 => fifo.put(entry(number, bytes)),
                    5..8 => drop(fifo.get(&key(number))),
                    8 => drop(fifo.remove(&key(number))),
                    _ => drop(fifo.retain(|entry| entry.key[3] % 5 != 0)),
                }
                let bytes: usize = fifo.slots.values().map(|slot| slot.entry.size()).sum();
                prop_assert_eq!(bytes, fifo.bytes());
                prop_assert!(bytes <= 50_000);
                for slot in fifo.slots.values() {
                    let queue = if slot.is_main { &fifo.main } else { &fifo.small };
                    let place = (slot.entry.key, slot.place);
                    prop_assert_eq!(queue.places.iter().filter(|at| **at == place).count(), 1);
                }
                prop_assert!(fifo.small.places.len() + fifo.main.places.len() <= 4 * fifo.len() + 130);
            }
        }
    }
}

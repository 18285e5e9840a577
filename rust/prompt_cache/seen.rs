//! Which beginnings came lately.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long a vendor keeps a beginning from its last use.
const LIFE: Duration = Duration::from_mins(5);
/// Beginnings that are remembered in each of the two halves: as many as fit a table of a megabyte.
const HALF: usize = 28_000;

/// The beginnings of requests that came within the cache's life, by their digests; bounded.
///
/// Two halves, so that nothing is ever searched for what may go: what is seen goes to the younger one, and when that is
/// full it becomes the older one, whose contents are forgotten.
#[derive(Debug)]
pub struct Seen {
    young: HashMap<u64, Sighting>,
    old: HashMap<u64, Sighting>,
    half: usize,
}

/// When a beginning was seen last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sighting {
    at: Instant,
    /// A request ended with it.
    pub was_end: bool,
    /// It was marked, so that the vendor has it.
    pub was_marked: bool,
}

impl Default for Seen {
    fn default() -> Self {
        Self::new(HALF)
    }
}

impl Seen {
    /// Remembers `half` beginnings at least, twice as many at most.
    pub fn new(half: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), half: half.max(1) }
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The last sighting of a beginning within the cache's life, and remembers this one.
    pub(super) fn see(&mut self, digest: u64, is_end: bool, now: Instant) -> Option<Sighting> {
        let known = self.young.get(&digest).or_else(|| self.old.get(&digest)).copied();
        let last = known.filter(|last| now.saturating_duration_since(last.at) < LIFE);
        if self.young.len() >= self.half && !self.young.contains_key(&digest) {
            self.old = std::mem::take(&mut self.young);
        }
        let was_end = is_end || last.is_some_and(|last| last.was_end);
        let was_marked = last.is_some_and(|last| last.was_marked);
        self.young.insert(digest, Sighting { at: now, was_end, was_marked });
        last
    }

    /// Remembers that a beginning, which was just seen, is marked.
    pub(super) fn mark(&mut self, digest: u64) {
        let sighting = self.young.get_mut(&digest).or_else(|| self.old.get_mut(&digest));
        if let Some(sighting) = sighting {
            sighting.was_marked = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_seen_is_known_until_the_caches_life_is_over() {
        let (mut seen, now) = (Seen::default(), Instant::now());
        assert!(seen.see(1, true, now).is_none());
        let just = now + LIFE.checked_sub(Duration::from_millis(1)).unwrap();
        assert!(seen.see(1, false, just).unwrap().was_end);
        assert!(seen.see(1, false, just + LIFE).is_none());
        // Its end was that of a conversation that is over.
        assert!(!seen.see(1, false, just + LIFE).unwrap().was_end);
    }

    #[test]
    fn a_clock_that_goes_back_breaks_nothing() {
        let (mut seen, now) = (Seen::default(), Instant::now() + LIFE);
        seen.see(1, false, now);
        assert!(seen.see(1, false, now.checked_sub(Duration::from_secs(9)).unwrap()).is_some());
    }

    proptest! {
        #[test]
        fn it_is_bounded_and_knows_the_latest(
            digests in proptest::collection::vec(0_u64..200, 1..400),
            half in 1_usize..50,
        ) {
            let (mut seen, now) = (Seen::new(half), Instant::now());
            for (at, digest) in digests.iter().enumerate() {
                let lately: std::collections::HashSet<_> =
                    digests[..at].iter().rev().take(half).collect();
                let is_known = seen.see(*digest, false, now).is_some();
                prop_assert!(is_known || !lately.contains(digest));
                prop_assert!(!is_known || digests[..at].contains(digest));
                prop_assert!(seen.len() <= 2 * half);
            }
        }
    }
}
